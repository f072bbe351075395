"""The one clock. Logic takes a `Clock` as an argument and never asks the operating system for the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time, always aware and in UTC."""

    def now(self) -> datetime:
        """The present moment in UTC."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """The present moment in UTC."""
        return datetime.now(UTC)


@dataclass(slots=True)
class ManualClock:
    """A clock that stands still until it is moved, for tests and replays."""

    moment: datetime

    def now(self) -> datetime:
        """The moment the clock was last set to."""
        return self.moment

    def advance(self, step: timedelta) -> None:
        """Moves the clock forward by `step`."""
        self.moment += step
