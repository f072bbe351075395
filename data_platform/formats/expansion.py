"""How far a compressed file may expand, and what may come out of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from data_platform.contracts.model import FileFormat
from data_platform.formats.rejected import FileRejected, Reason

RATIO_FLOOR_BYTES = 16 << 20  # a small file may expand by any ratio
_ARCHIVES = (b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"PK\x03\x04")  # gzip, zstd, zip


def check_limits(given: int, taken: int, file_format: FileFormat, *, floor_bytes: int = RATIO_FLOOR_BYTES) -> None:
    """Holds `given` expanded bytes of `taken` compressed ones against the limits; the ratio counts above the floor.

    Raises:
        FileRejected: ARCHIVE_BOMB.
    """
    if given > file_format.max_expanded_bytes:
        raise FileRejected(Reason.ARCHIVE_BOMB, f"expands to more than {file_format.max_expanded_bytes} bytes")
    if given > floor_bytes and given > taken * file_format.max_expansion_ratio:
        raise FileRejected(Reason.ARCHIVE_BOMB, f"expands more than {file_format.max_expansion_ratio} times")


def in_blocks(pieces: Iterator[bytes], size_bytes: int) -> Iterator[bytes]:
    """Joins small pieces into blocks of about `size_bytes`.

    Raises:
        FileRejected: CORRUPT_ARCHIVE where what was expanded is compressed again.
    """
    held: list[bytes] = []
    size = 0
    for piece in _expanded_once(pieces):
        held.append(piece)
        size += len(piece)
        if size >= size_bytes:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _expanded_once(pieces: Iterator[bytes]) -> Iterator[bytes]:
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= max(map(len, _ARCHIVES)):
            break
    if head.startswith(_ARCHIVES):
        raise FileRejected(Reason.CORRUPT_ARCHIVE, "compressed twice: what was expanded is an archive again")
    yield from chain([head] if head else [], pieces)
