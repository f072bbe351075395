"""Cuts a CSV stream into stretches of complete records. The only stage that must run in order: quotes may span lines.

A line whose quotes are well-formed by themselves, met where a record may start, is one record (induction from the
start of the file). Only other lines go to the exact parser, until their record closes. What is inside the lines is
proven later, line by line, in `csv_text`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import numpy.typing as npt

from data_platform.formats.csv_dialect import CR, LF, Dialect
from data_platform.formats.csv_records import Record, RecordParser
from data_platform.formats.lexical import Fault
from data_platform.formats.rejected import RAW_TEXT_LIMIT_BYTES, Reason


@dataclass(frozen=True, slots=True)
class Apart:
    """A record that the exact parser has read; `start` is its offset in the stretch."""

    start: int
    record: Record


@dataclass(frozen=True, slots=True)
class Stretch:
    """Complete records: `data` at `offset` of the file.

    Attributes:
        apart: records that were read exactly. Lines outside them are one record each, unless
        record_ends: offsets of the line ends that end a record, where quotes span lines and all are well-formed.
    """

    data: bytes
    offset: int
    apart: list[Apart] = field(default_factory=list)
    record_ends: npt.NDArray[np.intp] | None = None

    def ends(self) -> npt.NDArray[np.intp]:
        """Offsets of the line ends that end a record, or of all line ends where some records stand apart."""
        if self.record_ends is not None:
            return self.record_ends
        return np.flatnonzero(np.frombuffer(self.data, np.uint8) == LF)


def split_stretches(
    blocks: Iterator[bytes], parser: RecordParser, dialect: Dialect, *, offset: int
) -> Iterator[Stretch]:
    """All stretches of `blocks`, whose first byte stands at `offset` of the file."""
    carry = b""
    rest = chain(blocks, [b""])
    for block in rest:
        data = carry + block
        record_ends = _record_ends(data, dialect)
        if record_ends is not None:
            cut = int(record_ends[-1]) + 1
            yield Stretch(data[:cut], offset, record_ends=record_ends)
            data, offset = data[cut:], offset + cut
        cut, apart = (0, []) if block and record_ends is not None else _settle(data, parser, dialect, is_last=not block)
        if cut:
            yield Stretch(data[:cut], offset, apart)
        carry, offset = data[cut:], offset + cut
        if len(carry) > dialect.max_record_bytes:
            stretch, size_bytes, carry = _pass_over(Stretch(carry, offset), rest, parser, dialect)
            yield stretch
            offset += size_bytes


def _settle(data: bytes, parser: RecordParser, dialect: Dialect, *, is_last: bool) -> tuple[int, list[Apart]]:
    """Where the complete records end, and those of them that needed the exact parser."""
    apart: list[Apart] = []
    position = 0  # where the next record starts, as far as only suspicious lines can tell
    if dialect.quote is not None and dialect.quote in data:
        codes = np.frombuffer(data, np.uint8)
        line_ends = np.flatnonzero(codes == LF)
        for line in suspicious_lines(codes, line_ends, dialect).tolist():
            start = int(line_ends[line - 1]) + 1 if line else 0
            if start < position or dialect.is_skipped(data[start : int(line_ends[line])]):
                continue
            record = parser.parse(data, start, is_last=is_last)
            if record is None:
                return start, apart
            apart.append(Apart(start, record))
            position = record.end
    cut = max(data.rfind(b"\n") + 1, position)
    if cut == len(data) or not is_last:
        return cut, apart
    torn = None if dialect.is_skipped(data[cut:]) else parser.parse(data, cut, is_last=True)
    if torn is None:
        return cut, apart
    return len(data), [*apart, Apart(cut, torn)]


def suspicious_lines(
    codes: npt.NDArray[np.uint8], line_ends: npt.NDArray[np.intp], dialect: Dialect
) -> npt.NDArray[np.intp]:
    """Complete lines whose quotes are not well-formed by themselves, in order."""
    if dialect.quote is None or not len(line_ends):
        return np.zeros(0, np.int64)
    quotes = np.flatnonzero(codes[: int(line_ends[-1]) + 1] == dialect.quote[0])
    if not len(quotes):
        return quotes
    line_of = np.searchsorted(line_ends, quotes)
    counts = np.bincount(line_of, minlength=len(line_ends))
    place = np.arange(len(quotes)) - (np.cumsum(counts) - counts)[line_of]
    is_faulty = _faulty_quotes(codes, quotes, place, dialect)
    return np.union1d(line_of[is_faulty], np.flatnonzero(counts % 2))


def _record_ends(data: bytes, dialect: Dialect) -> npt.NDArray[np.intp] | None:
    """The line ends outside quotes, where some are inside and all quotes up to the last record end are well-formed."""
    if dialect.quote is None or dialect.skips_lines or dialect.quote not in data:
        return None
    codes = np.frombuffer(data, np.uint8)
    line_ends = np.flatnonzero(codes == LF)
    quotes = np.flatnonzero(codes == dialect.quote[0])
    is_outside = np.searchsorted(quotes, line_ends) % 2 == 0
    record_ends: npt.NDArray[np.intp] = line_ends[is_outside]
    if is_outside.all() or not len(record_ends):
        return None
    quotes = quotes[: int(np.searchsorted(quotes, record_ends[-1]))]
    if _faulty_quotes(codes, quotes, np.arange(len(quotes)), dialect).any():
        return None
    return record_ends


def _faulty_quotes(
    codes: npt.NDArray[np.uint8], quotes: npt.NDArray[np.intp], place: npt.NDArray[np.intp], dialect: Dialect
) -> npt.NDArray[np.bool_]:
    """Quotes that are not where RFC 4180 wants them. `place` counts them from where quotes are known to be closed.

    Every quote at an even place must open a field or double the quote before it, every one at an odd place must
    close a field or be doubled by the next. A line end stands somewhere behind the last quote.
    """
    if not len(quotes):
        return np.zeros(0, np.bool_)
    delimiter = dialect.delimiter[0]
    before, behind = codes[quotes - 1], codes[quotes + 1]
    touching = np.diff(quotes) == 1
    opens = (before == delimiter) | (before == LF) | np.append(False, touching)
    opens[0] |= quotes[0] == 0
    ends_line = (behind == CR) & (codes[np.minimum(quotes + 2, len(codes) - 1)] == LF)
    closes = (behind == delimiter) | (behind == LF) | ends_line | np.append(touching, False)
    faulty: npt.NDArray[np.bool_] = np.where(place % 2 == 0, ~opens, ~closes)
    return faulty


def _pass_over(
    begun: Stretch, blocks: Iterator[bytes], parser: RecordParser, dialect: Dialect
) -> tuple[Stretch, int, bytes]:
    """Reads on to the end of a record too large to hold: the record, its size, and what was read behind it."""
    fault = parser.oversize_fault(begun.data)
    search = _EndSearch(dialect)
    piece, size_bytes = begun.data, 0
    while (end := search.feed(piece)) is None:
        size_bytes += len(piece)
        piece = next(blocks, b"")
        if not piece:
            end = 0
            if search.is_quoted:
                fault = Fault(Reason.UNTERMINATED_QUOTE, "a quote is never closed")
            break
    head = begun.data[:RAW_TEXT_LIMIT_BYTES]
    stretch = Stretch(head, begun.offset, [Apart(0, Record(len(head), fault))])
    return stretch, size_bytes + end, piece[end:]


class _EndSearch:
    """Finds the end of one record over pieces of any size, holding none of them."""

    def __init__(self, dialect: Dialect) -> None:
        self._delimiter = dialect.delimiter[0]
        self._quote = dialect.quote
        self._state = "start"

    @property
    def is_quoted(self) -> bool:
        """Whether a quote is open."""
        return self._state == "quoted"

    def feed(self, piece: bytes) -> int | None:
        """The offset behind the record's line end; None if it is not in this piece."""
        position, line_end = 0, -1
        while position < len(piece):
            if self._state in ("start", "plain") and line_end < position:
                found = piece.find(b"\n", position)
                line_end = len(piece) if found < 0 else found
            if self._state == "done":
                break
            position = self._step(piece, position, line_end)
        if self._state == "done":
            return position
        return None

    def _step(self, piece: bytes, position: int, line_end: int) -> int:
        byte = piece[position]
        match self._state:
            case "quoted":
                end = piece.find(self._quote or b"", position)
                self._state = "quoted" if end < 0 else "closing"
                return len(piece) if end < 0 else end + 1
            case "closing" if self._quote is not None and byte == self._quote[0]:
                self._state = "quoted"
            case "closing" if byte == self._delimiter:
                self._state = "start"
            case "closing" if byte == CR:
                self._state = "returned"
            case "closing" | "returned" if byte == LF:
                self._state = "done"
            case "closing" | "returned" | "faulty":
                end = piece.find(b"\n", position)
                self._state = "faulty" if end < 0 else "done"
                return len(piece) if end < 0 else end + 1
            case "start" if self._quote is not None and byte == self._quote[0]:
                self._state = "quoted"
            case _:
                return self._step_plain(piece, position, line_end)
        return position + 1

    def _step_plain(self, piece: bytes, position: int, line_end: int) -> int:
        quote = -1 if self._quote is None else piece.find(self._quote, position, line_end)
        if quote < 0:
            is_complete = line_end < len(piece)
            self._state = "done" if is_complete else "start" if piece[-1] == self._delimiter else "plain"
            return line_end + 1 if is_complete else len(piece)
        is_opening = quote > position and piece[quote - 1] == self._delimiter
        self._state = "quoted" if is_opening else "faulty"
        return quote + 1
