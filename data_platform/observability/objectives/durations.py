"""OpenSLO's duration shorthand (`30d`, `1Q`), and the calendar steps that it names."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_SHORTHAND = re.compile(r"([1-9][0-9]{0,5})([mhdwMQY])")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800, "M": 2_592_000, "Q": 7_776_000, "Y": 31_536_000}
_MONTHS = {"M": 1, "Q": 3, "Y": 12}


@dataclass(frozen=True, slots=True)
class Duration:
    """A number of minutes (m), hours (h), days (d), weeks (w), months (M), quarters (Q) or years (Y)."""

    number: int
    unit: str

    @classmethod
    def parse(cls, text: object) -> Duration | None:
        """Reads the shorthand; None if it is none."""
        found = _SHORTHAND.fullmatch(text) if isinstance(text, str) else None
        return cls(int(found[1]), found[2]) if found else None

    @property
    def seconds(self) -> int:
        """Its length; of months 30 days, of years 365."""
        return self.number * _SECONDS[self.unit]

    def after(self, start: datetime, steps: int) -> datetime:
        """Where `steps` of it end that begin at `start`, by the calendar of the moment's own zone (wall clock)."""
        if self.unit not in _MONTHS:
            return start + timedelta(seconds=self.seconds * steps)
        months = start.month - 1 + self.number * _MONTHS[self.unit] * steps
        year, month = start.year + months // 12, months % 12 + 1
        return start.replace(year=year, month=month, day=min(start.day, calendar.monthrange(year, month)[1]))

    def __str__(self) -> str:
        return f"{self.number}{self.unit}"
