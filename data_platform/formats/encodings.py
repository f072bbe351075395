"""Byte order marks and files that are plainly not in the contract's encoding."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from data_platform.formats.rejected import FileRejected, Reason

_PROBE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Unmarked:
    """Blocks without the UTF-8 byte order mark, which took `mark_bytes` of the file."""

    blocks: Iterator[bytes]
    mark_bytes: int


class SizedBlocks:
    """Blocks on their way, and how many bytes have passed."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self.size_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block = next(self._blocks)
        self.size_bytes += len(block)
        return block


def strip_mark(blocks: Iterator[bytes]) -> Unmarked:
    """Takes a UTF-8 byte order mark off the front."""
    head = next(blocks, b"")
    while head and len(head) < len(codecs.BOM_UTF8) and (block := next(blocks, b"")):
        head += block
    mark_bytes = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    rest = head[mark_bytes:]
    return Unmarked(chain([rest] if rest else [], blocks), mark_bytes)


def check_not_utf16(head: bytes) -> None:
    """Raises FileRejected ENCODING if a file that should be UTF-8 begins like UTF-16."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FileRejected(Reason.ENCODING, "the file begins with a UTF-16 byte order mark")
    probe = head[:_PROBE_BYTES]
    half = len(probe) // 2
    if half and (probe[::2].count(0) == len(probe[::2]) or probe[1::2].count(0) == half):
        raise FileRejected(Reason.ENCODING, "every other byte is zero: the file looks like UTF-16 without a mark")
