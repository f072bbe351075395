"""Reads CSV files: header, stretches, typed chunks, and the count that the chunks are held against."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain

from data_platform.contracts.model import Contract, FileFormat
from data_platform.errors import ConfigurationError
from data_platform.formats.compression import is_utf8, read_members
from data_platform.formats.counting import CsvCounter
from data_platform.formats.csv_columns import StretchReader
from data_platform.formats.csv_dialect import Dialect, dialect_of
from data_platform.formats.csv_header import Layout, match_header, positional_layout
from data_platform.formats.csv_records import RecordParser
from data_platform.formats.csv_structure import split_stretches
from data_platform.formats.csv_text import TextReader
from data_platform.formats.encodings import SizedBlocks, check_not_utf16, strip_mark
from data_platform.formats.lexical import Fault
from data_platform.formats.reading import Chunk, FileReading, Source, Tally
from data_platform.formats.rejected import FileRejected, Reason
from data_platform.formats.typed import TypedRecords, number_chunks, read_in_order


class CsvReader:
    """Reads the CSV files of one contract."""

    def __init__(self, contract: Contract) -> None:
        if contract.format is None:
            raise ConfigurationError(f"{contract.name}: platform.format is missing in {contract.path}; add it")
        self._contract = contract
        self._format: FileFormat = contract.format
        self._dialect: Dialect = dialect_of(contract, contract.format)

    def read(self, source: Source, *, name: str) -> FileReading:
        """Starts reading one file."""
        return FileReading(partial(self._chunks, source), name=name)

    def _chunks(self, source: Source, tally: Tally) -> Iterator[Chunk]:
        yield from number_chunks(self._typed(source, tally))

    def _typed(self, source: Source, tally: Tally) -> Iterator[TypedRecords]:
        """The records of all members, each of which has its own header."""
        before = 0
        for member in read_members(source, self._format):
            sized = SizedBlocks(member)
            yield from self._member(sized, before, tally)
            before += sized.size_bytes
            tally.logical_bytes = before

    def _member(self, member: Iterator[bytes], before: int, tally: Tally) -> Iterator[TypedRecords]:
        """The records of a member, whose first byte stands `before` bytes behind that of the file."""
        blocks = strip_mark(member)
        counter = CsvCounter(self._dialect)
        layout, body, offset = self._begin(blocks.blocks)
        tally.drift = tally.drift.joined(layout.drift)
        parser = RecordParser(self._dialect, width=layout.width)
        text_reader = TextReader(self._dialect, parser, width=layout.width)
        reader = StretchReader(self._contract, layout, text_reader, self._dialect)
        counted = _counted(body, counter)
        stretches = split_stretches(counted, parser, self._dialect, offset=before + blocks.mark_bytes + offset)
        yield from read_in_order(stretches, partial(reader.read, has_offsets=is_utf8(self._format)))
        tally.source_rows += counter.total()

    def header(self, source: Source) -> tuple[str, ...] | None:
        """The field names of the first member; None where files have no header.

        Raises:
            FileRejected: the header cannot be read.
        """
        if not self._format.header:
            return None
        blocks = strip_mark(next(read_members(source, self._format), iter(())))
        return self._header(_head(blocks.blocks), blocks.blocks)[0]

    def _begin(self, blocks: Iterator[bytes]) -> tuple[Layout, Iterator[bytes], int]:
        """The layout, the blocks behind the header, and how many bytes the header takes."""
        head = _head(blocks)
        if not self._format.header:
            return positional_layout(self._contract), chain([head], blocks), 0
        names, head, end = self._header(head, blocks)
        layout = match_header(names, self._contract, self._format)
        return layout, chain([head[end:]] if end < len(head) else [], blocks), end

    def _header(self, head: bytes, blocks: Iterator[bytes]) -> tuple[tuple[str, ...], bytes, int]:
        """The names, all that was read for them, and where in that they end."""
        parser = RecordParser(self._dialect, width=None)
        start, is_last = 0, False
        while True:
            start = self._first_record(head, start)
            record = parser.parse(head, start, is_last=is_last) if start < len(head) else None
            if record is not None:
                break
            if is_last:
                raise FileRejected(Reason.HEADER_MISMATCH, "the file holds no header")
            if len(head) - start > self._dialect.max_record_bytes:
                raise FileRejected(Reason.ROW_TOO_LARGE, "the header does not end within the limit of a record")
            block = next(blocks, b"")
            head, is_last = head + block, not block
        if isinstance(record.fields, Fault):
            raise FileRejected(record.fields.reason, f"the header cannot be read: {record.fields.detail}")
        return tuple(field.text for field in record.fields), head, record.end

    def _first_record(self, head: bytes, start: int) -> int:
        """The start of the first line that is a record."""
        while True:
            line_end = head.find(b"\n", start)
            if line_end < 0 or not self._dialect.is_skipped(head[start:line_end]):
                return start
            start = line_end + 1


def _head(blocks: Iterator[bytes]) -> bytes:
    head = next(blocks, b"")
    if not head:
        raise FileRejected(Reason.EMPTY_FILE, "the file holds nothing")
    check_not_utf16(head)
    return head


def _counted(blocks: Iterator[bytes], counter: CsvCounter) -> Iterator[bytes]:
    for block in blocks:
        counter.feed(block)
        yield block
