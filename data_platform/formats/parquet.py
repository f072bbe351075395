"""Reads Parquet files: schema by name against the contract, batches cast exactly, rows that lose digits rejected."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

import pyarrow as pa

from data_platform.contracts.model import Contract, FileFormat
from data_platform.errors import ConfigurationError
from data_platform.formats.parquet_batches import decoded_batches, open_parquet, within_limits
from data_platform.formats.parquet_columns import BatchReader
from data_platform.formats.parquet_schema import match_schema
from data_platform.formats.reading import Chunk, FileReading, Source, Tally
from data_platform.formats.rejected import FileRejected, Reason
from data_platform.formats.seeking import seekable, size_of
from data_platform.formats.typed import TypedRecords, number_chunks

_MAGIC = b"PAR1"
_ENCRYPTED_MAGIC = b"PARE"


class ParquetReader:
    """Reads the Parquet files of one contract."""

    def __init__(self, contract: Contract) -> None:
        if contract.format is None:
            raise ConfigurationError(f"{contract.name}: platform.format is missing in {contract.path}; add it")
        self._contract = contract
        self._format: FileFormat = contract.format

    def read(self, source: Source, *, name: str) -> FileReading:
        """Starts reading one file."""
        return FileReading(partial(self._chunks, source), name=name)

    def _chunks(self, source: Source, tally: Tally) -> Iterator[Chunk]:
        with seekable(source) as stream:
            check_magic(stream)
            try:
                file = open_parquet(stream)
            except (pa.ArrowException, OSError, ValueError) as error:
                raise _file_fault(error) from error
            layout = match_schema(file.schema_arrow, self._contract)
            tally.drift = layout.drift
            reader = BatchReader(self._contract, layout)
            batches = decoded_batches(stream, file, layout.read_columns, self._format)
            parts = within_limits((reader.read(batch) for batch in batches), size_of(stream), self._format)
            yield from number_chunks(_judged(parts))
            tally.source_rows = file.metadata.num_rows
            groups = range(file.metadata.num_row_groups)
            tally.logical_bytes = sum(file.metadata.row_group(group).total_byte_size for group in groups)


def _judged(parts: Iterator[TypedRecords]) -> Iterator[TypedRecords]:
    try:
        yield from parts
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _file_fault(error) from error


def check_magic(stream: BinaryIO) -> None:
    """Raises FileRejected where the stream is no whole Parquet file that can be read; leaves it at its beginning."""
    head = stream.read(len(_MAGIC))
    size_bytes = stream.seek(0, 2)
    if not size_bytes:
        raise FileRejected(Reason.CORRUPT_FILE, "the file holds nothing")
    stream.seek(max(0, size_bytes - len(_MAGIC)))
    tail = stream.read(len(_MAGIC))
    stream.seek(0)
    if _ENCRYPTED_MAGIC in (head, tail):
        raise FileRejected(Reason.UNSUPPORTED, "the Parquet file is encrypted")
    if head != _MAGIC or tail != _MAGIC or size_bytes <= 2 * len(_MAGIC):
        raise FileRejected(Reason.CORRUPT_FILE, "not a whole Parquet file")


def _file_fault(error: Exception) -> FileRejected:
    """The verdict on a file that cannot be decoded; an error of the source itself (it has an errno) goes on."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error
    # the codec is not asked for beforehand: the metadata property ends the process on a value it does not know
    text = str(error).lower()
    if "crc" in text:
        return FileRejected(Reason.CHECKSUM, "a page does not have the checksum that its header names")
    is_unsupported = any(word in text for word in ("encrypt", "codec", "compression"))
    if is_unsupported or isinstance(error, pa.ArrowNotImplementedError):
        return FileRejected(Reason.UNSUPPORTED, "the Parquet file uses a codec, encryption or feature that is not read")
    return FileRejected(Reason.CORRUPT_FILE, f"the Parquet file cannot be decoded ({type(error).__name__})")
