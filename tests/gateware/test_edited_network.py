"""A network whose file was edited by hand: other rounding, overflow, widths and tables by layer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntorc.bench.gateware import compare_network
from ntorc.errors import NtorcError
from ntorc.network import reference
from ntorc.network.activations import Table
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import Conv1D, Dense
from ntorc.network.network import Network, random_network
from ntorc.pipeline.flow import Flow
from ntorc.store.local import LocalStore


def saved(folder: Path) -> Path:
    weight, word = FixedFormat(8, 6), FixedFormat(10, 4)
    layers = (
        Conv1D("conv", 12, 1, 3, 3, weight, word, activation="relu"),
        Dense("hidden", 10, 3, 4, weight, FixedFormat(10, 8), Table("tanh", 2, 8)),
        Dense("last", 1, 4, 2, weight, FixedFormat(9, 4)),
    )
    return random_network(3, FixedFormat(12, 6), 12, layers).save(folder)


def edited(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "network.json").read_text(encoding="utf-8"))
    return content


def write(folder: Path, content: dict[str, Any]) -> None:
    (folder / "network.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("overflow", ["wrap", "saturate"])
@pytest.mark.parametrize("rounding", ["truncate", "half_up"])
def test_it_builds_and_equals_the_reference(
    rounding: str, overflow: str, tmp_path: Path, ntorc_cache: Path
) -> None:
    folder = saved(tmp_path / "network")
    before, content = Network.load(folder), edited(folder)
    conv, hidden, last = content["layers"]
    conv["output_format"] |= {"rounding": rounding, "overflow": overflow, "bits": 11}
    hidden["activation"] |= {"address_bits": 5}
    last["output_format"] |= {"rounding": "truncate", "overflow": overflow}
    write(folder, content)
    network = Network.load(folder)
    assert network.layers[0].output_format == FixedFormat(11, 4, rounding, overflow)  # type: ignore[union-attr, arg-type]
    frames = np.random.default_rng(1).integers(-2048, 2048, (200, 12, 1))
    assert (reference.run(network, frames) != reference.run(before, frames)).any()
    flow = Flow(LocalStore(tmp_path / "store"), ntorc_cache, tmp_path)
    assert compare_network(flow, network, 1) == (20, 0, 0)


def test_a_word_that_is_none_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "network")
    content = edited(folder)
    content["layers"][0]["output_format"]["rounding"] = "upwards"
    write(folder, content)
    with pytest.raises(NtorcError, match="rounding"):
        Network.load(folder)
