"""``ntorc bench faults``: deployments over SSH, ended at every step, with generated gateware behind the sshd."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ntorc.backends.native.backend import NativeBackend
from ntorc.backends.native.plan import make_plan
from ntorc.backends.native.verilate import build_logic
from ntorc.boards import Board, load_board
from ntorc.bundle.bundle import Bundle, BundleParts, SelfTestVectors, make_bundle
from ntorc.bundle.keys import SigningKey, signing_key
from ntorc.deploy.firmware import build_firmware
from ntorc.deploy.loopback import LoopbackServer
from ntorc.faults import campaign
from ntorc.faults.lab import BOARD, FaultLab
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import Dense
from ntorc.network.network import Network, random_network
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import self_test

_HOP = 4
_WINDOWS = 8
_CLOCK_HZ = 100e6


def deployment_faults(flow: Flow, seed: int, count: int) -> dict[str, Any]:
    """End a deployment at each of its steps in turn, and look at the board at the next contact.

    Args:
        flow: for the cache and progress.
        seed: of the three designs.
        count: how many points at the most, spread over all.
    """
    with tempfile.TemporaryDirectory(prefix="ntorc-faults-") as name:
        folder, board = Path(name), load_board(BOARD)
        key = signing_key(folder / "keys")
        made = []
        for number in range(3):
            made.append(small_bundle(flow, folder / f"bundle-{number}", board, key, seed + number, number + 1))
            flow.progress.step("designs", number + 1, 3)
        expected = campaign.Expectation(*made)
        firmware = build_firmware(flow.cache)
        with (
            LoopbackServer(folder / "sshd") as server,
            FaultLab(folder / "lab", server, firmware, key, (made[0], made[1])) as lab,
        ):
            faults = campaign.points(lab, expected.new)
            if count < len(faults):
                faults = [faults[index * len(faults) // count] for index in range(count)]
            trials = campaign.run(lab, expected, faults, flow.progress)
    return {"benchmark": "faults", "seed": seed, **campaign.summary(trials)}


def _network(seed: int) -> Network:
    word, weight = FixedFormat(14, 6), FixedFormat(8, 6)
    layers = (Dense("hidden", 16, 1, 4, weight, word), Dense("out", 1, 4, 1, weight, word))
    return random_network(seed, word, 16, layers)


def small_bundle(flow: Flow, folder: Path, board: Board, key: SigningKey, seed: int, sequence: int) -> Bundle:
    """A small network with drawn weights and directives as a signed bundle for the virtual board."""
    network, draw = _network(seed), random.Random(seed)
    backend, word = NativeBackend(), network.input_format
    directives = [draw.choice(backend.legal_directives(network, layer)) for layer in network.layers]
    plan = make_plan(network, directives, _CLOCK_HZ, _HOP)
    samples = np.random.default_rng(seed).integers(
        word.minimum, word.maximum + 1, network.input_length + (_WINDOWS - 1) * _HOP
    )
    inputs, results = self_test(network, samples, _HOP)
    network.save(folder / "network")
    parts = BundleParts(
        name=network.name,
        board=board,
        clock_hz=round(_CLOCK_HZ),
        design_id=plan.design_id,
        kind="virtual",
        window=network.input_length,
        hop=_HOP,
        logic=build_logic(plan.files, flow.cache),
        vectors=SelfTestVectors(inputs, results, _HOP),
        network={name: folder / "network" / name for name in ("network.json", "weights.npz")},
        sequence=sequence,
    )
    return make_bundle(folder / "bundle", parts, key)
