"""The write-ahead spool of one source, written: what was appended is on disk when `append` returns.

Segments of frames (`spool_frames`), with one writing process. Reading them is in `spool_reader`, letting many requests
share one flush in `group_commit`. Every opening starts a new segment, so that a place which a reader saw in a segment
that was cut afterwards is never filled with something else.
"""

from __future__ import annotations

import fcntl
import logging
import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TextIO

from data_platform.connectors.http_push.spool_frames import (
    encode,
    headers,
    is_followed,
    last_number,
    segment_numbers,
    segment_path,
    whole_frames,
)
from data_platform.errors import FatalError, RetryableError
from data_platform.lakehouse.flushing import flush_file, flush_folder, make_folder

_IDENTITY = "spool_id"
_log = logging.getLogger(__name__)
_flush = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class QuotaReached(RetryableError):
    """The spool holds as much as it may; append again when the loop has taken some of it away."""


class SpoolTaken(RetryableError):
    """Another process writes to this spool; a rolling restart opens it again when that one has ended."""


class WriteAhead:
    """The only writer of a spool folder. Safe to use from several threads."""

    def __init__(self, folder: Path, *, quota_bytes: int, segment_bytes: int) -> None:
        """Takes the folder, cuts a torn tail off, and looks no further than its last segment.

        Raises:
            SpoolTaken: another process has it.
            FatalError: a frame before the last one is damaged.
        """
        make_folder(folder)
        self.folder = self._folder = folder
        self._quota_bytes = quota_bytes
        self._segment_bytes = segment_bytes
        self._lock_file = _take(folder)
        self._mutex = Lock()
        self._file: int | None = None
        self._durable_bytes = 0  # of the open segment
        self._is_broken = False
        try:
            name_spool(folder)
            self._number = last_number(folder)
            self._rows = _mend_tail(folder)
            self._held_bytes = _held_bytes(folder)
        except BaseException:
            self._lock_file.close()
            raise

    @property
    def rows(self) -> int:
        """How many rows are on disk since the spool began."""
        with self._mutex:
            return self._rows

    def admit(self, size_bytes: int) -> None:
        """Whether that much more may be appended.

        Raises:
            QuotaReached: the quota is used up.
        """
        if self._held_bytes + size_bytes <= self._quota_bytes:
            return
        self._held_bytes = _held_bytes(self._folder)  # the loop may have released segments meanwhile
        if self._held_bytes + size_bytes > self._quota_bytes:
            raise QuotaReached(
                f"the spool {self._folder} holds {self._held_bytes:,} of {self._quota_bytes:,} bytes; send again later"
            )

    def append(self, blocks: Sequence[bytes], *, rows: int) -> None:
        """Writes whole lines as one frame and flushes it once.

        Raises:
            OSError: the disk took none of it; nothing of it will be read, and appending again may succeed.
            FatalError: the disk did not even let the failed attempt be undone.
        """
        with self._mutex:
            if self._lock_file.closed:
                raise FatalError(f"{self._folder}: the spool is closed")
            if self._is_broken:
                raise FatalError(f"{self._folder}: the disk failed; mend it and start the collector again")
            if self._file is None or self._durable_bytes >= self._segment_bytes:
                self._start_segment()
            assert self._file is not None
            frame = encode(b"".join(blocks), rows=rows, first_row=self._rows)
            try:
                _write_all(self._file, frame)
            except OSError:
                self._undo()
                raise
            try:
                _flush(self._file)
            except OSError:
                # Pages that failed to reach the disk may count as clean from now on: this file is not written again.
                self._undo()
                self._leave_segment()
                raise
            self._durable_bytes += len(frame)
            self._held_bytes += len(frame)
            self._rows += rows

    def close(self) -> None:
        """Lets go of the spool."""
        with self._mutex:
            if self._file is not None:
                os.close(self._file)
            self._file = None
            self._lock_file.close()

    def _start_segment(self) -> None:
        self._leave_segment()
        self._number += 1
        path = segment_path(self._folder, self._number)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._durable_bytes = 0
        try:
            flush_folder(self._folder)
        except OSError:
            self._leave_segment()
            raise

    def _leave_segment(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file = None

    def _undo(self) -> None:
        assert self._file is not None
        try:
            os.ftruncate(self._file, self._durable_bytes)
            os.fsync(self._file)
        except OSError as error:
            self._is_broken = True
            _log.error("%s: %s while undoing a failed append", self._folder, error.strerror)


def name_spool(folder: Path) -> str:
    """The spool's own name, given when it is first opened: positions in another spool are not positions in this one."""
    path = folder / _IDENTITY
    if not path.exists():
        aside = path.with_suffix(".new")
        aside.write_text(uuid.uuid4().hex)
        flush_file(aside)
        aside.replace(path)
        flush_folder(folder)
    return path.read_text()


def spool_name(folder: Path) -> str | None:
    """The spool's own name; None where no writer has opened it yet."""
    try:
        return (folder / _IDENTITY).read_text()
    except FileNotFoundError:
        return None


def release(folder: Path, *, before: int) -> None:
    """Deletes the segments that lie wholly before segment `before`."""
    for number in segment_numbers(folder):
        if number < before:
            segment_path(folder, number).unlink(missing_ok=True)


def _take(folder: Path) -> TextIO:
    lock_file = (folder / "writer.lock").open("w")
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock_file.close()
        raise SpoolTaken(f"another process writes to {folder}; end it, then start again") from error
    return lock_file


def damaged(path: Path, offset: int) -> FatalError:
    """The error for events that were acknowledged and cannot be read any more."""
    return FatalError(
        f"{path}: the acknowledged events at byte {offset} are damaged; restore the file from a copy, or rename it to "
        f"{path.name}.damaged and go on behind it by `data-platform ingest replay NAME --from {int(path.stem) + 1}`"
    )


def _mend_tail(folder: Path) -> int:
    """Cuts a torn frame off the last segment; how many rows the spool ever took."""
    numbers = segment_numbers(folder)
    if numbers:
        _mend(segment_path(folder, numbers[-1]))
    for number in reversed(numbers):
        with segment_path(folder, number).open("rb") as file:
            found = list(headers(file.fileno(), 0, os.fstat(file.fileno()).st_size))
        if found:  # a segment is empty where the disk was full, or the process ended, before its first frame
            return found[-1].first_row + found[-1].rows
    return 0


def _mend(path: Path) -> None:
    with path.open("r+b", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        end = 0
        for frame, _ in whole_frames(file.fileno(), 0, size):
            end = frame.end
        if end < size:
            if is_followed(file.fileno(), end, size):
                raise damaged(path, end)
            _log.warning("%s: %d bytes of an unfinished append, never acknowledged, are cut off", path, size - end)
            file.truncate(end)
        os.fsync(file.fileno())


def _held_bytes(folder: Path) -> int:
    total = 0
    for number in segment_numbers(folder):
        try:
            total += segment_path(folder, number).stat().st_size
        except FileNotFoundError:  # released meanwhile
            continue
    return total


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
