"""Ranges of days: the partitions of a dataset. A partition's key is its day, `YYYY-MM-DD`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

_ONE_DAY = timedelta(days=1)


def beginning_of(day: date) -> datetime:
    """The moment at which a day begins, in UTC."""
    return datetime.combine(day, time(), UTC)


def end_of(day: date) -> datetime:
    """The moment at which a day is over, in UTC: the next one's beginning."""
    return beginning_of(day + _ONE_DAY)


@dataclass(frozen=True, slots=True, order=True)
class DayRange:
    """The half-open range of days [start, end)."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"the range {self.start}…{self.end} holds no day")

    @classmethod
    def of(cls, first: date, last: date) -> DayRange:
        """The range from `first` to `last`, both included."""
        return cls(first, last + _ONE_DAY)

    @classmethod
    def blocks(cls, days: Iterable[date]) -> list[DayRange]:
        """The fewest contiguous ranges that hold exactly `days`, in order."""
        ranges: list[DayRange] = []
        for day in sorted(set(days)):
            if ranges and ranges[-1].end == day:
                ranges[-1] = cls(ranges[-1].start, day + _ONE_DAY)
            else:
                ranges.append(cls.of(day, day))
        return ranges

    @property
    def last(self) -> date:
        """The last day of the range."""
        return self.end - _ONE_DAY

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end

    def __iter__(self) -> Iterator[date]:
        day = self.start
        while day < self.end:
            yield day
            day += _ONE_DAY

    def months(self) -> list[DayRange]:
        """The range cut at the beginnings of months."""
        cuts: list[DayRange] = []
        start = self.start
        while start < self.end:
            following = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
            cuts.append(DayRange(start, min(following, self.end)))
            start = following
        return cuts

    def __str__(self) -> str:
        return str(self.start) if self.last == self.start else f"{self.start}...{self.last}"
