"""Counts the records of a text file apart from the readers, so that a record they lose is noticed.

CSV: line ends outside quotes, by a grammar of its own (regular expressions over physical lines). NDJSON: lines that
are not blank. Knows nothing of columns, types or reasons.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from data_platform.formats.csv_dialect import LF, Dialect
from data_platform.formats.rejected import FileRejected, Reason

LINE_LIMIT_BYTES = 256 << 20  # a longer physical line rejects the file: it would have to be held


class LineTail:
    """Cuts blocks into complete lines and a tail that waits for its line end."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size_bytes = 0

    def complete(self, block: bytes) -> bytes:
        """The complete lines up to the last line end of `block`; empty if it has none."""
        cut = block.rfind(b"\n") + 1
        lines = b"".join([*self._pieces, block[:cut]]) if cut else b""
        if cut:
            self._pieces, self._size_bytes = [], 0
        self._pieces.append(block[cut:])
        self._size_bytes += len(block) - cut
        if self._size_bytes > LINE_LIMIT_BYTES:
            raise FileRejected(Reason.ROW_TOO_LARGE, f"a line of more than {LINE_LIMIT_BYTES} bytes")
        return lines

    def rest(self) -> bytes:
        """What stands behind the last line end."""
        return b"".join(self._pieces)


class NdjsonCounter:
    """Counts lines that hold anything but blanks."""

    def __init__(self) -> None:
        self._count = 0
        self._has_content = False  # in the line that is not complete yet

    def feed(self, block: bytes) -> None:
        """Takes the next bytes of the file."""
        ends = np.flatnonzero(np.frombuffer(block, np.uint8) == LF)
        if not len(ends):
            self._has_content |= not _is_blank(block)
            return
        first, last = int(ends[0]), int(ends[-1])
        self._has_content |= not _is_blank(block[:first])
        self._count += self._has_content + len(ends) - 1 - _blank_lines(block, ends)
        self._has_content = not _is_blank(block[last + 1 :])

    def total(self) -> int:
        """The number of records, at the end of the file."""
        return self._count + self._has_content


_BLANK_BEGINNINGS = np.frombuffer(b" \t\r\n", np.uint8)
_BLANK_LINE = re.compile(rb"^[ \t\r]*\n", re.MULTILINE)


def _blank_lines(block: bytes, ends: npt.NDArray[np.intp]) -> int:
    """Blank lines among those that begin and end in the block."""
    first, last = int(ends[0]), int(ends[-1])
    # Hardly any line begins like a blank one, which the first bytes alone prove.
    begins = np.frombuffer(block, np.uint8)[ends[:-1] + 1]
    if not np.isin(begins, _BLANK_BEGINNINGS).any():
        return 0
    return len(_BLANK_LINE.findall(block, first + 1, last + 1))


def _is_blank(text: bytes) -> bool:
    return not text.strip(b" \t\r")


class CsvCounter:
    """Counts line ends that no quoted field spans."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._tail = LineTail()
        self._count = 0
        self._is_open = False
        quote, delimiter = re.escape(dialect.quote or b"\n"), re.escape(dialect.delimiter)
        inside = rb"(?:[^%b]++|%b%b)*+" % (quote, quote, quote)
        fields = rb"(?:(?:%b%b%b|[^%b%b]*+)%b)*+" % (quote, inside, quote, quote, delimiter, delimiter)
        opened = rb"%b%b%b" % (fields, quote, inside)
        self._opens = re.compile(opened)
        self._stays_open = re.compile(rb"%b(?:%b%b%b)?+" % (inside, quote, delimiter, opened))

    def feed(self, block: bytes) -> None:
        """Takes the next bytes of the file."""
        lines = self._tail.complete(block)
        quote = self._dialect.quote
        is_plain = not self._is_open and not self._dialect.skips_lines
        if is_plain and (quote is None or quote not in lines):
            self._count += lines.count(b"\n")
        elif lines:
            self._walk(lines)

    def total(self) -> int:
        """The number of records, at the end of the file; an unfinished one counts."""
        rest = self._tail.rest()
        is_record = self._is_open or (rest != b"" and not self._dialect.is_skipped(rest))
        return self._count + is_record

    def _walk(self, lines: bytes) -> None:
        """Line by line, but only over lines that may leave a quote open or close one."""
        ends = np.flatnonzero(np.frombuffer(lines, np.uint8) == 0x0A)
        starts = np.concatenate(([0], ends[:-1] + 1))
        quotes = self._quotes_per_line(lines, ends)
        skipped = self._skipped(lines, starts, ends)
        skipped_before = np.concatenate(([0], np.cumsum(skipped)))
        may_open = np.flatnonzero((quotes % 2 == 1) & ~skipped)
        quoted = np.flatnonzero(quotes > 0)
        line = 0
        while line < len(ends):
            stop = _next(quoted if self._is_open else may_open, line, len(ends))
            if not self._is_open:
                self._count += stop - line - int(skipped_before[stop] - skipped_before[line])
            if stop < len(ends):
                grammar = self._stays_open if self._is_open else self._opens
                self._is_open = grammar.fullmatch(lines, int(starts[stop]), int(ends[stop])) is not None
                self._count += not self._is_open
            line = stop + 1

    def _quotes_per_line(self, lines: bytes, ends: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        if self._dialect.quote is None:
            return np.zeros(len(ends), np.intp)
        quotes = np.flatnonzero(np.frombuffer(lines, np.uint8) == self._dialect.quote[0])
        return np.diff(np.searchsorted(quotes, ends), prepend=0)

    def _skipped(self, lines: bytes, starts: npt.NDArray[np.intp], ends: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        if not self._dialect.skips_lines:
            return np.zeros(len(ends), np.bool_)
        spans = zip(starts.tolist(), ends.tolist(), strict=True)
        return np.array([self._dialect.is_skipped(lines[start:end]) for start, end in spans], np.bool_)


def _next(places: npt.NDArray[np.intp], line: int, otherwise: int) -> int:
    """The first of the sorted `places` at or behind `line`."""
    index = int(np.searchsorted(places, line))
    return int(places[index]) if index < len(places) else otherwise
