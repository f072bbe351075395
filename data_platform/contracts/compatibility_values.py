"""Which values a column admits before and after: bounds, lengths, steps, patterns, lists, character sets.

Each function compares one facet and gives its effect, or None where the same values are admitted.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from data_platform.contracts.compatibility_verdicts import RISKY, Effect, both, loosened, tightened
from data_platform.contracts.model import Charset, Column, Scalar
from data_platform.contracts.types import TypeKind

_STRICTNESS = [Charset.FREE, Charset.IDENTIFIER, Charset.EMAIL]


def value_effects(base: Column, head: Column) -> Iterator[tuple[str, str, str, Effect]]:
    """Every facet that differs, as (kind of change, before, after, effect)."""
    for kind, was, now, effect in (
        ("range_changed", shown_range(base), shown_range(head), _range(base, head)),
        ("length_changed", _lengths(base), _lengths(head), _length(base, head)),
        ("multiple_of_changed", _shown(base.multiple_of), _shown(head.multiple_of), _multiple(base, head)),
        ("pattern_changed", base.pattern or "", head.pattern or "", pattern_effect(base.pattern, head.pattern)),
        ("enum_changed", _listed(base.enum), _listed(head.enum), list_effect(base.enum, head.enum)),
        ("charset_changed", base.charset.value, head.charset.value, _charset(base, head)),
    ):
        if effect is not None:
            yield kind, was, now, effect


def bound_effect(was: Any, now: Any, *, is_lower: bool) -> Effect | None:
    """The effect of another bound; None means no bound. Bounds are compared as they are: numbers, dates, lengths."""
    if was == now:
        return None
    side = "lower" if is_lower else "upper"
    if was is None:
        return tightened(f"the {side} bound is new")
    if now is None:
        return loosened(f"the {side} bound is gone")
    is_tighter = now > was if is_lower else now < was
    return tightened(f"the {side} bound is tighter") if is_tighter else loosened(f"the {side} bound is wider")


def pattern_effect(was: str | None, now: str | None) -> Effect | None:
    """The effect of another expression; which of two admits more is not decided."""
    if _bare(was) == _bare(now):
        return None
    if not was:
        return tightened("the pattern is new")
    if not now:
        return loosened("the pattern is gone")
    return Effect(RISKY, RISKY, "whether the new pattern admits what the old one did cannot be told")


def list_effect(was: tuple[object, ...], now: tuple[object, ...]) -> Effect | None:
    """The effect of another list of admitted values; an empty list admits everything."""
    gone, come = set(was) - set(now), set(now) - set(was)
    if not gone and not come:
        return None
    if not was:
        return tightened("only listed values are admitted now")
    if not now:
        return loosened("the list of values is gone")
    fewer = tightened("listed values are gone") if gone else None
    more = loosened("values are added to the list") if come else None
    return both(fewer, more) if fewer and more else fewer or more


def joined(*effects: Effect | None) -> Effect | None:
    """The effects together."""
    found: Effect | None = None
    for effect in effects:
        found = both(found, effect) if found and effect else found or effect
    return found


def shown_range(column: Column) -> str:
    """The interval in the usual notation; empty where there is none."""
    low, high = column.minimum, column.maximum
    if all(b is None for b in (low, high, column.exclusive_minimum, column.exclusive_maximum)):
        return ""
    left = f"({_shown(column.exclusive_minimum)}" if column.exclusive_minimum is not None else f"[{_shown(low)}"
    right = f"{_shown(column.exclusive_maximum)})" if column.exclusive_maximum is not None else f"{_shown(high)}]"
    return f"{left}, {right}"


def _range(base: Column, head: Column) -> Effect | None:
    if _order_of(base.type.kind) != _order_of(head.type.kind):
        return None  # the values are others altogether, which the change of type says
    low = bound_effect(_low(base), _low(head), is_lower=True)
    high = bound_effect(_high(base), _high(head), is_lower=False)
    return joined(low, high)


def _order_of(kind: TypeKind) -> str:
    return "number" if kind in (TypeKind.INTEGER, TypeKind.DECIMAL, TypeKind.DOUBLE) else kind.value


def _low(column: Column) -> tuple[Any, int] | None:
    """The lower bound and whether it is excluded, so that bounds compare as they admit."""
    if column.exclusive_minimum is not None:
        nearest = _next(column.exclusive_minimum, column.type.kind, 1)
        return (nearest, 0) if nearest is not None else (column.exclusive_minimum, 1)
    return None if column.minimum is None else (column.minimum, 0)


def _high(column: Column) -> tuple[Any, int] | None:
    if column.exclusive_maximum is not None:
        nearest = _next(column.exclusive_maximum, column.type.kind, -1)
        return (nearest, 0) if nearest is not None else (column.exclusive_maximum, -1)
    return None if column.maximum is None else (column.maximum, 0)


def _next(value: Scalar, kind: TypeKind, step: int) -> Scalar | None:
    """The nearest value inside an excluded bound, where values are counted in ones."""
    if kind is TypeKind.INTEGER and isinstance(value, int):
        return value + step
    if kind is TypeKind.DATE and isinstance(value, date) and not isinstance(value, datetime):
        return value + timedelta(days=step)
    return None


def _length(base: Column, head: Column) -> Effect | None:
    low = bound_effect(base.min_length or None, head.min_length or None, is_lower=True)
    return joined(low, bound_effect(base.max_length, head.max_length, is_lower=False))


def _multiple(base: Column, head: Column) -> Effect | None:
    was, now = _number(base.multiple_of), _number(head.multiple_of)
    if was == now:
        return None
    if was is None or now is None:
        return tightened("the step is new") if was is None else loosened("the step is gone")
    if now % was == 0:
        return tightened("the step is coarser")
    if was % now == 0:
        return loosened("the step is finer")
    return both(tightened("the step is another"), loosened("the step is another"))


def _charset(base: Column, head: Column) -> Effect | None:
    was, now = _STRICTNESS.index(base.charset), _STRICTNESS.index(head.charset)
    if was == now:
        return None
    return tightened("fewer characters are admitted") if now > was else loosened("more characters are admitted")


def _bare(pattern: str | None) -> str:
    """The pattern without anchors, which say nothing where the whole value has to match."""
    text = (pattern or "").removeprefix("^")
    return text[:-1] if text.endswith("$") and not text.endswith("\\$") else text


def _number(value: Scalar | None) -> Decimal | None:
    return Decimal(value) if isinstance(value, int | Decimal | float) else None


def _lengths(column: Column) -> str:
    if not column.min_length and column.max_length is None:
        return ""
    return f"{column.min_length or 0} to {'any' if column.max_length is None else column.max_length} characters"


def _listed(values: tuple[object, ...]) -> str:
    return ", ".join(map(str, values))


def _shown(value: object) -> str:
    return "" if value is None else str(value)
