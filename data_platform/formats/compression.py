"""The byte stream of a file: opened, expanded, brought to UTF-8, in blocks, within the contract's limits."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from data_platform.contracts.model import FileFormat
from data_platform.formats.reading import Source
from data_platform.formats.rejected import FileRejected, Reason

BLOCK_BYTES = 8 << 20
_READ_BYTES = 1 << 20
_RATIO_FLOOR_BYTES = 16 << 20  # a small file may expand by any ratio
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


def read_blocks(source: Source, file_format: FileFormat) -> Iterator[bytes]:
    """The file's bytes, expanded and in UTF-8, in blocks of about BLOCK_BYTES.

    Raises:
        FileRejected: CORRUPT_ARCHIVE, ARCHIVE_BOMB, UNSUPPORTED compression, or ENCODING of a text that is not UTF-8.
    """
    if file_format.compression == "gzip":
        blocks = _gathered(_expanded(_raw_blocks(source, _READ_BYTES), file_format))
    elif file_format.compression is None:
        blocks = _raw_blocks(source, BLOCK_BYTES)
    else:
        raise FileRejected(Reason.UNSUPPORTED, f"compression {file_format.compression} cannot be read")
    if is_utf8(file_format):
        return blocks
    return _recoded(blocks, file_format.encoding)


def is_utf8(file_format: FileFormat) -> bool:
    """Whether offsets into the blocks are offsets into the expanded file."""
    return codecs.lookup(file_format.encoding).name == "utf-8"


def _raw_blocks(source: Source, size_bytes: int) -> Iterator[bytes]:
    if isinstance(source, Path):
        with source.open("rb") as stream:
            yield from iter(lambda: stream.read(size_bytes), b"")
    else:
        yield from iter(lambda: source.read(size_bytes), b"")


def _expanded(blocks: Iterator[bytes], file_format: FileFormat) -> Iterator[bytes]:
    """All gzip members in turn. Zero bytes may pad the end, as gzip itself allows."""
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
            _check_limits(given, taken, file_format)
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
        return member.decompress(data, BLOCK_BYTES)
    except zlib.error as error:
        raise FileRejected(Reason.CORRUPT_ARCHIVE, f"gzip cannot be expanded: {error}") from error


def _check_limits(given: int, taken: int, file_format: FileFormat) -> None:
    if given > file_format.max_expanded_bytes:
        raise FileRejected(Reason.ARCHIVE_BOMB, f"expands to more than {file_format.max_expanded_bytes} bytes")
    if given > _RATIO_FLOOR_BYTES and given > taken * file_format.max_expansion_ratio:
        raise FileRejected(Reason.ARCHIVE_BOMB, f"expands more than {file_format.max_expansion_ratio} times")


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Joins small pieces into blocks of about BLOCK_BYTES."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= BLOCK_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _recoded(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        for block in blocks:
            if text := decoder.decode(block):
                yield text.encode()
        if text := decoder.decode(b"", final=True):
            yield text.encode()
    except UnicodeError as error:
        raise FileRejected(Reason.ENCODING, f"the file is not {encoding} throughout") from error
