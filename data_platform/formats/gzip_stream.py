"""Expands gzip, member by member."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import chain

from data_platform.contracts.model import FileFormat
from data_platform.formats.expansion import check_limits
from data_platform.formats.rejected import FileRejected, Reason

_PIECE_BYTES = 8 << 20
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


def expand_gzip(blocks: Iterator[bytes], file_format: FileFormat) -> Iterator[bytes]:
    """All members in turn. Zero bytes may pad the end, as gzip itself allows.

    Raises:
        FileRejected: CORRUPT_ARCHIVE or ARCHIVE_BOMB.
    """
    member = None
    members = taken = given = 0
    for block in chain(blocks, [b""]):
        taken += len(block)
        pending, is_last = block, not block
        while pending or (is_last and member is not None):
            if member is None:
                if members and not pending.strip(b"\0"):
                    break
                member, members = zlib.decompressobj(_GZIP_WINDOW), members + 1
            piece = _inflate(member, pending)
            given += len(piece)
            check_limits(given, taken, file_format)
            if piece:
                yield piece
            if member.eof:
                pending, member = member.unused_data, None
            else:
                pending = member.unconsumed_tail
                if is_last and not piece:
                    raise FileRejected(Reason.CORRUPT_ARCHIVE, "gzip ends in the middle of a member")


def _inflate(member: zlib._Decompress, data: bytes) -> bytes:
    try:
        return member.decompress(data, _PIECE_BYTES)
    except zlib.error as error:
        raise FileRejected(Reason.CORRUPT_ARCHIVE, f"gzip cannot be expanded: {error}") from error
