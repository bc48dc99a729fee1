"""``ntorc bench faults``: deployments over SSH, ended at every step, with generated gateware behind the sshd."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ntorc.backends.native.backend import NativeBackend
from ntorc.backends.native.draw import draw_network
from ntorc.backends.native.plan import NO_DIRECTIVE, make_plan
from ntorc.backends.native.verilate import build_logic
from ntorc.boards import Board, load_board
from ntorc.bundle.bundle import Bundle, BundleParts, SelfTestVectors, make_bundle
from ntorc.bundle.keys import SigningKey, signing_key
from ntorc.deploy.firmware import build_firmware
from ntorc.deploy.loopback import LoopbackServer
from ntorc.faults import campaign
from ntorc.faults.lab import BOARD, FaultLab
from ntorc.network.layers import Pool
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
            made.append(_bundle(flow, folder / f"bundle-{number}", board, key, seed + number, number + 1))
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


def _bundle(flow: Flow, folder: Path, board: Board, key: SigningKey, seed: int, sequence: int) -> Bundle:
    """A drawn network with drawn directives as a signed bundle for the virtual board."""
    network, draw = draw_network(seed), random.Random(seed)
    backend, word = NativeBackend(), network.input_format
    directives = [
        NO_DIRECTIVE if isinstance(layer, Pool) else draw.choice(backend.legal_directives(network, layer))
        for layer in network.layers
    ]
    hop = network.input_length if network.stateful else _HOP
    plan = make_plan(network, directives, _CLOCK_HZ, hop)
    samples = np.random.default_rng(seed).integers(
        word.minimum, word.maximum + 1, network.input_length + (_WINDOWS - 1) * hop
    )
    inputs, results = self_test(network, samples, hop)
    network.save(folder / "network")
    parts = BundleParts(
        name=network.name,
        board=board,
        clock_hz=round(_CLOCK_HZ),
        design_id=plan.design_id,
        kind="virtual",
        window=network.input_length,
        hop=hop,
        logic=build_logic(plan.files, flow.cache),
        vectors=SelfTestVectors(inputs, results, hop),
        network={name: folder / "network" / name for name in ("network.json", "weights.npz")},
        sequence=sequence,
    )
    return make_bundle(folder / "bundle", parts, key)
