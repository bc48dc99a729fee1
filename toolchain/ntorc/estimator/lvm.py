"""LabVIEW measurement files (.lvm): tab-separated text with headers.

Format: National Instruments, "Specification for the LabVIEW Measurement File (.lvm)".  A file
header and segment headers end with ``***End_of_Header***``; a segment then names its columns in
a line that begins with ``X_Value``.  ``X_Columns`` says whether the X column is absent (No; times
follow from ``Delta_X``), common (One) or one for each channel (Multi).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ntorc.errors import DataError

DoubleArray = npt.NDArray[np.float64]

_END = "***End_of_Header***"
_HINT = "write the file from LabVIEW again, with two channels (acceleration, position) and a tab separator"
_ACCELERATION = re.compile(r"acc", re.IGNORECASE)
_POSITION = re.compile(r"pin|pos|disp|roller", re.IGNORECASE)


@dataclass
class _Segment:
    """What has been read of one segment: its columns, and cells by row."""

    names: list[str]
    delta_x_s: float | None
    x_columns: str
    rows: list[list[float]] = field(default_factory=list)


def parse_lvm(text: str, origin: str) -> tuple[DoubleArray, DoubleArray, float]:
    """Acceleration and position (shape [n] each) and the sample rate in Hz.

    The channels are recognised by name (``acc...``; ``pin``, ``pos``, ``disp``, ``roller``), else
    they are the first and the second.

    Raises:
        DataError: not such a file, truncated, not two channels, samples not equally spaced,
            or columns that contradict ``Delta_X``.
    """
    lines = text.splitlines()
    if not lines or not lines[0].lstrip().startswith("LabVIEW Measurement"):
        raise DataError(f"{origin} is not a LabVIEW measurement file (its first line says so in one)", _HINT)
    header, body = _split_header(lines, origin)
    decimal = header.get("Decimal_Separator", ["."])[0]
    separator = {"Tab": "\t", "Comma": ","}.get(header.get("Separator", ["Tab"])[0], "\t")
    if decimal == separator:
        raise DataError(f"{origin} uses '{decimal}' both as separator and as decimal mark", _HINT)
    segments = _segments(body, header, separator, decimal, origin)
    names = segments[0].names
    if any(segment.names != names or segment.x_columns != segments[0].x_columns for segment in segments):
        raise DataError(f"{origin}: its segments have different columns", _HINT)
    x_column, acceleration_column, position_column = _columns(names, origin)
    table = np.array([row for segment in segments for row in segment.rows], dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < 2:
        raise DataError(f"{origin} holds no samples", _HINT)
    rate_hz = _sample_rate(segments, x_column, origin)
    return table[:, acceleration_column], table[:, position_column], rate_hz


def _split_header(lines: list[str], origin: str) -> tuple[dict[str, list[str]], list[str]]:
    fields: dict[str, list[str]] = {}
    for number, line in enumerate(lines):
        if line.startswith(_END):
            return fields, lines[number + 1 :]
        # the header itself is separated as the data is; before it is read, both are possible
        words = re.split(r"[\t]|,(?=\S)", line.rstrip("\r\n"), maxsplit=1)
        if len(words) == 2:
            fields[words[0]] = [word.strip() for word in words[1].split("\t")]
    raise DataError(f"{origin}: its header does not end ({_END} is missing)", _HINT)


def _segments(
    lines: list[str], header: dict[str, list[str]], separator: str, decimal: str, origin: str
) -> list[_Segment]:
    segments: list[_Segment] = []
    channel_fields: dict[str, list[str]] = {}
    for number, line in enumerate(lines):
        if not line.strip() or line.startswith(_END):
            continue
        words = [word.strip() for word in line.split(separator)]
        if words[0] == "X_Value":
            delta = _delta(channel_fields.get("Delta_X", header.get("Delta_X", [])), decimal)
            x_columns = header.get("X_Columns", ["One"])[0]
            segments.append(_Segment(words, delta, x_columns))
            channel_fields = {}
        elif _is_field(words[0]):
            channel_fields[words[0]] = words[1:]
        elif not segments:
            raise DataError(f"{origin}: data before the line that names the columns (X_Value)", _HINT)
        else:
            segments[-1].rows.append(_row(words, segments[-1].names, decimal, f"{origin}, data line {number + 1}"))
    segments = [segment for segment in segments if segment.rows]
    if not segments:
        raise DataError(f"{origin} holds no samples", _HINT)
    return segments


def _is_field(word: str) -> bool:
    return bool(re.match(r"[A-Za-z]", word)) and word.lower() not in ("nan", "inf", "infinity")


def _delta(words: list[str], decimal: str) -> float | None:
    for word in words:
        try:
            value = float(word.replace(decimal, "."))
        except ValueError:
            continue
        if np.isfinite(value) and value > 0.0:
            return value
    return None


def _row(words: list[str], names: list[str], decimal: str, origin: str) -> list[float]:
    """Cells by column; an empty X column is NaN, comments are left out by the caller's columns."""
    values: list[float] = []
    for name, word in zip(names, words + [""] * (len(names) - len(words)), strict=False):
        if name == "Comment" or (name == "X_Value" and not word):
            values.append(np.nan)
            continue
        try:
            values.append(float(word.replace(decimal, ".")))
        except ValueError as error:
            what = f"'{word[:30]}' is not a number" if word else f"the value of {name} is missing"
            raise DataError(f"{origin}: {what}", _HINT) from error
    return values


def _columns(names: list[str], origin: str) -> tuple[int, int, int]:
    """Indices of the (first) X column, the acceleration and the position."""
    channels = [i for i, name in enumerate(names) if name not in ("X_Value", "Comment")]
    if len(channels) < 2:
        raise DataError(f"{origin} has {len(channels)} channels, not two (acceleration, position)", _HINT)
    position = next((i for i in channels if _POSITION.search(names[i])), None)
    acceleration = next((i for i in channels if _ACCELERATION.search(names[i]) and i != position), None)
    if acceleration is None:
        acceleration = next(i for i in channels if i != position)
    if position is None:
        position = next(i for i in channels if i != acceleration)
    return 0, acceleration, position


def _sample_rate(segments: list[_Segment], x_column: int, origin: str) -> float:
    """From Delta_X, from the X column, or both, which then must agree.

    X columns are written with few decimals and may restart in each segment, so only the mean
    step within a segment is used, and a step twice as long is a gap.
    """
    rates = []
    for segment in segments:
        x_s = np.array([row[x_column] for row in segment.rows])
        from_x: float | None = None
        if segment.x_columns != "No" and np.isfinite(x_s).all() and x_s.size > 2:
            mean_step_s = float(x_s[-1] - x_s[0]) / (x_s.size - 1)
            if not mean_step_s > 0.0 or not np.isfinite(1.0 / mean_step_s):
                raise DataError(f"{origin}: its X column does not advance", _HINT)
            if float(np.abs(np.diff(x_s) - mean_step_s).max()) > 0.9 * mean_step_s:
                raise DataError(f"{origin}: its samples are not equally spaced (lost samples?)", _HINT)
            from_x = 1.0 / mean_step_s
        from_delta = 1.0 / segment.delta_x_s if segment.delta_x_s is not None else None
        if from_x is not None and from_delta is not None and not np.isclose(from_x, from_delta, rtol=0.01):
            raise DataError(f"{origin}: its X column says {from_x:.6g} Hz, its Delta_X {from_delta:.6g} Hz", _HINT)
        rate = from_delta or from_x
        if rate is None or not np.isfinite(rate):
            raise DataError(f"{origin} states no sample rate (neither Delta_X nor an X column)", _HINT)
        rates.append(rate)
    if not np.allclose(rates, rates[0], rtol=1e-3):
        raise DataError(f"{origin}: its segments have different sample rates", _HINT)
    return float(rates[0])
