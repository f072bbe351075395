"""The byte streams of a file: opened, expanded, brought to UTF-8, in blocks, within the contract's limits."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from data_platform.contracts.model import FileFormat
from data_platform.formats.expansion import in_blocks
from data_platform.formats.gzip_stream import expand_gzip
from data_platform.formats.reading import Source
from data_platform.formats.rejected import FileRejected, Reason
from data_platform.formats.zip_members import expand_zip
from data_platform.formats.zstd_stream import expand_zstd

BLOCK_BYTES = 8 << 20
_READ_BYTES = 1 << 20


def read_members(source: Source, file_format: FileFormat) -> Iterator[Iterator[bytes]]:
    """The byte streams in a file, which is one unless it is a zip archive; each to be read before the next.

    A stream is expanded and in UTF-8, in blocks of about BLOCK_BYTES.

    Raises:
        FileRejected: CORRUPT_ARCHIVE, ARCHIVE_BOMB, ARCHIVE_PATH, UNSUPPORTED compression, EMPTY_FILE of an archive
            without members, or ENCODING of a text that is not UTF-8.
    """
    for pieces in _members(source, file_format):
        blocks = pieces if file_format.compression is None else in_blocks(pieces, BLOCK_BYTES)
        yield blocks if is_utf8(file_format) else _recoded(blocks, file_format.encoding)


def read_blocks(source: Source, file_format: FileFormat) -> Iterator[bytes]:
    """All that `read_members` gives, as one stream."""
    return chain.from_iterable(read_members(source, file_format))


def is_utf8(file_format: FileFormat) -> bool:
    """Whether offsets into the blocks are offsets into the expanded file."""
    return codecs.lookup(file_format.encoding).name == "utf-8"


def _members(source: Source, file_format: FileFormat) -> Iterator[Iterator[bytes]]:
    match file_format.compression:
        case None:
            yield _raw_blocks(source, BLOCK_BYTES)
        case "gzip":
            yield expand_gzip(_raw_blocks(source, _READ_BYTES), file_format)
        case "zstd":
            yield expand_zstd(_raw_blocks(source, _READ_BYTES), file_format)
        case "zip":
            yield from expand_zip(source, file_format)
        case other:
            raise FileRejected(Reason.UNSUPPORTED, f"compression {other} cannot be read")


def _raw_blocks(source: Source, size_bytes: int) -> Iterator[bytes]:
    if isinstance(source, Path):
        with source.open("rb") as stream:
            yield from iter(lambda: stream.read(size_bytes), b"")
    else:
        yield from iter(lambda: source.read(size_bytes), b"")


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
