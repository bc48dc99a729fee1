"""A budget of trainings for tests, and costing as on a board."""

from __future__ import annotations

from ntorc.backends.native.backend import NativeBackend
from ntorc.boards import load_board
from ntorc.cost.native import NativeCost, load_model
from ntorc.pipeline.make import requirement_for
from ntorc.search.budget import Budget
from ntorc.search.hardware import Costing
from ntorc.units import parse_duration

SMALL = Budget(looks=2, iterations=2, batch=2, crop_frames=24, steps=2, windows=8, replicas=1, scored_every=16)


def costing_for(deadline: str, ceiling: float = 0.8) -> Costing:
    """As ``ntorc allocate`` on a PYNQ-Z2, with the model that ships."""
    requirement = requirement_for(load_board("pynq-z2"), parse_duration(deadline), None, 16, ceiling, "MERGE")
    return Costing(NativeBackend(), NativeCost(load_model(), []), requirement)
