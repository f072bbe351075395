"""Times as commands show and take them: moments, lengths of time, and spans that people type. JSON has them whole."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_SPAN = re.compile(r"(\d{1,6})\s*([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SIZES = (("d", 86_400), ("h", 3_600), ("min", 60))


def moment(at: datetime) -> str:
    """A moment to the second, in UTC as every moment here is."""
    return f"{at:%Y-%m-%d %H:%M:%S}"


def length(span: timedelta) -> str:
    """A length of time in the largest unit of which there are two: `90 s`, `119 min`, `47 h`, `3 d`."""
    seconds = int(span.total_seconds())
    for unit, size in _SIZES:
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def typed_span(text: str) -> timedelta | None:
    """`90s`, `30m`, `2h` or `1d`; None if it is none of these."""
    found = _SPAN.fullmatch(text.strip())
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None
