"""Measurements of hls4ml layers beside the model: as observations in the store, from a table, in the predictions."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ntorc.cost.base import QUANTITIES, Estimates, OptionTable
from ntorc.cost.calibration import (
    CYCLE_SOURCES,
    RESOURCE_SOURCES,
    Asked,
    Calibration,
    Drift,
    Measurement,
    Prior,
    find_drift,
)
from ntorc.cost.hls4ml import FITTED, Hls4mlCosts, Hls4mlModel
from ntorc.cost.hls4ml_latency import hls_share
from ntorc.cost.hls4ml_structure import CONVOLUTION, structure_of
from ntorc.errors import DataError
from ntorc.store.base import Observation

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]

CALIBRATED = ("latency_cycles", *FITTED)
"""Quantities whose predictions measurements move; DSP and block RAM are counted, and taken only where measured."""

COLUMNS = ("source", "tool", "device", "clock_hz", "kind", "n_in", "size", "length", "pack", "reuse_factor")
"""What a table of measurements names for each row; beside them at least one of `QUANTITIES`."""

_LARGEST_LAYER = 65_536  # inputs, units or steps; more is a mistake
_ENOUGH = 5
_Z = 2.326  # the normal's 99 %
_SHAPE = ("n_in", "size", "length", "pack")
_NUMBERS = ("clock_hz", *_SHAPE, "reuse_factor")
_SOURCES = tuple(dict.fromkeys((*RESOURCE_SOURCES, *CYCLE_SOURCES)))


def subject_of(kind: str, shape: Mapping[str, float], clock_hz: float) -> str:
    """Signature of a layer at a clock: what its costs depend on, so ``pack`` of dense layers, ``length`` of others.

    Of a convolution also those of `CONVOLUTION` that are not the data's.
    """
    unused = {"length": 1} if kind == "dense" else {"pack": 0}
    numbers = {name: int(unused.get(name, shape[name])) for name in _SHAPE}
    if kind == "conv":
        numbers |= {name: int(shape[name]) for name, plain in CONVOLUTION.items() if shape.get(name, plain) != plain}
    text = " ".join(f"{name}={value}" for name, value in numbers.items())
    return f"hls4ml {kind} {text} mhz={clock_hz / 1e6:g}"


def directive_of(reuse_factor: float) -> str:
    """A directive's text."""
    return f"reuse_factor={int(reuse_factor)}"


def read_measurements(path: Path) -> list[Observation]:
    """Observations from a CSV with a header of `COLUMNS` and quantities; empty cells are quantities not measured.

    Raises:
        DataError: the file cannot be read, or a row is no measurement; the line is named.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read the measurements {path}: {error}", f"give a CSV with {_HEADER}") from error
    if not rows:
        raise DataError(f"{path} holds no measurements", f"give a CSV with {_HEADER}")
    missing = [name for name in COLUMNS if name not in rows[0]]
    if missing:
        raise DataError(f"{path} lacks the column {missing[0]}", f"its header is {_HEADER}")
    return [_observation(path, number, row) for number, row in enumerate(rows, start=2)]


_HEADER = ",".join((*COLUMNS, *QUANTITIES))


def _observation(path: Path, number: int, row: Mapping[str, str | None]) -> Observation:
    def cell(name: str) -> str:
        return (row.get(name) or "").strip()

    def positive(name: str) -> float:
        try:
            value = float(cell(name))
        except ValueError:
            value = math.nan
        least = 0 if name in ("pack", "padding", *QUANTITIES) else 1
        most = _LARGEST_LAYER if name in (*_SHAPE, *CONVOLUTION) else 1e12
        if not least <= value <= most or (name in (*_SHAPE, *CONVOLUTION, "reuse_factor") and value != int(value)):
            raise DataError(f"{path}, line {number}: {name} is '{cell(name)[:40]}'", "give a number in its usual range")
        return value

    numbers = {name: positive(name) for name in _NUMBERS}
    numbers |= {name: positive(name) for name in CONVOLUTION if cell(name)}
    if cell("kind") not in ("conv", "lstm", "dense"):
        raise DataError(f"{path}, line {number}: kind is '{cell('kind')[:40]}'", "kinds: conv, lstm, dense")
    source, quantities = cell("source"), {name: positive(name) for name in QUANTITIES if cell(name)}
    if source not in _SOURCES:
        raise DataError(f"{path}, line {number}: source is '{source[:40]}'", f"sources: {', '.join(_SOURCES)}")
    known = CYCLE_SOURCES if "latency_cycles" in quantities else RESOURCE_SOURCES
    if not quantities or source not in known:
        raise DataError(
            f"{path}, line {number}: nothing that {source} can measure",
            "cycles come from csynth, simulated_cycles or board_cycles, resources from csynth and reports",
        )
    if not cell("device"):
        raise DataError(f"{path}, line {number}: no device", "name the part, as xc7z020clg400-1")
    subject = subject_of(cell("kind"), numbers, numbers["clock_hz"])
    return Observation(
        source,
        "hls4ml",
        cell("device"),
        subject,
        directive_of(numbers["reuse_factor"]),
        quantities,
        cell("tool"),
        path.name,
    )


@dataclass(frozen=True)
class _Parsed:
    kind: str
    shape: dict[str, float]
    clock_hz: float
    reuse_factor: float


def _parse(item: Observation) -> _Parsed | None:
    """The option behind an observation; None for one that is not of `subject_of`'s form."""
    words = item.subject.split()
    try:
        fields = dict(word.split("=", 1) for word in words[2:])
        shape = {name: float(fields[name]) for name in _SHAPE} | {
            name: float(fields.get(name, plain)) for name, plain in CONVOLUTION.items()
        }
        reuse = float(item.directive.removeprefix("reuse_factor="))
        return _Parsed(words[1], shape, float(fields["mhz"]) * 1e6, reuse) if words[0] == "hls4ml" else None
    except (ValueError, KeyError, IndexError):
        return None


def table_of(kind: str, shape: Mapping[str, float], reuse_factors: Sequence[float]) -> OptionTable:
    """Options of one layer."""
    import numpy as np

    reuse = np.asarray(reuse_factors, float)
    named = {name: float(shape.get(name, plain)) for name, plain in CONVOLUTION.items()}
    named |= {name: float(shape[name]) for name in _SHAPE}
    columns = {"reuse_factor": reuse, **{name: np.full(len(reuse), value) for name, value in named.items()}}
    return OptionTable(kind, columns)


def points_of(table: OptionTable) -> FloatArray:
    """Coordinates of options for the update: reuse factor, inputs and size in octaves, ``[N, 3]``.

    The inputs of a convolution of other taps are those of the data's taps with as large a product.
    """
    import numpy as np

    structure = structure_of(table.kind, table.columns)
    points: FloatArray = np.log2(np.stack([structure.products[0].reuse, structure.equivalent_n_in, structure.size], 1))
    return points


def measurements_of(model: Hls4mlModel, observations: Iterable[Observation]) -> dict[str, list[Measurement]]:
    """Measured over predicted, by quantity of `CALIBRATED`, in the observations' order."""
    found: dict[str, list[Measurement]] = {name: [] for name in CALIBRATED}
    costs = Hls4mlCosts(model)
    for item in observations:
        parsed = _parse(item)
        if parsed is None or parsed.kind not in model.kinds:
            continue
        table = table_of(parsed.kind, parsed.shape, [parsed.reuse_factor])
        mean = costs.estimate(table, item.device, parsed.clock_hz).mean
        for name in CALIBRATED:
            sources = CYCLE_SOURCES if name == "latency_cycles" else RESOURCE_SOURCES
            if item.quantities.get(name, 0.0) > 0 and item.source in sources:
                ratio = math.log(_compared(item, name, table) / float(mean[name][0]))
                point = tuple(points_of(table)[0].tolist())
                label = f"{item.tool} {item.run}".strip()
                found[name].append(Measurement(parsed.kind, item.subject, point, item.source, ratio, label))
    return found


def _compared(item: Observation, name: str, table: OptionTable, index: int = 0) -> float:
    """A measured quantity as the model has it: HLS' report counts positions that a stride passes over in full."""
    value = item.quantities[name]
    if name == "latency_cycles" and item.source == "csynth":
        value *= float(hls_share(structure_of(table.kind, table.columns))[index])
    return value


def prior_of(quantity: str, *, is_known: bool = False) -> Prior:
    """How far measurements may lie from the model before there are any.

    Args:
        quantity: of `CALIBRATED`; cycles shift less than resources, since they follow from the loops.
        is_known: the device and clock are those of the model's data, so that only the tool may differ.
    """
    share = 0.25 if is_known else 1.0
    if quantity == "latency_cycles":
        return Prior(0.1 * share, 0.05 * share, 0.05 * share, 0.01, sources=CYCLE_SOURCES)
    return Prior(0.4 * share, 0.2 * share, 0.15 * share, 0.06)


def drifts(model: Hls4mlModel, observations: Iterable[Observation]) -> dict[str, Drift]:
    """By quantity, whether later measurements left what the earlier ones led to expect."""
    return {
        name: find_drift(items, prior_of(name)) for name, items in measurements_of(model, observations).items() if items
    }


class MeasuredHls4mlCosts:
    """`BatchCosts` of hls4ml layers, moved by measurements of the asked device and clock.

    An option that was measured itself, in the source that is asked for or a later one, has those figures (basis
    ``measured`` where cycles, LUT and FF were); with any measurement all others are the model's times the posterior
    shift (``calibrated``).
    """

    def __init__(
        self,
        model: Hls4mlModel,
        observations: Iterable[Observation],
        *,
        resource_source: str = "csynth",
        cycle_source: str = "csynth",
    ) -> None:
        """Take measurements in.

        Args:
            model: that ships.
            observations: of hls4ml, oldest first.
            resource_source: what LUT and FF are predicted as: ``csynth``, ``post_synthesis`` or ``post_route``.
            cycle_source: the same for cycles.
        """
        self._plain = Hls4mlCosts(model)
        self._observations = [(item, parsed) for item in observations if (parsed := _parse(item)) is not None]
        self._source = dict.fromkeys(FITTED, resource_source) | {"latency_cycles": cycle_source}
        self._cache: dict[tuple[str, float], tuple[dict[str, Calibration], list[Observation]]] = {}

    def _calibrations(self, device: str, clock_hz: float) -> tuple[dict[str, Calibration], list[Observation]]:
        key = device, clock_hz
        if key not in self._cache:
            near = [
                item for item, parsed in self._observations
                if item.device == device and abs(parsed.clock_hz - clock_hz) <= 0.01 * clock_hz
            ]  # fmt: skip
            found = measurements_of(self._plain.model, near)
            is_known = self._plain.is_known(device, clock_hz)
            self._cache[key] = (
                {name: Calibration(items, prior_of(name, is_known=is_known)) for name, items in found.items()},
                near,
            )
        return self._cache[key]

    def estimate(self, table: OptionTable, device: str, clock_hz: float) -> Estimates:
        """See `BatchCosts.estimate`."""
        import numpy as np

        plain = self._plain.estimate(table, device, clock_hz)
        calibrations, near = self._calibrations(device, clock_hz)
        if not near:
            return plain
        subjects = self._subjects(table, clock_hz)
        mean = {name: values.copy() for name, values in plain.mean.items()}
        bound = {name: values.copy() for name, values in plain.bound.items()}
        for name, calibration in calibrations.items():
            if not calibration.measurements:
                continue
            asked = Asked([table.kind] * len(table), subjects, points_of(table), self._source[name])
            shift, deviation = calibration.shift(asked)
            own = np.log(np.maximum(plain.bound[name], 1e-9) / np.maximum(plain.mean[name], 1e-9))
            mean[name] = plain.mean[name] * np.exp(shift)
            bound[name] = mean[name] * np.exp(np.hypot(own, _Z * deviation))
        basis = ["calibrated"] * len(table)
        self._take_measured(table, subjects, near, mean, bound, basis)
        tools = sorted({f"{item.source} by {item.tool or 'an unnamed tool'}" for item in near})
        text = f"{len(near)} measurements of {device} ({', '.join(tools)}) on {plain.data['model']}"
        data = {**plain.data, "calibrated": text, "measured": text}
        outside = plain.outside
        if len(near) >= _ENOUGH:  # the device is known by then; what remains is the range of layers
            outside = self._plain.model.is_outside(structure_of(table.kind, table.columns))
        outside = outside & np.array([one != "measured" for one in basis])
        return replace(plain, mean=mean, bound=bound, outside=outside, basis=tuple(basis), data=data)

    def _subjects(self, table: OptionTable, clock_hz: float) -> list[str]:
        columns = []
        spare = {"length": 1.0, **CONVOLUTION}
        names = (*_SHAPE, *CONVOLUTION)
        for name in names:
            column = table.columns.get(name)
            columns.append([float(spare.get(name, 0.0))] * len(table) if column is None else column.tolist())
        rows = zip(*columns, strict=True)
        return [subject_of(table.kind, dict(zip(names, row, strict=True)), clock_hz) for row in rows]

    def _take_measured(
        self,
        table: OptionTable,
        subjects: Sequence[str],
        near: Sequence[Observation],
        mean: Mapping[str, FloatArray],
        bound: Mapping[str, FloatArray],
        basis: list[str],
    ) -> None:
        """Figures of options that were measured themselves; later observations replace earlier ones."""
        where = {
            (subject, directive_of(reuse)): index
            for index, (subject, reuse) in enumerate(zip(subjects, table.columns["reuse_factor"], strict=True))
        }
        taken: dict[int, set[str]] = {}
        for item in near:
            index = where.get((item.subject, item.directive))
            if index is None:
                continue
            for name in item.quantities.keys() & mean.keys():
                order = list(CYCLE_SOURCES if name == "latency_cycles" else RESOURCE_SOURCES)
                asked = order.index(self._source.get(name, "csynth"))
                if item.source in order[asked:]:
                    mean[name][index] = bound[name][index] = _compared(item, name, table, index)
                    taken.setdefault(index, set()).add(name)
        for index, names in taken.items():
            if names >= set(CALIBRATED):
                basis[index] = "measured"
