"""Looks at a Parquet file's page headers before anything is decoded: does it hold what its footer says, and how much?

Only headers are read. What a page holds is checked when it is decoded (`parquet`), by its CRC where it has one.
Source: Apache Parquet format, parquet.thrift: PageHeader and FileMetaData.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow.parquet as pq

from data_platform.contracts.model import FileFormat
from data_platform.formats.expansion import check_limits
from data_platform.formats.rejected import FileRejected, Reason
from data_platform.formats.thrift_compact import Fields, ThriftReader

_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
_PAGE_LIMIT_BYTES = 256 << 20  # a page is held whole; writers make pages of about 1 MiB
_HEADER_BYTES = 16 << 10
_LONG_HEADER_BYTES = 64 << 20  # a header repeats the least and the greatest value, which may be long


@dataclass(frozen=True, slots=True)
class _Page:
    kind: int
    expanded_bytes: int
    stored_bytes: int
    values: int


def check_pages(stream: BinaryIO, metadata: pq.FileMetaData, file_format: FileFormat) -> list[int]:
    """Holds every page header against the footer and the limits of expansion. Leaves the stream at its beginning.

    Returns:
        For each row group the expanded size of its dictionaries, in bytes.

    Raises:
        FileRejected: CORRUPT_FILE or ARCHIVE_BOMB.
    """
    size_bytes = stream.seek(0, 2)
    expanded = rows = 0
    dictionaries = [0] * metadata.num_row_groups
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        rows += group.num_rows
        for place in range(group.num_columns):
            values = 0
            for page in _pages(stream, group.column(place), size_bytes):
                expanded += page.expanded_bytes
                dictionaries[number] += page.expanded_bytes if page.kind == _DICTIONARY else 0
                values += page.values if page.kind in (_DATA, _DATA_V2) else 0
                check_limits(expanded, size_bytes, file_format)
            is_flat = metadata.schema.column(place).max_repetition_level == 0
            if values != (group.num_rows if is_flat else group.column(place).num_values):
                raise _corrupt("the pages of a column hold another number of values than the footer says")
    if rows != metadata.num_rows:
        raise _corrupt(f"the footer names {metadata.num_rows} rows, its row groups {rows}")
    stream.seek(0)
    return dictionaries


def _pages(stream: BinaryIO, chunk: pq.ColumnChunkMetaData, size_bytes: int) -> Iterator[_Page]:
    offsets = (chunk.data_page_offset, chunk.dictionary_page_offset if chunk.has_dictionary_page else 0)
    place = min((offset for offset in offsets if offset > 0), default=0)
    end = place + chunk.total_compressed_size
    if end < place or end > size_bytes:
        raise _corrupt("a column lies outside the file")
    while place < end:
        page, header_bytes = _page_at(stream, place)
        if page.expanded_bytes < 0 or page.stored_bytes < 0 or page.values < 0:
            raise _corrupt("a page of negative size")
        if page.expanded_bytes > _PAGE_LIMIT_BYTES:
            raise FileRejected(Reason.ARCHIVE_BOMB, f"a page expands to more than {_PAGE_LIMIT_BYTES} bytes")
        place += header_bytes + page.stored_bytes
        yield page
    if place != end:
        raise _corrupt("the pages of a column do not end where it ends")


def _page_at(stream: BinaryIO, place: int) -> tuple[_Page, int]:
    for limit in (_HEADER_BYTES, _LONG_HEADER_BYTES):
        stream.seek(place)
        reader = ThriftReader(stream.read(limit))
        try:
            fields = reader.struct()
            detail: Fields = next((fields[part] for part in (5, 7, 8) if part in fields), {})
            return _Page(fields[1], fields[2], fields[3], detail.get(1, 0)), reader.place
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            fault = error
    raise _corrupt("a page header cannot be read") from fault


def _corrupt(detail: str) -> FileRejected:
    return FileRejected(Reason.CORRUPT_FILE, detail)
