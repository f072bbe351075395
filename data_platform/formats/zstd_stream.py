"""Expands zstd, frame by frame."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pyarrow as pa

from data_platform.contracts.model import FileFormat
from data_platform.formats.expansion import check_limits
from data_platform.formats.rejected import FileRejected, Reason

_PIECE_BYTES = 1 << 20


class _Blocks(io.RawIOBase):
    """Blocks as a stream that counts what is taken of them and keeps the error that ended them."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        super().__init__()
        self._blocks = blocks
        self._held = b""
        self.taken = 0
        self.error: OSError | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, all of a block if `size` is negative; nothing at the end."""
        try:
            self._held = self._held or next(self._blocks, b"")
        except OSError as error:
            self.error = error
            raise
        given, self._held = (self._held[:size], self._held[size:]) if size >= 0 else (self._held, b"")
        self.taken += len(given)
        return given


def expand_zstd(blocks: Iterator[bytes], file_format: FileFormat) -> Iterator[bytes]:
    """All frames in turn.

    Raises:
        FileRejected: CORRUPT_ARCHIVE or ARCHIVE_BOMB.
    """
    source = _Blocks(blocks)
    given = 0
    with source, pa.CompressedInputStream(pa.PythonFile(source, mode="r"), "zstd") as stream:
        while piece := _read(stream, source):
            given += len(piece)
            check_limits(given, source.taken, file_format)
            yield piece


def _read(stream: pa.CompressedInputStream, source: _Blocks) -> bytes:
    try:
        piece: bytes = stream.read(_PIECE_BYTES)
    except (pa.ArrowException, OSError) as error:
        if source.error is not None:
            raise source.error from error
        raise FileRejected(Reason.CORRUPT_ARCHIVE, "zstd ends too early, is damaged, or is none") from error
    return piece
