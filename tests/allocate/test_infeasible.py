"""What an infeasible requirement is told is true: each thing that is named is tried."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ntorc.allocate.allocation import allocate
from ntorc.allocate.requirement import Requirement
from ntorc.backends.native.backend import NativeBackend
from ntorc.boards import load_board
from ntorc.cost.native import NativeCost, load_model
from ntorc.devices import list_devices, load_device
from ntorc.errors import InfeasibleError, UsageError
from ntorc.network.network import Network
from ntorc.network.published import published_network, published_networks

COST = NativeCost(load_model())


@pytest.fixture(scope="module")
def large() -> Network:
    return published_network(next(item for item in published_networks() if item.name == "395_5_16_0_0_5_76"))


def asked(deadline_s: float, ceiling: float = 0.8, **board: object) -> Requirement:
    known = replace(load_board("pynq-z2"), **board)
    return Requirement(known, deadline_s, 100e6, 16, 5000.0, 1e-6, "a test", ceiling)


def on(device: str, deadline_s: float, ceiling: float = 0.8) -> Requirement:
    capacity = load_device(device).capacity
    return asked(deadline_s, ceiling, capacity={name: int(value) for name, value in capacity.as_dict().items()})


def test_the_smallest_device_for_a_deadline_does_and_smaller_ones_do_not(large: Network) -> None:
    deadline_s = 115e-6  # between what the board's device reaches and what a larger one does
    with pytest.raises(InfeasibleError, match="layer '") as told:
        allocate(large, NativeBackend(), COST, asked(deadline_s))
    result = told.value.result
    assert result["reason"] == "latency"
    device = result["smallest_device"]
    assert isinstance(device, str)
    assert allocate(large, NativeBackend(), COST, on(device, deadline_s)).latency_cycles <= 11_500
    family = [item.name for item in list_devices() if item.family == "zynq7"]
    for smaller in family[: family.index(device)]:
        with pytest.raises(InfeasibleError):
            allocate(large, NativeBackend(), COST, on(smaller, deadline_s))
    assert result["blocking_layer"] in {layer.name for layer in large.layers}


def test_a_network_that_fits_nowhere_on_the_board_is_told_a_device(large: Network) -> None:
    with pytest.raises(InfeasibleError, match="does not fit") as told:
        allocate(large, NativeBackend(), COST, asked(200e-6, ceiling=0.03))
    result = told.value.result
    assert result["reason"] == "capacity"
    assert result["blocking"] == ["LUT"] or "LUT" in str(result["blocking"])
    device = result["smallest_device"]
    assert isinstance(device, str)
    allocate(large, NativeBackend(), COST, on(device, 1.0, ceiling=0.03))


def test_devices_are_known_by_name_and_sorted() -> None:
    luts = [device.capacity.lut for device in list_devices()]
    assert luts == sorted(luts)
    assert load_device("xc7z020").capacity.as_dict() == load_board("pynq-z2").capacity
    with pytest.raises(UsageError, match="no device"):
        load_device("xc7z999")
