"""The write-ahead spool of one source, read: from a place on, only what a power failure could not take back.

The writer may be another process, so a reader flushes what it is about to read: what it then sees is durable. It
keeps nothing but a count.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from pydantic import ConfigDict, TypeAdapter, ValidationError

from data_platform.connectors.http_push.spool_frames import (
    headers,
    is_followed,
    segment_numbers,
    segment_path,
    whole_frames,
)
from data_platform.connectors.http_push.write_ahead import damaged, release, spool_name
from data_platform.errors import FatalError, SourceGap
from data_platform.lakehouse.landing import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolPlace:
    """A place between two frames. `row` is how many rows stand before it since the spool began."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    spool: str
    segment: int
    offset: int
    row: int

    def to_position(self) -> dict[str, Json]:
        """The place as a position."""
        return dict(asdict(self))


class Chunk(NamedTuple):
    """The lines of one frame, and the place behind it."""

    end: SpoolPlace
    rows: int
    lines: bytes


@dataclass(slots=True)
class SpoolReader:
    """Reads one spool folder."""

    folder: Path
    _tail: tuple[int, int, int] = field(default=(0, 0, 0), init=False)  # segment, offset and rows counted up to there

    def place_of(self, position: Mapping[str, Json]) -> SpoolPlace | None:
        """The place that a position names; the oldest one for an empty position; None while there is no spool.

        Raises:
            SourceGap: the spool that the position names, or its segment, is not there any more.
        """
        if not position:
            return self.oldest()
        try:
            place = TypeAdapter(SpoolPlace).validate_python(dict(position))
        except ValidationError as error:
            raise FatalError(f"{self.folder}: the position {dict(position)} is not one of a spool") from error
        is_there = place.offset == 0 or segment_path(self.folder, place.segment).exists()
        if spool_name(self.folder) != place.spool or not is_there:
            raise SourceGap(
                f"{self.folder} is not the spool, or lacks segment {place.segment}, where the last batch ended: events "
                "that were acknowledged after it may be lost; restore the folder, or go on with what it holds by "
                "`data-platform ingest replay NAME --from earliest`"
            )
        return place

    def oldest(self) -> SpoolPlace | None:
        """The first place that the spool still holds; None while there is no spool."""
        name, numbers = spool_name(self.folder), segment_numbers(self.folder)
        if name is None or not numbers:
            return None
        for number in numbers:
            with _opened(self.folder, number) as (descriptor, size):
                for frame in headers(descriptor, 0, size):
                    return SpoolPlace(spool=name, segment=number, offset=0, row=frame.first_row)
        return SpoolPlace(spool=name, segment=numbers[-1], offset=0, row=0)

    def has_more(self, place: SpoolPlace) -> bool:
        """Whether something stands behind the place, at the cost of a stat for each segment; it may be half-written."""
        numbers = [number for number in segment_numbers(self.folder) if number >= place.segment]
        sizes = {number: segment_path(self.folder, number).stat().st_size for number in numbers}
        return any(size > (place.offset if number == place.segment else 0) for number, size in sizes.items())

    def place_at(self, segment: int) -> SpoolPlace | None:
        """The beginning of a segment, whether it is there yet or not; None while there is no spool."""
        name = spool_name(self.folder)
        return None if name is None else SpoolPlace(spool=name, segment=segment, offset=0, row=0)

    def chunks_after(self, place: SpoolPlace) -> Iterator[Chunk]:
        """The whole frames behind a place.

        Raises:
            FatalError: an acknowledged frame is damaged.
            SourceGap: a segment is missing.
        """
        numbers = [number for number in segment_numbers(self.folder) if number >= place.segment]
        row = place.row if place.offset else None
        for number in numbers:
            offset = place.offset if number == place.segment else 0
            with _opened(self.folder, number) as (descriptor, size):
                if size <= offset:  # a place may lie behind what was cut off after it was read
                    continue
                os.fsync(descriptor)
                for frame, lines in whole_frames(descriptor, offset, size):
                    if row is not None and frame.first_row > row:
                        raise self._missing(number, frame.first_row - row)
                    offset, row = frame.end, frame.first_row + frame.rows
                    end = SpoolPlace(spool=place.spool, segment=number, offset=offset, row=row)
                    yield Chunk(end, frame.rows, lines)
                # In the last segment an append may be under way; the ones before it are written to their end.
                if offset < size and (number != numbers[-1] or is_followed(descriptor, offset, size)):
                    raise damaged(segment_path(self.folder, number), offset)

    def rows_behind(self, place: SpoolPlace) -> int:
        """How many rows wait behind a place."""
        segment, offset, rows = self._tail
        for number in segment_numbers(self.folder):
            if number < max(segment, place.segment):
                continue
            with _opened(self.folder, number) as (descriptor, size):
                offset = offset if number == segment else 0
                for frame in headers(descriptor, offset, size):
                    offset, rows = frame.end, frame.first_row + frame.rows
            segment = number
        self._tail = (segment, offset, rows)
        return max(rows - place.row, 0)

    def release(self, place: SpoolPlace) -> None:
        """Deletes what lies wholly before the place's segment; that one stays, so that its number stays taken."""
        release(self.folder, before=place.segment)

    def _missing(self, number: int, rows: int) -> SourceGap:
        return SourceGap(
            f"{self.folder}: {rows:,} acknowledged events before segment {number} are missing; restore them, or "
            f"go on without them by `data-platform ingest replay NAME --from {number}`"
        )


@contextmanager
def _opened(folder: Path, number: int) -> Iterator[tuple[int, int]]:
    """A segment's descriptor, and its size at this moment."""
    descriptor = os.open(segment_path(folder, number), os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor, os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
