"""Cuts NDJSON into stretches of complete lines, and sorts the lines: blank, proven fit for the kernel, or doubtful.

The columnar JSON kernel is lenient in known places (numbers given as text for a decimal, escaped control characters)
and ends the process where a top-level `null` comes first. A line is proven only if none of these can be in it.

Several values on one line are no concern here: strings hold no line end, so the kernel stands between two values
wherever one line ends with `}` and the next begins with `{`; each such line gives at least one row, and a slice is
taken only if it gives as many rows as lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from data_platform.contracts.model import Contract, FileFormat
from data_platform.contracts.types import ColumnType, TypeKind
from data_platform.formats.csv_dialect import CR, LF
from data_platform.formats.rejected import RAW_TEXT_LIMIT_BYTES

_BLANKS = b" \t\r"
_LENIENT = re.compile(rb"\\(?:u(?:00[0-7]|[dD][89a-fA-F])|[bf])|\x00")
_SAMPLE_STRIDE = 13  # the decimal kernel wraps around beyond 38 digits
_TEXT_RUN_LIMIT = 64  # bytes looked back from a place for the beginning of its run
_OF_NUMBER = np.zeros(256, np.bool_)
_OF_NUMBER[list(b"0123456789.eE+-")] = True
_OF_VALUE = np.zeros(256, np.bool_)
_OF_VALUE[list(b"0123456789-n")] = True


@dataclass(frozen=True, slots=True)
class LineStretch:
    """Complete lines: `data` at `offset` of the file.

    Attributes:
        is_torn: the file ends in it without a line end.
        is_oversize: it is the head of one line that is too large to hold.
    """

    data: bytes
    offset: int
    is_torn: bool = False
    is_oversize: bool = False


@dataclass(frozen=True, slots=True)
class SortedLines:
    """Byte spans of the lines that are not blank, line ends excluded, and which of them are proven."""

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    proven: npt.NDArray[np.bool_]


def split_lines(blocks: Iterator[bytes], file_format: FileFormat, *, offset: int) -> Iterator[LineStretch]:
    """All lines of `blocks`, whose first byte stands at `offset` of the file."""
    carry = b""
    rest = chain(blocks, [b""])
    for block in rest:
        cut = block.rfind(b"\n") + 1
        if cut:
            lines = b"".join((carry, memoryview(block)[:cut]))  # one copy of a large block, not two
            yield LineStretch(lines, offset)
            carry, offset = block[cut:], offset + len(lines)
        else:
            carry += block
        if carry and not block:
            yield LineStretch(carry, offset, is_torn=True)
        elif len(carry) > file_format.max_record_bytes:
            size_bytes = len(carry)
            head = carry[:RAW_TEXT_LIMIT_BYTES]
            is_blank = not carry.strip(_BLANKS)
            carry = b""
            for piece in rest:
                end = piece.find(b"\n") + 1
                size_bytes += end or len(piece)
                is_blank &= not (piece[:end] or piece).strip(_BLANKS + b"\n")
                if end or not piece:
                    carry = piece[end:]
                    break
            if not is_blank:
                yield LineStretch(head, offset, is_oversize=True)
            offset += size_bytes
            cut = carry.rfind(b"\n") + 1
            if cut:
                yield LineStretch(carry[:cut], offset)
                carry, offset = carry[cut:], offset + cut


def line_spans(data: bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where the lines that are not blank begin and end, line ends excluded."""
    codes = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(codes == LF)
    starts = np.concatenate(([0], ends + 1))
    ends = np.append(ends, len(data))
    if starts[-1] == len(data):
        starts, ends = starts[:-1], ends[:-1]
    ends = ends - ((ends > starts) & (codes[ends - 1] == CR))
    blank = ends == starts
    for line in np.flatnonzero(~blank & np.isin(codes[np.minimum(starts, len(codes) - 1)], list(_BLANKS))).tolist():
        blank[line] = not data[starts[line] : ends[line]].strip(_BLANKS)
    return starts[~blank], ends[~blank]


class LineSorter:
    """Sorts lines for one contract."""

    def __init__(self, contract: Contract, file_format: FileFormat) -> None:
        self._format = file_format
        # The kernel refuses what is nested deeper than the contract's types: objects of unknown fields too.
        self._may_be_deep = 1 + max(map(_depth, (column.type for column in contract.columns))) > file_format.max_depth
        decimals = [column.name for column in contract.columns if column.type.kind is TypeKind.DECIMAL]
        self._decimal_keys = [f'"{name}"'.encode() for name in decimals]

    def sort(self, data: bytes) -> SortedLines:
        """Sorts the lines of `data`."""
        starts, ends = line_spans(data)
        return SortedLines(starts, ends, ~self._doubtful(data, np.frombuffer(data, np.uint8), starts, ends))

    def _doubtful(
        self,
        data: bytes,
        codes: npt.NDArray[np.uint8],
        starts: npt.NDArray[np.int64],
        ends: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.bool_]:
        if not len(starts):
            return np.zeros(0, np.bool_)
        doubtful: npt.NDArray[np.bool_] = (codes[starts] != ord("{")) | (codes[ends - 1] != ord("}"))
        doubtful |= ends - starts > self._format.max_record_bytes
        for places in (self._lenient(data), self._long_numbers(codes), self._decimal_texts(codes)):
            doubtful[np.maximum(np.searchsorted(starts, places, side="right") - 1, 0)] = True
        if self._may_be_deep:
            self._mark_deep(codes, starts, doubtful)
        if not _is_utf8(data):
            lines = np.unique(np.searchsorted(starts, np.flatnonzero(codes >= 0x80), side="right") - 1)
            for line in lines[lines >= 0].tolist():
                doubtful[line] |= not _is_utf8(data[starts[line] : ends[line]])
        return doubtful

    def _lenient(self, data: bytes) -> npt.NDArray[np.int64]:
        if b"\\" not in data and b"\0" not in data:
            return np.zeros(0, np.int64)
        return np.array([found.start() for found in _LENIENT.finditer(data)], np.int64)

    def _long_numbers(self, codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Places within runs longer than any number that the decimal kernel reads without wrapping around.

        Such a run holds three neighbouring samples and all bytes between them.
        """
        if not self._decimal_keys:
            return np.zeros(0, np.int64)
        sampled = _OF_NUMBER[codes[::_SAMPLE_STRIDE]]
        places = np.flatnonzero(sampled[:-2] & sampled[1:-1] & sampled[2:]) * _SAMPLE_STRIDE
        for distance in range(1, 2 * _SAMPLE_STRIDE):
            places = places[_OF_NUMBER[codes[places + distance]]]
        return _behind_no_quote(codes, places)

    def _decimal_texts(self, codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Keys of decimal columns that are not plainly followed by a number or null."""
        found = [np.zeros(0, np.int64)]
        quotes = np.flatnonzero(codes == ord('"')) if self._decimal_keys else found[0]
        last = len(codes) - 1
        for key in self._decimal_keys:
            keys = quotes[: int(np.searchsorted(quotes, len(codes) - len(key) + 1))]
            for distance in (len(key) - 1, *range(1, len(key) - 1)):
                keys = keys[codes[keys + distance] == key[distance]]
            colon = np.minimum(keys + len(key), last)
            value = np.minimum(colon + 1, last)
            value = np.minimum(value + (codes[value] == ord(" ")), last)
            found.append(keys[(codes[colon] != ord(":")) | ~_OF_VALUE[codes[value]]])
        return np.concatenate(found)

    def _mark_deep(
        self, codes: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], doubtful: npt.NDArray[np.bool_]
    ) -> None:
        opening = np.flatnonzero((codes == ord("{")) | (codes == ord("[")))
        if len(opening) > len(starts):
            line_of = np.maximum(np.searchsorted(starts, opening, side="right") - 1, 0)
            doubtful |= np.bincount(line_of, minlength=len(starts)) > self._format.max_depth


def _behind_no_quote(codes: npt.NDArray[np.uint8], places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Places within runs that do not begin right behind a quote. Such a run is text: a number stands behind none."""
    kept = []
    position = places - 1
    for _ in range(_TEXT_RUN_LIMIT):
        goes_on = _OF_NUMBER[codes[position]]
        kept.append(places[~goes_on & (codes[position] != ord('"'))])
        places, position = places[goes_on], position[goes_on] - 1
        if not len(places):
            break
    return np.concatenate([*kept, places])


def _depth(column_type: ColumnType) -> int:
    """How many objects and arrays a value of the type may stand in, itself included."""
    parts = [part.type for part in column_type.fields] + ([column_type.item] if column_type.item else [])
    is_nested = column_type.kind in (TypeKind.OBJECT, TypeKind.ARRAY)
    return is_nested + max(map(_depth, parts), default=0)


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
