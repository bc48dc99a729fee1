"""The stage Measurement -> Calibration: what a deployment showed becomes observations in the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ntorc.allocate.allocation import Allocation
from ntorc.backends.base import RESOURCES
from ntorc.deploy.target import is_virtual_name
from ntorc.pipeline.drift import PREDICTION
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.knowledge import BoardKnowledge
from ntorc.pipeline.make import Built
from ntorc.pipeline.recalibrate import Change, learn_board
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


def calibrate(
    flow: Flow,
    allocation: Allocation,
    built: Built,
    measurement: Measurement,
    run: str,
    known: BoardKnowledge | None = None,
) -> Calibration:
    """Store synthesised resources, measured cycles and what the board showed of itself; say what they change.

    ``known`` is what the allocation assumed about the board, None for its file alone.
    """
    tool = built.products.tool
    flow.store.observe(_predictions(allocation, built, run))
    observations, changes, confirmed = [], [], 0
    predicted = {item.layer: item.resources for item in allocation.layers}
    names = [*(item.layer for item in allocation.layers), "shell"]
    for name, part in zip(names, built.products.parts, strict=True):
        quantities = {resource: float(getattr(part.resources, resource)) for resource in RESOURCES}
        observations.append(
            Observation(
                "post_synthesis",
                allocation.backend,
                allocation.part,
                part.subject,
                part.directive,
                quantities,
                tool,
                run,
            )
        )
        before = predicted.get(name, allocation.fixed)
        for resource in RESOURCES:
            guess, truth = round(getattr(before, resource)), quantities[resource]
            if guess == truth:
                confirmed += 1
            else:
                changes.append(Change(name, resource.upper(), guess, truth, "synthesised"))
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
