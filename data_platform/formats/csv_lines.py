"""Which lines of a stretch of CSV are not proven to be one good record each: everything but quotes, line by line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_platform.formats.csv_dialect import CONTROLS, CR, LF, Dialect
from data_platform.formats.csv_structure import Stretch

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # the columnar parser would swallow it
_IS_CONTROL = np.zeros(256, np.bool_)
_IS_CONTROL[list(CONTROLS)] = True


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a stretch (the records, where quotes span lines): byte spans with line ends, and what each is.

    Attributes:
        apart: belongs to a record that was read exactly already. begins_apart: is the first line of such a record.
        skipped: is no record. doubtful: must be read exactly. The rest is proven but for the kernels' own checks.
    """

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    apart: npt.NDArray[np.bool_]
    begins_apart: npt.NDArray[np.bool_]
    skipped: npt.NDArray[np.bool_]
    doubtful: npt.NDArray[np.bool_]

    @property
    def proven(self) -> npt.NDArray[np.bool_]:
        """Lines that are one good record each."""
        return ~(self.apart | self.skipped | self.doubtful)


def is_proven_whole(stretch: Stretch, dialect: Dialect, *, width: int) -> bool:
    """Whether nothing in `stretch` needs a closer look but its fields."""
    data = stretch.data
    if stretch.apart or dialect.skips_lines or data.startswith(_BYTE_ORDER_MARK) or not data.endswith(b"\n"):
        return False
    codes = np.frombuffer(data, np.uint8)
    ends = stretch.ends()
    line_feeds = len(ends) if stretch.record_ends is None else data.count(b"\n")
    returns = data.count(b"\r")
    admitted = line_feeds + returns + data.count(b"\t")
    if np.count_nonzero(codes < 32) != admitted or (returns and returns != data.count(b"\r\n")):
        return False
    lengths = np.diff(ends, prepend=-1)
    shortest = 1 + (returns > 0)  # of a blank line, which the columnar parser takes for empty fields
    return int(lengths.max()) <= dialect.max_field_bytes and (width == 1 or int(lengths.min()) > shortest)


def examine_lines(stretch: Stretch, dialect: Dialect, *, width: int) -> Lines:
    """Sorts the lines of `stretch`."""
    codes = np.frombuffer(stretch.data, np.uint8)
    ends = stretch.ends() + 1
    if not stretch.data.endswith(b"\n"):
        ends = np.append(ends, len(stretch.data))
    starts = np.concatenate(([0], ends[:-1]))
    apart, begins_apart = np.zeros(len(starts), np.bool_), np.zeros(len(starts), np.bool_)
    for item in stretch.apart:
        first, behind = np.searchsorted(starts, (item.start, item.record.end))
        apart[first:behind] = True
        begins_apart[first] = True
    skipped = np.zeros(len(starts), np.bool_)
    if dialect.skips_lines:
        for line in np.flatnonzero(~apart).tolist():
            skipped[line] = dialect.is_skipped(stretch.data[starts[line] : ends[line]])
    doubtful = _doubtful(stretch.data, codes, starts, ends, dialect, width)
    return Lines(starts, ends, apart, begins_apart, skipped, doubtful & ~apart & ~skipped)


def _doubtful(
    data: bytes,
    codes: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    dialect: Dialect,
    width: int,
) -> npt.NDArray[np.bool_]:
    lengths = ends - starts
    doubtful: npt.NDArray[np.bool_] = lengths > dialect.max_field_bytes
    if width > 1:
        doubtful |= (lengths == 1) | ((lengths == 2) & (codes[starts] == CR))
    returns = np.flatnonzero(codes == CR)
    lone = returns[codes[np.minimum(returns + 1, len(codes) - 1)] != LF]
    for places in (np.flatnonzero(_IS_CONTROL[codes]), lone):
        doubtful[np.searchsorted(ends, places, side="right")] = True
    doubtful |= _delimiters_per_line(codes, ends, dialect) != width - 1
    doubtful |= codes[starts] == _BYTE_ORDER_MARK[0]
    if not _is_utf8(data):
        for line in np.unique(np.searchsorted(ends, np.flatnonzero(codes >= 0x80), side="right")).tolist():
            doubtful[line] |= not _is_utf8(data[starts[line] : ends[line]])
    return doubtful


def _delimiters_per_line(
    codes: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64], dialect: Dialect
) -> npt.NDArray[np.int64]:
    """Delimiters outside quotes; right only for lines whose quotes are well-formed by themselves."""
    delimiters = np.flatnonzero(codes == dialect.delimiter[0])
    line_of = np.searchsorted(ends, delimiters, side="right")
    if dialect.quote is not None:
        quotes = np.flatnonzero(codes == dialect.quote[0])
        before_line = np.searchsorted(quotes, np.concatenate(([0], ends[:-1])))
        before_delimiter = np.searchsorted(quotes, delimiters)
        line_of = line_of[(before_delimiter - before_line[line_of]) % 2 == 0]
    return np.bincount(line_of, minlength=len(ends))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
