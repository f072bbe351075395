"""Files that a connector writes for the loop to land: the records of one poll as lines.

They lie in the spool, count for nothing before they are landed, and go when their batch is durable.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import psutil

from data_platform.connectors.protocol import Delivery

_numbers = itertools.count(1)


class SpoolFile:
    """Lines of one delivery. Leaving the block without `finish` removes the file."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._name = name
        # Several processes may share a spool; none must write into another's file.
        self._path = folder / f"{os.getpid()}-{next(_numbers)}.part"
        self._digest = hashlib.sha256()
        self._file: BinaryIO = self._path.open("wb", buffering=1 << 18)
        self._is_finished = False
        self.rows = 0
        self.size_bytes = 0

    def __enter__(self) -> SpoolFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_finished:
            self.discard()

    def write(self, line: bytes) -> None:
        """Adds one record; it must hold no line end (see `one_line`)."""
        self.write_block(line + b"\n", rows=1)

    def write_block(self, block: bytes, *, rows: int) -> None:
        """Adds whole records at once: bytes of any format, of which the caller says how many records they are."""
        self._file.write(block)
        self._digest.update(block)
        self.rows += rows
        self.size_bytes += len(block)

    def finish(self, *, name: str | None = None, source_partition: str = "") -> Delivery:
        """Closes the file and offers it, under another name where it was not known before."""
        self._file.close()
        self._is_finished = True
        return Delivery(
            name=name or self._name,
            path=self._path,
            sha256=self._digest.hexdigest(),
            size_bytes=self.size_bytes,
            source_partition=source_partition,
            is_spooled=True,
        )

    def discard(self) -> None:
        """Removes the file."""
        with suppress(OSError):  # closing writes what is buffered, for which a full disk has no space
            self._file.close()
        self._path.unlink(missing_ok=True)


def sweep(spool: Path) -> int:
    """Removes the files of processes that died before their batch was landed; how many there were."""
    dead = [path for path in spool.rglob("*.part") if not _is_alive(path.name.partition("-")[0])]
    for path in dead:
        path.unlink(missing_ok=True)
    return len(dead)


def _is_alive(pid: str) -> bool:
    return not pid.isdecimal() or psutil.pid_exists(int(pid))


def one_line(value: bytes | None) -> bytes:
    """Any message value as exactly one NDJSON record, byte for byte where that is possible.

    JSON may hold line ends only as white space, so there they become spaces. What is not JSON and has line ends, or is
    blank, becomes a JSON string, which a reader of objects rejects as one record with its text. No value is `null`.
    """
    if value is None:
        return b"null"
    if value.strip() and b"\n" not in value and b"\r" not in value:
        return value
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return json.dumps(value.decode("utf-8", "backslashreplace")).encode()
    return value.replace(b"\r", b" ").replace(b"\n", b" ")
