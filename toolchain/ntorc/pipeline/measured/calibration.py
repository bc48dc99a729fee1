"""What a build and a measurement changed in the cost models, and in what is assumed about a board."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ntorc.allocate.allocation import Allocation
from ntorc.backends.base import RESOURCES, Resources
from ntorc.boards import BoardKnowledge
from ntorc.deploy.target import is_virtual_name
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import Built
from ntorc.pipeline.measured.drift import PREDICTION
from ntorc.pipeline.measured.recalibrate import Change, learn_board
from ntorc.store.base import Observation

if TYPE_CHECKING:
    from ntorc.measure.measurement import Measurement


@dataclass(frozen=True)
class Calibration:
    """What the measurements and reports changed in the cost models.

    Attributes:
        changes: figures that differ from their prediction.
        confirmed: figures that were predicted exactly.
        added: observations that the store did not have.
        notes: what could not be learned, and why.
    """

    changes: tuple[Change, ...]
    confirmed: int
    added: int
    notes: tuple[str, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """For people."""
        texts = [f"{self.added} new observations stored; {self.confirmed} figures were predicted exactly"]
        for change in self.changes:
            off = 100.0 * (change.measured - change.predicted) / max(change.predicted, 1.0)
            texts.append(
                f"{change.subject}: {change.quantity} predicted {_figure(change.predicted)}, {change.source}"
                f" {_figure(change.measured)} ({off:+.1f} %)"
            )
        return (*texts, *self.notes)


def _figure(value: float) -> str:
    return f"{value:.0f}" if value == round(value) else f"{value:.2f}"


def _predictions(allocation: Allocation, built: Built, run: str) -> list[Observation]:
    """What the model alone said of parts that nothing was known of; drift is judged by it."""
    found = []
    for layer, part in zip(allocation.layers, built.products.parts, strict=False):  # the shell comes last
        if layer.basis == "model":
            quantities = {name: float(getattr(layer.resources, name)) for name in RESOURCES}
            found.append(
                Observation(
                    PREDICTION,
                    allocation.backend,
                    allocation.part,
                    part.subject,
                    part.directive,
                    quantities,
                    "cost model",
                    run,
                )
            )
    return found


def _synthesised(allocation: Allocation, built: Built, run: str) -> list[Observation]:
    return [
        Observation(
            "post_synthesis",
            allocation.backend,
            allocation.part,
            part.subject,
            part.directive,
            {resource: float(getattr(part.resources, resource)) for resource in RESOURCES},
            built.products.tool,
            run,
        )
        for part in built.products.parts
    ]


def _compared(allocation: Allocation, built: Built) -> list[tuple[str, Resources, Resources]]:
    """Predicted and found resources: of each layer and the shell; of the whole where the parts are cut otherwise."""
    parts = built.products.parts
    if len(parts) != len(allocation.layers) + 1:
        return [("design", allocation.predicted, built.products.total)]
    names = [*((item.layer, item.resources) for item in allocation.layers), ("shell", allocation.fixed)]
    return [(name, before, part.resources) for (name, before), part in zip(names, parts, strict=True)]


def calibrate(
    flow: Flow,
    allocation: Allocation,
    built: Built,
    measurement: Measurement,
    run: str,
    known: BoardKnowledge | None = None,
    *,
    is_routed: bool = False,
) -> Calibration:
    """Store synthesised resources, measured cycles and what the board showed of itself; say what they change.

    Args:
        flow: for the store.
        allocation: what was predicted.
        built: what was built of it.
        measurement: of the deployed design.
        run: its name.
        known: what the allocation assumed about the board, None for its file alone.
        is_routed: the figures are those of place and route, whose observations the bitstream's build has stored.
    """
    observations, confirmed = [], 0
    if not is_routed:
        flow.store.observe(_predictions(allocation, built, run))
        observations = _synthesised(allocation, built, run)
    changes: list[Change] = []
    for name, before, found in _compared(allocation, built):
        for resource in RESOURCES:
            guess, truth = round(getattr(before, resource)), float(getattr(found, resource))
            if guess == truth:
                confirmed += 1
            else:
                changes.append(
                    Change(name, resource.upper(), guess, truth, "routed" if is_routed else "synthesised")
                )
    learned = learn_board(allocation, measurement, run, known)
    source = "simulated_cycles" if is_virtual_name(measurement.target) else "board_cycles"
    observations.append(
        Observation(
            source,
            allocation.backend,
            "any",
            f"network:{allocation.network}",
            ";".join(str(directive) for directive in allocation.directives),
            {"latency_cycles": float(measurement.pl_cycles_max)},
            "latency probe",
            run,
        )
    )
    cycles = allocation.latency_cycles + (known.offset_cycles if known is not None else 0)
    if measurement.pl_cycles_max == cycles:
        confirmed += 1
    else:
        text = source.replace("_", " ")
        changes.append(Change("network", "latency cycles", cycles, measurement.pl_cycles_max, text))
    changes += learned.changes
    added = flow.store.observe([*observations, *learned.observations])
    return Calibration(tuple(changes), confirmed, added, learned.notes)
