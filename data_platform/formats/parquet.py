"""Reads Parquet files: schema by name against the contract, batches cast exactly, rows that lose digits rejected."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from data_platform.contracts.model import Contract
from data_platform.formats.parquet_columns import BatchReader
from data_platform.formats.parquet_schema import match_schema
from data_platform.formats.reading import Chunk, FileReading, Source, Tally
from data_platform.formats.rejected import FileRejected, Reason
from data_platform.formats.typed import CHUNK_RECORDS, TypedRecords, number_chunks

_MAGIC = b"PAR1"
_ENCRYPTED_MAGIC = b"PARE"
_HELD_BYTES = 64 << 20  # a stream that cannot seek is held in memory up to this size, then on disk


class ParquetReader:
    """Reads the Parquet files of one contract."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract

    def read(self, source: Source, *, name: str) -> FileReading:
        """Starts reading one file."""
        return FileReading(partial(self._chunks, source), name=name)

    def _chunks(self, source: Source, tally: Tally) -> Iterator[Chunk]:
        with _seekable(source) as stream:
            _check_magic(stream)
            try:
                file = pq.ParquetFile(stream, page_checksum_verification=True, coerce_int96_timestamp_unit="ns")
            except (pa.ArrowException, OSError, ValueError) as error:
                raise _file_fault(error) from error
            layout = match_schema(file.schema_arrow, self._contract)
            tally.drift = layout.drift
            reader = BatchReader(self._contract, layout)
            yield from number_chunks(self._batches(file, reader, layout.read_columns))
            tally.source_rows = file.metadata.num_rows

    def _batches(self, file: pq.ParquetFile, reader: BatchReader, columns: list[str]) -> Iterator[TypedRecords]:
        rows = 0
        try:
            for batch in file.iter_batches(batch_size=CHUNK_RECORDS, columns=columns, use_threads=True):
                rows += batch.num_rows
                yield reader.read(batch)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _file_fault(error) from error
        if rows != file.metadata.num_rows:
            raise FileRejected(
                Reason.CORRUPT_FILE, f"the footer names {file.metadata.num_rows} rows, the pages hold {rows}"
            )


@contextmanager
def _seekable(source: Source) -> Iterator[BinaryIO]:
    """The file as a stream that can seek, which Parquet needs."""
    if isinstance(source, Path):
        with source.open("rb") as stream:
            yield stream
    elif source.seekable():
        yield source
    else:
        with tempfile.SpooledTemporaryFile(max_size=_HELD_BYTES) as held:
            copyfileobj(source, held)
            held.seek(0)
            yield held  # type: ignore[misc]  # a spooled file has the whole interface of a binary stream


def _check_magic(stream: BinaryIO) -> None:
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
    is_unsupported = any(word in text for word in ("encrypt", "codec", "compression"))
    if is_unsupported or isinstance(error, pa.ArrowNotImplementedError):
        return FileRejected(Reason.UNSUPPORTED, "the Parquet file uses a codec, encryption or feature that is not read")
    return FileRejected(Reason.CORRUPT_FILE, f"the Parquet file cannot be decoded ({type(error).__name__})")
