"""Decodes a Parquet file in batches of bounded size, however far its dictionaries expand.

A dictionary stands once in the file; each row only names a value of it. So the longest value, not the page, says how
large a batch of rows becomes. It is looked up by decoding one row with its dictionary kept apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_platform.contracts.model import FileFormat
from data_platform.formats.expansion import check_limits
from data_platform.formats.parquet_pages import check_pages
from data_platform.formats.rejected import FileRejected, Reason
from data_platform.formats.typed import CHUNK_RECORDS, TypedRecords

_BATCH_BYTES = 32 << 20
_FLOOR_BYTES = 1 << 30  # up to here columns of few values may expand by any ratio


def open_parquet(stream: BinaryIO, *, read_dictionary: list[str] | None = None) -> pq.ParquetFile:
    """The file's footer, read."""
    return pq.ParquetFile(
        stream,
        page_checksum_verification=True,
        coerce_int96_timestamp_unit="ns",
        read_dictionary=read_dictionary,
        pre_buffer=read_dictionary is None,
    )


def decoded_batches(
    stream: BinaryIO, file: pq.ParquetFile, columns: list[str], file_format: FileFormat
) -> Iterator[pa.RecordBatch]:
    """Every row of the file, whatever its statistics say.

    Raises:
        FileRejected: CORRUPT_FILE or ARCHIVE_BOMB. What the decoder raises goes on.
    """
    dictionaries = check_pages(stream, file.metadata, file_format)
    longest = _longest_row(stream, file, columns, dictionaries)
    rows = 0
    batch_size = max(1, min(CHUNK_RECORDS, _BATCH_BYTES // max(longest, 1)))
    for batch in file.iter_batches(batch_size=batch_size, columns=columns, use_threads=True):
        rows += batch.num_rows
        yield batch
    if rows != file.metadata.num_rows:
        raise FileRejected(
            Reason.CORRUPT_FILE, f"the footer names {file.metadata.num_rows} rows, the pages hold {rows}"
        )


def within_limits(parts: Iterator[TypedRecords], size_bytes: int, file_format: FileFormat) -> Iterator[TypedRecords]:
    """What was read of a file of so many bytes.

    Raises:
        FileRejected: ARCHIVE_BOMB.
    """
    given = 0
    for part in parts:
        given += part.records.nbytes
        check_limits(given, size_bytes, file_format, floor_bytes=_FLOOR_BYTES)
        yield part


def _longest_row(stream: BinaryIO, file: pq.ParquetFile, columns: list[str], dictionaries: list[int]) -> int:
    """A bound on the bytes of one row that come from dictionaries."""
    doubtful = [
        number
        for number, size_bytes in enumerate(dictionaries)
        if size_bytes * min(file.metadata.row_group(number).num_rows, CHUNK_RECORDS) > _BATCH_BYTES
    ]
    if not doubtful:
        return 0
    schema = file.metadata.schema
    texts = [column.path for column in map(schema.column, range(len(schema))) if column.physical_type == "BYTE_ARRAY"]
    apart = open_parquet(stream, read_dictionary=texts)
    longest = 0
    for number in doubtful:
        for batch in apart.iter_batches(batch_size=1, columns=columns, row_groups=[number], use_threads=False):
            longest = max(longest, sum(_longest_value(array) for array in batch.columns))
            break
    return longest


def _longest_value(array: pa.Array) -> int:
    if pa.types.is_dictionary(array.type):
        lengths = pc.binary_length(array.dictionary)
        return int(pc.max(lengths).as_py() or 0)
    if pa.types.is_struct(array.type):
        return sum(_longest_value(part) for part in array.flatten())
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        return _longest_value(array.values)
    return 0
