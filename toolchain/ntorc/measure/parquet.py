"""Records as Parquet: one row an estimate, the header as the file's metadata; written and read block by block."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ntorc.errors import MeasurementError, ToolError
from ntorc.measure.records import RECORD_DTYPE, Records
from ntorc.records import storage_errors

_HEADER = ("hop_samples", "window_samples", "clock_hz", "period_ns", "design_id")
# neighbours differ by little: their differences take a few bits
_ENCODINGS = dict.fromkeys(("seq", "release_ns", "write_ns", "done_ns"), "DELTA_BINARY_PACKED")
_GROUP_RECORDS = 1 << 20


class ParquetWriter:
    """Writes blocks as they come; the file has its name only when it is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.partial")
        self._writer: Any = None
        self._pending: list[Any] = []
        self._waiting = 0

    def __enter__(self) -> ParquetWriter:
        """Ready to write.

        Raises:
            StorageError: the folder cannot be made.
        """
        with storage_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Publish the file, or remove it after an error."""
        with storage_errors(self._path):
            try:
                if kind is None:
                    self._flush()
                if self._writer is not None:
                    self._writer.close()
                if kind is None and self._writer is not None:
                    with self._partial.open("rb") as written:
                        os.fsync(written.fileno())
                    self._partial.replace(self._path)
            finally:
                self._partial.unlink(missing_ok=True)

    def add(self, records: Records) -> None:
        """Append a block.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
            ToolError: pyarrow is missing, or does not go with the installed numpy.
        """
        pa, _ = _arrow()
        columns = {name: np.ascontiguousarray(records.table[name]) for name in RECORD_DTYPE.names or ()}
        header = {name: str(getattr(records, name)) for name in _HEADER}
        self._pending.append(pa.table(columns).replace_schema_metadata(header))
        self._waiting += int(records.table.size)
        if self._waiting >= _GROUP_RECORDS:
            self._flush()

    def _flush(self) -> None:
        if not self._pending:
            return
        pa, pq = _arrow()
        with storage_errors(self._path):
            if self._writer is None:
                dictionary = [name for name in RECORD_DTYPE.names or () if name not in _ENCODINGS]
                self._writer = pq.ParquetWriter(
                    self._partial, self._pending[0].schema, compression="zstd", use_dictionary=dictionary,
                    column_encoding=_ENCODINGS,
                )  # fmt: skip
            self._writer.write_table(pa.concat_tables(self._pending))
        self._pending, self._waiting = [], 0


def write_parquet(blocks: Records | Iterable[Records], path: Path) -> Path:
    """Write records, whole or in blocks.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
        ToolError: pyarrow is missing, or does not go with the installed numpy.
    """
    with ParquetWriter(path) as writer:
        for block in [blocks] if isinstance(blocks, Records) else blocks:
            writer.add(block)
    return path


def read_parquet(path: Path, records_a_block: int = 1 << 18) -> Iterator[Records]:
    """The records of a Parquet file, block by block.

    Raises:
        MeasurementError: it is not such a file.
        ToolError: pyarrow is missing.
    """
    pa, pq = _arrow()
    try:
        # neither mapped nor read ahead, so that what is held is one block
        file = pq.ParquetFile(path, memory_map=False, pre_buffer=False, buffer_size=1 << 16)
        told = {key.decode(): value.decode() for key, value in (file.schema_arrow.metadata or {}).items()}
        hop, window, clock_hz, period_ns = (int(told[name]) for name in _HEADER[:-1])
        for batch in file.iter_batches(records_a_block):
            table = np.empty(batch.num_rows, RECORD_DTYPE)
            for name in RECORD_DTYPE.names or ():
                table[name] = batch.column(name).to_numpy()
            yield Records(table, hop, window, clock_hz, period_ns, told["design_id"])
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise MeasurementError(f"{path} holds no records: {error}", "measure again") from error


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ToolError(f"Parquet files cannot be written: {error}", "install the pinned set: make setup") from error
    return pa, pq
