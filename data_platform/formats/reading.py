"""The door of this package: a contract gives a reader, a reader turns one file into chunks.

How the bytes of each kind are read is in `csv_file`, `ndjson` and `parquet`; where bytes come from is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias, cast

import pyarrow as pa

from data_platform.contracts.model import Contract, FileKind, SchemaChange
from data_platform.errors import ConfigurationError, SourceUnavailable

Source: TypeAlias = BinaryIO | Path

RECORD_NO = "_record_no"
EXTRA = "_extra"

_READERS = {
    FileKind.CSV: ("data_platform.formats.csv_file", "CsvReader"),
    FileKind.NDJSON: ("data_platform.formats.ndjson", "NdjsonReader"),
    FileKind.PARQUET: ("data_platform.formats.parquet", "ParquetReader"),
}


@dataclass(frozen=True, slots=True)
class Chunk:
    """Neighbouring records of a file: those read (record_schema) and those rejected (REJECTED_SCHEMA)."""

    records: pa.RecordBatch
    rejected: pa.RecordBatch


@dataclass(frozen=True, slots=True)
class Drift:
    """How a file's fields differ from the contract's, as sorted dotted paths."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)

    def joined(self, other: Drift) -> Drift:
        """The differences of both."""
        added, removed = {*self.added, *other.added}, {*self.removed, *other.removed}
        return Drift(tuple(sorted(added)), tuple(sorted(removed)))


@dataclass(slots=True)
class Tally:
    """What a reader learns about a file on its way through it."""

    source_rows: int = 0
    logical_bytes: int = 0
    drift: Drift = Drift()


class FileReading:
    """One pass over one file. Iterate it once; then what it tells of the file is known.

    Iterating raises FileRejected where the whole file is one rejected item (the caller keeps nothing of it), and
    RetryableError where the source did not answer; nothing else.
    """

    def __init__(self, chunks: Callable[[Tally], Iterator[Chunk]], *, name: str) -> None:
        self.name = name
        self._chunks = chunks
        self._tally = Tally()
        self._finished = False

    def __iter__(self) -> Iterator[Chunk]:
        try:
            yield from self._chunks(self._tally)
        except OSError as error:
            raise SourceUnavailable(f"{self.name}: reading stopped ({error}); run the same batch again") from error
        self._finished = True

    @property
    def source_rows(self) -> int:
        """Records in the file, counted apart from accepting and rejecting them. Known after exhaustion."""
        self._require_finished()
        return self._tally.source_rows

    @property
    def logical_bytes(self) -> int:
        """Bytes of the file once it is expanded; of Parquet, of its columns uncompressed. Known after exhaustion."""
        self._require_finished()
        return self._tally.logical_bytes

    @property
    def drift(self) -> Drift:
        """Fields added or removed against the contract. Known after exhaustion."""
        self._require_finished()
        return self._tally.drift

    def _require_finished(self) -> None:
        if not self._finished:
            raise RuntimeError(f"{self.name}: known only after the reading is exhausted")


class RecordReader(Protocol):
    """Reads files of one contract. Holds no state between files."""

    def read(self, source: Source, *, name: str) -> FileReading:
        """Starts reading `source`; `name` is for messages only."""
        ...


def open_reader(contract: Contract) -> RecordReader:
    """The reader for the contract's `platform.format`.

    Raises:
        ConfigurationError: the contract names no format.
    """
    if contract.format is None:
        raise ConfigurationError(f"{contract.name}: platform.format is missing in {contract.path}; add it")
    module, reader = _READERS[contract.format.kind]
    return cast(RecordReader, getattr(import_module(module), reader)(contract))


def record_schema(contract: Contract) -> pa.Schema:
    """Schema of `Chunk.records`: the contract's columns, `_record_no`, and `_extra` where unknown fields are kept."""
    fields = [pa.field(column.name, column.type.arrow()) for column in contract.columns]
    fields.append(pa.field(RECORD_NO, pa.int64()))
    if keeps_extra(contract):
        fields.append(pa.field(EXTRA, pa.string()))
    return pa.schema(fields)


def keeps_extra(contract: Contract) -> bool:
    """Whether unknown fields are kept as JSON text."""
    return contract.schema_change in (SchemaChange.EVOLVE, SchemaChange.QUARANTINE)
