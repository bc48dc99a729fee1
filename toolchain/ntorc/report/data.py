"""What a report shows: the nouns of one run and the series behind its figures."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ntorc.allocate.allocation import Allocation
from ntorc.backends.base import Products, Resources
from ntorc.deploy.deployment import Deployment
from ntorc.errors import MeasurementError, StorageError
from ntorc.measure.measurement import Measurement
from ntorc.records import load, save, storage_errors, write_atomically

_PLAIN, _SERIES = "report.json", "report.npz"
_SERIES_NAMES = ("pl_cycles", "loop_s", "time_s", "truth_v", "estimate_v")


@dataclass(frozen=True)
class _Plain:
    run: str
    created: str
    command: str
    summary: dict[str, Any]
    allocation: Allocation
    measurement: Measurement
    products: Products
    deployment: Deployment
    estimator: tuple[tuple[str, str], ...]
    calibration: tuple[str, ...]
    notes: tuple[str, ...]
    capacity: Resources


@dataclass(frozen=True)
class ReportData:
    """Everything that one run's report says.

    Attributes:
        run: the run's name.
        created: ISO 8601, UTC.
        command: what was asked; with it the run is made again.
        summary: the object of ``ntorc deploy --json``.
        allocation, measurement, products, deployment: the run's nouns.
        estimator: rows about the estimator, label to text.
        pl_cycles: [n] cycles of every estimate that was delivered whole, n > 0.
        loop_s: [n] from the sample's scheduled release to the estimate being known, seconds.
        time_s, truth_v, estimate_v: [m] one held-out trajectory, or m = 0 when there is none.
        calibration: what the measurements changed in the cost models, a line each.
        notes: what is not real, a line each.
        capacity: what the device has, or None for what the board's file says.

    Raises:
        MeasurementError: series of other shapes, or with values that are not finite.
    """

    run: str
    created: str
    command: str
    summary: Mapping[str, object]
    allocation: Allocation
    measurement: Measurement
    products: Products
    deployment: Deployment
    estimator: Mapping[str, str]
    pl_cycles: npt.NDArray[np.int64]
    loop_s: npt.NDArray[np.float64]
    time_s: npt.NDArray[np.float64]
    truth_v: npt.NDArray[np.float64]
    estimate_v: npt.NDArray[np.float64]
    calibration: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    capacity: Resources | None = None

    def __post_init__(self) -> None:
        for name in _SERIES_NAMES:
            values = getattr(self, name)
            if np.ndim(values) != 1 or not np.all(np.isfinite(values)):
                raise _unusable(f"{name} is not one series of finite values")
        if len(self.pl_cycles) == 0 or len(self.pl_cycles) != len(self.loop_s):
            raise _unusable(f"{len(self.pl_cycles)} cycle counts and {len(self.loop_s)} loop times")
        if not len(self.time_s) == len(self.truth_v) == len(self.estimate_v):
            raise _unusable("time, truth and estimate have other lengths")
        if np.any(np.diff(self.time_s) < 0):
            raise _unusable("the trajectory's times run backwards")

    @property
    def is_virtual(self) -> bool:
        """Whether no board was measured."""
        from ntorc.deploy.target import is_virtual_name

        return is_virtual_name(self.measurement.target)

    @property
    def is_routed(self) -> bool:
        """Whether the logic is a bitstream, its figures those of place and route."""
        made = self.summary.get("synthesised")
        return isinstance(made, Mapping) and made.get("state") == "routed"

    @property
    def made_by(self) -> str:
        """What the resources are after, for people."""
        if self.is_routed:
            return f"place and route by {self.products.tool}"
        return f"synthesis by {self.products.tool}, estimates until place and route"

    @property
    def device(self) -> Resources:
        """What the device has."""
        if self.capacity is not None:
            return self.capacity
        from ntorc.boards import load_board

        return Resources(**load_board(self.allocation.board).capacity)

    @property
    def rmse_v(self) -> float | None:
        """Root mean square error on the shown trajectory, volts; None without one."""
        if len(self.time_s) == 0:
            return None
        return float(np.sqrt(np.mean((self.estimate_v - self.truth_v) ** 2)))

    def save(self, folder: Path) -> Path:
        """Write ``report.json`` and ``report.npz``, from which the report can be made again.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        series = io.BytesIO()
        np.savez_compressed(series, **{name: getattr(self, name) for name in _SERIES_NAMES})
        with storage_errors(folder):
            write_atomically(folder / _SERIES, series.getvalue())
        save(
            _Plain(
                self.run,
                self.created,
                self.command,
                dict(self.summary),
                self.allocation,
                self.measurement,
                self.products,
                self.deployment,
                tuple(self.estimator.items()),
                self.calibration,
                self.notes,
                self.device,
            ),
            folder / _PLAIN,
        )
        return folder

    @staticmethod
    def load(folder: Path) -> ReportData:
        """Read what `save` wrote.

        Raises:
            StorageError: it is missing or damaged.
        """
        plain = load(_Plain, folder / _PLAIN)
        path = folder / _SERIES
        try:
            with np.load(path, allow_pickle=False) as arrays:
                series = {name: arrays[name] for name in _SERIES_NAMES}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise StorageError(f"{path} is not a report's series: {error}", "run the command again") from error
        values = {name: getattr(plain, name) for name in _Plain.__dataclass_fields__}
        return ReportData(**{**values, **series, "estimator": dict(plain.estimator)})


def _unusable(reason: str) -> MeasurementError:
    return MeasurementError(f"these figures cannot be reported: {reason}", "measure again")
