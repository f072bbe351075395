"""The frames of a write-ahead spool: what stands in a segment file, and how a whole frame is told from a torn one.

A frame holds the lines of one commit group, so everything that shared a flush stands or falls together. Its mark
begins with a byte that UTF-8 never uses, so it cannot occur inside a payload. Files and their order: `write_ahead`.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MARK = b"\xffDPF"
_HEADER = struct.Struct("<4sIIQI")  # mark, payload bytes, rows, number of the first row, crc32 of all the rest
_SEGMENT = re.compile(r"(\d{12})\.wal(\.damaged)?")


@dataclass(frozen=True, slots=True)
class Frame:
    """The place of a frame in its segment, in bytes; `first_row` counts from the spool's beginning."""

    offset: int
    payload_bytes: int
    rows: int
    first_row: int
    crc: int

    @property
    def end(self) -> int:
        """Where the next frame begins."""
        return self.offset + _HEADER.size + self.payload_bytes


def encode(payload: bytes, *, rows: int, first_row: int) -> bytes:
    """A frame as it is written."""
    head = _HEADER.pack(_MARK, len(payload), rows, first_row, 0)
    return _HEADER.pack(_MARK, len(payload), rows, first_row, zlib.crc32(payload, zlib.crc32(head))) + payload


def read_header(descriptor: int, offset: int, size: int) -> Frame | None:
    """The frame that begins at `offset` as far as its header says; None where none fits into `size` bytes."""
    head = os.pread(descriptor, _HEADER.size, offset)
    if len(head) < _HEADER.size:
        return None
    mark, payload_bytes, rows, first_row, crc = _HEADER.unpack(head)
    frame = Frame(offset, payload_bytes, rows, first_row, crc)
    return frame if mark == _MARK and frame.end <= size else None


def read_payload(descriptor: int, frame: Frame) -> bytes | None:
    """The frame's lines; None where they are not the ones that were written."""
    payload = os.pread(descriptor, frame.payload_bytes, frame.offset + _HEADER.size)
    head = _HEADER.pack(_MARK, frame.payload_bytes, frame.rows, frame.first_row, 0)
    return payload if zlib.crc32(payload, zlib.crc32(head)) == frame.crc else None


def headers(descriptor: int, offset: int, size: int) -> Iterator[Frame]:
    """The frames from `offset` on, by their headers alone, up to the first that is not one."""
    while (frame := read_header(descriptor, offset, size)) is not None:
        yield frame
        offset = frame.end


def whole_frames(descriptor: int, offset: int, size: int) -> Iterator[tuple[Frame, bytes]]:
    """The frames from `offset` on with their lines, up to the first that is not whole."""
    for frame in headers(descriptor, offset, size):
        payload = read_payload(descriptor, frame)
        if payload is None:
            return
        yield frame, payload


def is_followed(descriptor: int, offset: int, size: int) -> bool:
    """Whether a whole frame stands behind `offset`, where none begins.

    A group is written only after the one before it was flushed. So what breaks off at the end was never acknowledged,
    and what is broken before another frame was.
    """
    rest = os.pread(descriptor, size - offset, offset)
    found = rest.find(_MARK, 1)
    while found >= 0:
        if next(whole_frames(descriptor, offset + found, size), None) is not None:
            return True
        found = rest.find(_MARK, found + 1)
    return False


def segment_path(folder: Path, number: int) -> Path:
    """The file of a segment."""
    return folder / f"{number:012d}.wal"


def segment_numbers(folder: Path) -> list[int]:
    """The segments that a spool holds, in order."""
    return sorted(number for number, is_damaged in _segments(folder) if not is_damaged)


def last_number(folder: Path) -> int:
    """The highest number that a segment has, set aside as damaged or not; 0 where there is none."""
    return max((number for number, _ in _segments(folder)), default=0)


def _segments(folder: Path) -> Iterator[tuple[int, bool]]:
    if folder.is_dir():
        for path in folder.iterdir():
            if match := _SEGMENT.fullmatch(path.name):
                yield int(match[1]), match[2] is not None
