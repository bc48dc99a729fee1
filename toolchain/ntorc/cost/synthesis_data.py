"""Published synthesis reports of single hls4ml layers: read as they are, then repaired and aggregated.

The files come with N-TORC (FCCM 2025, MIT): Vivado HLS 2019.1, ZU7EV, 250 MHz, ap_fixed<16,8>, io_stream; for each
layer kind one file of resources and one of latency.  What has to be known about them:

* Many rows repeat one key (reuse factor, inputs, size, sequence length).  Resources and latency are joined only after
  each was reduced to one row a key by the median: a join of the rows pairs each with each of its key.
* ``sequence_length`` of a convolution with more than one input channel is the network's input length although a pool
  of two precedes, so it is twice the layer's.  latency_min, 6 (length + 2), shows it.
* Rows whose requested reuse factor is 1 were synthesised with Strategy=Latency, all others with Resource.
* Dense layers of few weights name a reuse factor larger than their number of multiplications.  What was synthesised is
  that number: every value equals that of the row that asks for it.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ntorc.errors import DataError
from ntorc.paths import recorded_data
from ntorc.records import digest_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]
    IntArray = npt.NDArray[np.int64]
    BoolArray = npt.NDArray[np.bool_]

KINDS = ("conv", "lstm", "dense")
RESOURCE_TARGETS = ("lut", "ff", "dsp", "bram18")
LATENCY_TARGETS = ("latency_min", "latency_max")
TARGETS = (*RESOURCE_TARGETS, *LATENCY_TARGETS)
KERNEL = 3
"""Taps of every convolution in the data."""

_FILES = {
    "conv": ("collapsed_conv_resources.csv", "conv_latency_collapsed.csv"),
    "lstm": ("lstm_resources_collapsed.csv", "lstm_latency_collapsed.csv"),
    "dense": ("dense_resources_collapsed.csv", "dense_latency_collapsed.csv"),
}
# our names to the publisher's; the key's columns are named for the layer and the file, so they are found by a prefix
_TARGET_COLUMNS = {"dsp": "dsp48e", "bram18": "bram_18k"}
_KEY_PREFIXES = {
    "requested_reuse": ("reuse_factor",),
    "reuse_factor": ("correct_reuse_factor",),
    "n_in": ("n_inputs",),
    "size": ("cnn_filters", "lstm_size", "dense_size"),
    "length": ("sequence_length",),
    "layer_index": ("layer_index",),
}


@dataclass(frozen=True)
class Rows:
    """One file, row by row, as published.

    Attributes:
        requested_reuse: the reuse factor that was asked for, ``[N]``.
        reuse_factor: the legal one that the file names instead, ``[N]``.
        n_in: inputs of the layer (channels of a convolution), ``[N]``.
        size: filters of a convolution, units of the others, ``[N]``.
        length: ``sequence_length`` as published, ``[N]``; see the module on convolutions.
        layer_index: of the layer in its network, ``[N]``.
        values: by target (`RESOURCE_TARGETS` or `LATENCY_TARGETS`), each ``[N]``; averages of several designs
            where the publisher collapsed them, so not always whole numbers.
    """

    requested_reuse: IntArray
    reuse_factor: IntArray
    n_in: IntArray
    size: IntArray
    length: IntArray
    layer_index: IntArray
    values: Mapping[str, FloatArray]

    def __len__(self) -> int:
        return len(self.reuse_factor)

    @property
    def features(self) -> IntArray:
        """The published recipe's features: reuse factor, inputs, size, sequence length, ``[N, 4]``."""
        import numpy as np

        return np.stack([self.reuse_factor, self.n_in, self.size, self.length], axis=1)


@dataclass(frozen=True)
class RawLayerData:
    """The two files of one layer kind, as they are."""

    kind: str
    resources: Rows
    latency: Rows


@dataclass(frozen=True)
class LayerData:
    """One row a unique key: medians of resources and latency, joined.

    Attributes:
        kind: ``conv``, ``lstm`` or ``dense``.
        reuse_factor, n_in, size, length: the key, each ``[K]``.
        latency_strategy: whether the key was synthesised with Strategy=Latency, ``[K]``.
        values: by target of `TARGETS`, each ``[K]``.
        spread: by target, largest less smallest value of the rows behind a key, over their median, ``[K]``.
        rows: how many rows of the resource file are behind each key, ``[K]``.
    """

    kind: str
    reuse_factor: IntArray
    n_in: IntArray
    size: IntArray
    length: IntArray
    latency_strategy: BoolArray
    values: Mapping[str, FloatArray]
    spread: Mapping[str, FloatArray]
    rows: IntArray

    def __len__(self) -> int:
        return len(self.reuse_factor)

    @property
    def features(self) -> IntArray:
        """As `Rows.features`, ``[K, 4]``."""
        import numpy as np

        return np.stack([self.reuse_factor, self.n_in, self.size, self.length], axis=1)

    def take(self, chosen: BoolArray | IntArray) -> LayerData:
        """The keys of a mask or of indices."""
        return replace(
            self,
            reuse_factor=self.reuse_factor[chosen],
            n_in=self.n_in[chosen],
            size=self.size[chosen],
            length=self.length[chosen],
            latency_strategy=self.latency_strategy[chosen],
            values={name: column[chosen] for name, column in self.values.items()},
            spread={name: column[chosen] for name, column in self.spread.items()},
            rows=self.rows[chosen],
        )

    @property
    def resource(self) -> LayerData:
        """The keys of Strategy=Resource, the only ones whose reuse factor is a directive."""
        return self.take(~self.latency_strategy)


@dataclass(frozen=True)
class SynthesisData:
    """All layer kinds of a folder.

    Attributes:
        raw: the files as they are, by kind.
        digest: SHA-256 over everything that was read from them.
    """

    raw: Mapping[str, RawLayerData]
    digest: str

    def layers(self, kind: str, *, repair: bool = True) -> LayerData:
        """Unique keys of a kind; see `aggregate`."""
        return aggregate(self.raw[kind], repair=repair)


def synthesis_folder(named: Path | None = None) -> Path:
    """Where the six files are: the folder that was named, or ``hls4ml_synthesis`` in it or in the recorded data.

    Raises:
        DataError: they are in none of these places.
    """
    base = named or recorded_data()
    for folder in (base, base / "hls4ml_synthesis") if base else ():
        if (folder / _FILES["conv"][0]).is_file():
            return folder
    raise DataError(
        f"there is no published synthesis data in {base}" if base else "no published synthesis data was found",
        "it is in the repository HeRCLab/N-TORC (six files *_collapsed.csv, collapsed_*.csv): put them into a folder"
        " and give it with --data, or point NTORC_DATA at it",
    )


def load_synthesis(folder: Path) -> SynthesisData:
    """Read the six files of a folder.

    Raises:
        DataError: a file is missing, lacks a column, or holds something that is no count.
    """
    raw = {
        kind: RawLayerData(kind, _read(folder / resources, RESOURCE_TARGETS), _read(folder / latency, LATENCY_TARGETS))
        for kind, (resources, latency) in _FILES.items()
    }
    every = [rows for data in raw.values() for rows in (data.resources, data.latency)]
    content = [[rows.features.tolist(), {name: v.tolist() for name, v in rows.values.items()}] for rows in every]
    return SynthesisData(raw, digest_of(content))


def aggregate(raw: RawLayerData, *, repair: bool = True) -> LayerData:
    """Medians of each unique key and strategy, resources and latency joined one to one.

    Args:
        raw: of one kind.
        repair: halve the doubled sequence length of convolutions with more than one channel, and give dense layers
            the reuse factor that was synthesised.  Without it labels are as published; dense keys whose two files
            then differ are left out.
    """
    import numpy as np

    resources, latency = _medians(raw, raw.resources, repair), _medians(raw, raw.latency, repair)
    keys = sorted(resources.keys() & latency.keys())
    table = np.array([key[1:] for key in keys], np.int64).reshape(-1, 4)
    both = [{**resources[key], **latency[key]} for key in keys]
    return LayerData(
        kind=raw.kind,
        reuse_factor=table[:, 0],
        n_in=table[:, 1],
        size=table[:, 2],
        length=table[:, 3],
        latency_strategy=np.array([key[0] for key in keys], bool),
        values={name: np.array([row[name][0] for row in both]) for name in TARGETS},
        spread={name: np.array([row[name][1] for row in both]) for name in TARGETS},
        rows=np.array([int(resources[key]["rows"][0]) for key in keys], np.int64),
    )


def labels(kind: str, rows: Rows, *, repair: bool = True) -> IntArray:
    """The features of rows as `Rows.features`, their labels repaired (see the module), ``[N, 4]``."""
    import numpy as np

    found = rows.features
    if repair:
        if kind == "conv":
            found[:, 3] //= np.where(rows.n_in > 1, 2, 1)
        if kind == "dense":
            found[:, 0] = np.minimum(found[:, 0], rows.n_in * rows.size)
    return found


_Key = tuple[bool, int, int, int, int]
_Median = dict[str, tuple[float, float]]


def _medians(raw: RawLayerData, rows: Rows, repair: bool) -> dict[_Key, _Median]:
    """Median and relative spread of each value, by strategy and key."""
    import numpy as np

    found: dict[_Key, list[int]] = {}
    for index, label in enumerate(labels(raw.kind, rows, repair=repair).tolist()):
        found.setdefault((bool(rows.requested_reuse[index] == 1), *label), []).append(index)
    medians: dict[_Key, _Median] = {}
    for key, members in found.items():
        row: _Median = {"rows": (float(len(members)), 0.0)}
        for name, column in rows.values.items():
            middle = float(np.median(column[members]))
            row[name] = (middle, float(np.ptp(column[members])) / max(middle, 1.0))
        medians[key] = row
    return medians


def _read(path: Path, targets: Sequence[str]) -> Rows:
    """One file.  Columns are found by the beginning of their names, which differ from file to file."""
    import numpy as np

    try:
        with path.open(newline="", encoding="utf-8") as stream:
            lines = list(csv.reader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"cannot read the synthesis data {path}: {error}",
            "give the folder of the six published files with --data",
        ) from error
    if len(lines) < 2:
        raise DataError(f"{path} holds no rows", "fetch the published file again")
    header, body = lines[0], lines[1:]
    columns = {name: _column(path, header, prefixes) for name, prefixes in _KEY_PREFIXES.items()}
    columns |= {name: _column(path, header, (_TARGET_COLUMNS.get(name, name),)) for name in targets}
    cells: dict[str, list[float]] = {name: [] for name in columns}
    for number, line in enumerate(body, start=2):
        if len(line) != len(header):
            raise DataError(f"{path}, line {number}: {len(line)} cells, but {len(header)} columns", _DAMAGED)
        for name, column in columns.items():
            cells[name].append(_count(path, number, header[column], line[column], whole=name in _KEY_PREFIXES))
    keys = {name: np.array(cells[name], np.int64) for name in _KEY_PREFIXES}
    return Rows(**keys, values={name: np.array(cells[name]) for name in targets})


_DAMAGED = "the file is damaged or not of this form: fetch the published one again"


def _column(path: Path, header: Sequence[str], prefixes: Sequence[str]) -> int:
    """The first column whose name begins with one of the prefixes."""
    for index, name in enumerate(header):
        if name.strip().startswith(tuple(prefixes)):
            return index
    raise DataError(f"{path} has no column {' or '.join(prefixes)}...", _DAMAGED)


def _count(path: Path, number: int, name: str, text: str, *, whole: bool) -> float:
    """A cell as a count: finite, not negative, whole (and at least 1) where a key needs it."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < 2**53 or (whole and (value != int(value) or value < 1)):
        raise DataError(f"{path}, line {number}: {name} is '{text[:40]}', not a count", _DAMAGED)
    return value
