"""Over what time a budget is counted: rolling, or aligned to a calendar. How wide its buckets are is decided here too.

A window is read from buckets of one width and begins with the bucket that holds its start, so it is longer than it
says by less than a bucket: five minutes up to six hours, an hour up to eight days, a day beyond.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from data_platform.observability.objectives.durations import Duration

FIVE_MINUTES, HOUR, DAY = 300, 3600, 86_400
WIDTHS = (FIVE_MINUTES, HOUR, DAY)
# How long buckets stay: a little longer than the longest window that is read from them.
KEPT = {FIVE_MINUTES: timedelta(hours=12), HOUR: timedelta(days=9)}


@dataclass(frozen=True, slots=True)
class Window:
    """A budgeting window.

    Attributes:
        starts_at: of a calendar-aligned window, the first start as a wall clock shows it in `zone`; None where rolling.
    """

    duration: Duration
    starts_at: datetime | None = None
    zone: str = "UTC"

    @property
    def is_rolling(self) -> bool:
        """Whether it ends now, rather than at a date."""
        return self.starts_at is None

    @property
    def width_seconds(self) -> int:
        """Of the buckets that it is read from."""
        return width_for(self.duration.seconds)

    def start(self, now: datetime) -> datetime:
        """The beginning of the first bucket of the window that holds `now`."""
        return self.bucket(self.width_seconds, self._start(now))

    def bucket(self, width_seconds: int, at: datetime) -> datetime:
        """The beginning of the bucket that holds a moment; days are those of the window's own calendar."""
        if width_seconds == DAY and self.starts_at is not None:
            zone, clock = ZoneInfo(self.zone), self.starts_at.time()
            day = at.astimezone(zone).date()
            # moments are compared and not what clocks show: where clocks are set that is there twice, or never
            begun = datetime.combine(day, clock, zone).astimezone(UTC)
            before = datetime.combine(day - timedelta(days=1), clock, zone).astimezone(UTC)
            return begun if begun <= at else before
        seconds = int(at.timestamp())
        return datetime.fromtimestamp(seconds - seconds % width_seconds, UTC)

    def _start(self, now: datetime) -> datetime:
        if self.starts_at is None:
            return now - timedelta(seconds=self.duration.seconds)
        zone, first = ZoneInfo(self.zone), self.starts_at
        local = now.astimezone(zone).replace(tzinfo=None)

        def begins(step: int) -> datetime:
            return self.duration.after(first, step).replace(tzinfo=zone).astimezone(UTC)

        step = int((local - first).total_seconds() // self.duration.seconds) - 1
        while begins(step) > now:
            step -= 1
        while begins(step + 1) <= now:
            step += 1
        return begins(step)

    def __str__(self) -> str:
        return f"{self.duration} rolling" if self.starts_at is None else f"{self.duration} from {self.starts_at}"


def width_for(seconds: int) -> int:
    """The width of the buckets that a window of this length is read from."""
    return FIVE_MINUTES if seconds <= 6 * HOUR else HOUR if seconds <= 8 * DAY else DAY
