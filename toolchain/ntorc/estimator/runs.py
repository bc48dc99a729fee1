"""Runs: acceleration and roller position recorded or simulated together, with units and a digest.

A folder of runs is one .npz a run (arrays ``acc`` and ``pin``, float32 volts) and ``runs.json``
with what the arrays cannot say: sample rate, units, origin and the digest of each run.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import numpy as np
import numpy.typing as npt

from ntorc import records
from ntorc.errors import DataError
from ntorc.npz import read_arrays

FloatArray = npt.NDArray[np.float32]

INDEX_NAME = "runs.json"
NPZ_ARRAYS = ("acc", "pin")
SAMPLE_RATE_HZ = 5000.0
MIN_SAMPLES = 256
"""Shorter recordings hold less than two periods of the beam's lowest frequency."""

MOST_VOLTS = 50.0
"""No converter of such a sensor reads more: larger accelerations are counts, or another unit."""

POSITION_MM_PER_V = 43.6
POSITION_MM_PER_V_RELATIVE_UNCERTAINTY = 0.2
POSITION_SCALE_NOTE = (
    "volts are measured, millimetres are derived: a beam fit gives 44 to 49 mm/V, the published "
    "travel 38.6 mm/V, so the scale is known to about 20 %"
)

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ +-]{0,199}")
_FORMAT = 1


@dataclass(frozen=True, eq=False)
class Run:
    """One recording.

    Attributes:
        name: unique among its `Runs`; also its file's name.
        family: the kind of motion, `family_of` the name.
        acceleration_v: accelerometer after its conditioner, volts, shape [n].
        position_v: roller position sensor, volts, shape [n].
        sample_rate_hz: of both.

    Raises:
        DataError: unequal lengths, too short, not finite, or an unusable name or sample rate.
    """

    name: str
    family: str
    acceleration_v: FloatArray
    position_v: FloatArray
    sample_rate_hz: float = SAMPLE_RATE_HZ

    def __post_init__(self) -> None:
        if _SAFE_NAME.fullmatch(self.name) is None:
            raise DataError(
                f"'{self.name[:60]}' cannot be the name of a run",
                "rename the file: letters, digits, spaces and . _ + - are accepted",
            )
        if not (np.isfinite(self.sample_rate_hz) and self.sample_rate_hz > 0.0):
            raise DataError(f"run {self.name}: sample rate {self.sample_rate_hz} Hz is not a positive number")
        for attribute in ("acceleration_v", "position_v"):
            object.__setattr__(self, attribute, _checked(self.name, attribute, getattr(self, attribute)))
        lengths = (self.acceleration_v.size, self.position_v.size)
        if lengths[0] != lengths[1]:
            raise DataError(
                f"run {self.name}: {lengths[0]} acceleration samples but {lengths[1]} position samples",
                "both must be recorded together, sample by sample",
            )
        if lengths[0] < MIN_SAMPLES:
            raise DataError(
                f"run {self.name}: only {lengths[0]} samples", f"a run needs at least {MIN_SAMPLES} samples"
            )

    @property
    def samples(self) -> int:
        """Number of samples."""
        return int(self.acceleration_v.size)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.samples / self.sample_rate_hz

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over name, sample rate and both series."""
        total = hashlib.sha256(f"{self.name}\0{self.sample_rate_hz!r}\0{self.samples}\0".encode())
        for series in (self.acceleration_v, self.position_v):
            total.update(np.ascontiguousarray(series, dtype="<f4").tobytes())
        return total.hexdigest()


def make_run(
    name: str,
    family: str,
    acceleration: npt.NDArray[np.generic],
    position: npt.NDArray[np.generic],
    sample_rate_hz: float,
) -> Run:
    """A run from arrays of any type, as files hold them; `Run` checks and converts them.

    Raises:
        DataError: see `Run`; or accelerations that are no volts.
    """
    largest = float(np.abs(_checked(name, "acceleration_v", acceleration)).max(initial=0.0))
    if largest > MOST_VOLTS:
        raise DataError(
            f"run {name}: accelerations of up to {largest:.6g} are no volts (at most {MOST_VOLTS:g})",
            "counts of a converter must be multiplied by its volts a count, as 10 / 8192 for 14 bits of +-10 V",
        )
    return Run(
        name,
        family,
        _checked(name, "acceleration_v", acceleration),
        _checked(name, "position_v", position),
        sample_rate_hz,
    )


def _checked(name: str, attribute: str, values: object) -> FloatArray:
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "fiu":
        raise DataError(
            f"run {name}: {attribute} is not one series of real numbers (shape {array.shape}, {array.dtype})"
        )
    with np.errstate(over="ignore"):
        result = np.array(array, dtype=np.float32)
    if not np.isfinite(result).all():
        first = int(np.flatnonzero(~np.isfinite(result))[0])
        raise DataError(
            f"run {name}: {attribute} is not a finite number at sample {first}",
            "remove the run, or cut it before the fault",
        )
    result.setflags(write=False)
    return result


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs of one rig: equal sample rate, distinct names, in the order of their names.

    Attributes:
        runs: at least one.
        source: where they come from, in words.
        position_mm_per_v: scale for showing positions in millimetres; training uses volts.
        position_mm_per_v_relative_uncertainty: of that scale.
        note: what to know about the scale.

    Raises:
        DataError: none, two of one name, or different sample rates.
    """

    runs: tuple[Run, ...]
    source: str
    position_mm_per_v: float = POSITION_MM_PER_V
    position_mm_per_v_relative_uncertainty: float = POSITION_MM_PER_V_RELATIVE_UNCERTAINTY
    note: str = POSITION_SCALE_NOTE

    def __post_init__(self) -> None:
        if not self.runs:
            raise DataError(f"there are no runs in {self.source}", "`ntorc data simulate` makes some")
        object.__setattr__(self, "runs", tuple(sorted(self.runs, key=lambda run: run.name)))
        for before, run in zip(self.runs, self.runs[1:], strict=False):
            if before.name == run.name:
                raise DataError(f"two runs are named {run.name}", "rename one of the files")
        first = self.runs[0]
        for run in self.runs:
            if not np.isclose(run.sample_rate_hz, first.sample_rate_hz, rtol=1e-4):
                raise DataError(
                    f"run {run.name} was sampled at {run.sample_rate_hz:g} Hz but {first.name} at "
                    f"{first.sample_rate_hz:g} Hz",
                    "keep runs of one sample rate in a folder",
                )

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.runs)

    def __getitem__(self, name: str) -> Run:
        for run in self.runs:
            if run.name == name:
                return run
        raise DataError(f"there is no run named {name} in {self.source}")

    @property
    def sample_rate_hz(self) -> float:
        """The common sample rate."""
        return self.runs[0].sample_rate_hz

    @property
    def label(self) -> str:
        """Where they come from without the way there, for what is passed on to others."""
        return f"{PurePath(self.source).name or self.source}: {len(self)} runs, {self.duration_s:.0f} s"

    @property
    def duration_s(self) -> float:
        """Total length in seconds."""
        return sum(run.duration_s for run in self.runs)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the content of all runs, not over where they came from."""
        return records.digest_of([run.digest for run in self.runs])

    def require_sample_rate(self, sample_rate_hz: float) -> None:
        """Check that the runs have the estimator's sample rate.

        Raises:
            DataError: they have another.
        """
        if not np.isclose(self.sample_rate_hz, sample_rate_hz, rtol=1e-4):
            raise DataError(
                f"the runs in {self.source} were sampled at {self.sample_rate_hz:g} Hz, "
                f"the estimator works at {sample_rate_hz:g} Hz",
                f"record at {sample_rate_hz:g} Hz, or resample the runs before",
            )

    def save(self, folder: Path) -> Path:
        """Write one .npz a run, then ``runs.json``; returns the folder.

        Raises:
            StorageError: the folder cannot be written.
        """
        for run in self.runs:
            content = io.BytesIO()
            np.savez_compressed(content, acc=run.acceleration_v, pin=run.position_v)
            records.write_atomically(folder / f"{run.name}.npz", content.getvalue())
        index = _Index(
            format=_FORMAT,
            source=self.source,
            sample_rate_hz=self.sample_rate_hz,
            digest=self.digest,
            position_mm_per_v=self.position_mm_per_v,
            position_mm_per_v_relative_uncertainty=self.position_mm_per_v_relative_uncertainty,
            note=self.note,
            runs={run.name: _Entry(run.family, run.samples, run.digest) for run in self.runs},
        )
        records.save(index, folder / INDEX_NAME)
        return folder

    @staticmethod
    def load(folder: Path) -> Runs:
        """Read what `save` wrote, checking every digest.

        Raises:
            StorageError: there is no ``runs.json`` or it is damaged.
            DataError: a run is missing, damaged, or differs from what was saved.
        """
        index = records.load(_Index, folder / INDEX_NAME)
        if index.format != _FORMAT:
            raise DataError(
                f"{folder / INDEX_NAME} has format {index.format}, this program reads {_FORMAT}",
                "update ntorc, or make the runs again",
            )
        runs = []
        for name, entry in index.runs.items():
            if _SAFE_NAME.fullmatch(name) is None:
                raise DataError(f"{folder / INDEX_NAME} names an unusable run '{name[:60]}'")
            arrays = read_arrays(folder / f"{name}.npz", NPZ_ARRAYS, "make the runs again")
            run = make_run(name, entry.family, arrays["acc"], arrays["pin"], index.sample_rate_hz)
            if run.digest != entry.digest:
                raise DataError(
                    f"{folder / name}.npz was altered after it was saved",
                    f"restore it, or remove {INDEX_NAME} to read the folder as new recordings",
                )
            runs.append(run)
        return Runs(
            tuple(runs),
            index.source,
            index.position_mm_per_v,
            index.position_mm_per_v_relative_uncertainty,
            index.note,
        )


@dataclass(frozen=True)
class _Entry:
    family: str
    samples: int
    digest: str


@dataclass(frozen=True)
class _Index:
    format: int
    source: str
    sample_rate_hz: float
    digest: str
    position_mm_per_v: float
    position_mm_per_v_relative_uncertainty: float
    note: str
    runs: dict[str, _Entry]
    units: dict[str, str] = field(default_factory=lambda: {"acc": "V", "pin": "V"})


def family_of(name: str) -> str:
    """The kind of motion that a run's name states: the text before ``_test`` and before a set's number.

    ``Random_Index_Set_Random_Dwell_set3_test0`` and ``..._set9_test2`` are one family;
    ``Slow_Postional_Displacement_10steps_test1`` keeps its number of steps.
    """
    before_test = re.split(r"_test", name, maxsplit=1)[0]
    return re.sub(r"_set\d+$", "", before_test) or name
