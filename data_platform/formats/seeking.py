"""Files that are read from their end first: any source as a stream that can seek."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO

from data_platform.formats.reading import Source

_HELD_BYTES = 64 << 20  # a stream that cannot seek is held in memory up to this size, then in a file without a name


@contextmanager
def seekable(source: Source) -> Iterator[BinaryIO]:
    """`source` as a stream at its beginning that can seek."""
    if isinstance(source, Path):
        with source.open("rb") as stream:
            yield stream
    elif source.seekable():
        yield source
    else:
        with tempfile.SpooledTemporaryFile(max_size=_HELD_BYTES) as held:
            copyfileobj(source, held)
            held.seek(0)
            yield held  # type: ignore[misc]  # a spooled file has the whole interface of a binary stream


def size_of(stream: BinaryIO) -> int:
    """The size of a stream that can seek, in bytes. Leaves it at its beginning."""
    size_bytes = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    return size_bytes
