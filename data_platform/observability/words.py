"""Durations, shares and sizes as people read them."""

from __future__ import annotations

import math
from datetime import timedelta

NOT_KNOWN = "no evidence"
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_SIZES = ("B", "kB", "MB", "GB", "TB")
_KILO = 1000
_EXACT_SECONDS = 10
_TENS = 10  # beyond it, one decimal does
_HUNDREDS = 100
_ALL_OF_IT = 2  # beyond it, nobody reads decimals


def duration(span: timedelta | float | None) -> str:
    """Two units at most, as `2 h 5 min`; seconds as a number are one too. None is no evidence."""
    if span is None:
        return NOT_KNOWN
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    if seconds < 0:
        return f"−{duration(-seconds)}"
    if seconds < 1:
        return f"{seconds * _KILO:.0f} ms"
    if seconds < _EXACT_SECONDS and seconds % 1:
        return f"{seconds:.1f} s"
    place = next(index for index, (_, size) in enumerate(_UNITS) if seconds >= size)
    whole, rest = divmod(int(seconds), _UNITS[place][1])
    parts = [f"{whole} {_UNITS[place][0]}"]
    if place + 1 < len(_UNITS) and (less := rest // _UNITS[place + 1][1]):
        parts.append(f"{less} {_UNITS[place + 1][0]}")
    return " ".join(parts)


def share(ratio: float | None) -> str:
    """A share of one as a percentage, cut, so that 99.9999 does not read as all."""
    if ratio is None:
        return NOT_KNOWN
    if abs(ratio) > _ALL_OF_IT:
        return f"{100 * ratio:,.0f}%".replace("-", "−")
    cut = math.floor(round(ratio * 1e9) / 1e4) / 1e3
    return f"{cut:.3f}".rstrip("0").rstrip(".").replace("-", "−") + "%"


def times(factor: float) -> str:
    """How many times, with as many digits as tell something: `1.25`, `18.2`, `200`."""
    digits = 2 if factor < _TENS else 1 if factor < _HUNDREDS else 0
    said = f"{factor:,.{digits}f}"
    return said.rstrip("0").rstrip(".") if digits else said


def budget_left(ratio: float | None) -> str:
    """What is left of an error budget: a share, and where more than all of it is gone, how often it was spent."""
    if ratio is None or ratio >= 0:
        return share(ratio)
    said = times(1 - ratio)
    return "all spent" if said == "1" else f"spent {said} times over"


def size(count: float | None) -> str:
    """Bytes in units of a thousand."""
    if count is None:
        return NOT_KNOWN
    place = 0
    while abs(count) >= _KILO and place < len(_SIZES) - 1:
        count, place = count / _KILO, place + 1
    return f"{count:,.0f} {_SIZES[place]}" if not place else f"{count:,.1f} {_SIZES[place]}"


def first_line(text: str, *, most: int = 240) -> str:
    """The beginning of an error, for a cell of a table."""
    line = text.strip().partition("\n")[0]
    return line if len(line) <= most else f"{line[: most - 1]}…"
