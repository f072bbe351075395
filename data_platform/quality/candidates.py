"""Synthetic values around a column's rules, for proofs: some that conform, some that break each of them.

Nothing here reads data. Which value conforms is decided by running the rules (`proof`), never by this module.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_FLOOR, Context, Decimal, DecimalException

import pyarrow as pa

from data_platform.contracts.model import Column, Scalar
from data_platform.contracts.rules import Rule, RuleKind
from data_platform.contracts.types import ColumnType, TypeKind
from data_platform.quality.pattern_samples import samples

RECEIVED_AT = datetime(2040, 1, 1, tzinfo=UTC)  # the `_ingested_at` of synthetic rows
_WIDE = Context(prec=80)
_LONGEST = 10_000
_PLAIN_TEXTS = ("a", "A", "ab", "a1", "x y", "0", "alpha", "a@b.example", "ALPHA-0001")
_ODD_TEXTS = ("", " ", " a", "a\u200bb", "\u202ea", "a\u0436", "é", "a@b@c", "@", "!", "日本", "a\nb", "a\x01")
_DAY = timedelta(days=1)


def candidates(column: Column, rules: Sequence[Rule], literals: Iterable[Scalar] = ()) -> tuple[object, ...]:
    """Values that the column's type can hold, likely conforming ones first, NULL last.

    Args:
        column: the column.
        rules: those of the dataset's rules that read it.
        literals: further values of interest, e.g. from a row expression.
    """
    raw = _raw_values(column.type, rules, literals)
    kept: dict[tuple[str, str], object] = {}
    for value in raw:
        fitting = _fitting(value, column.type)
        if fitting is not None:
            kept.setdefault((type(fitting).__name__, repr(fitting)), fitting)
    return (*kept.values(), None)


def _raw_values(kind: ColumnType, rules: Sequence[Rule], literals: Iterable[Scalar]) -> Iterator[object]:
    limits = [value for rule in rules for value in _limits(rule)] + list(literals)
    yield from (value for rule in rules for value in rule.enum)
    match kind.kind:
        case TypeKind.STRING:
            yield from _texts(rules, [value for value in limits if isinstance(value, str)])
        case TypeKind.INTEGER | TypeKind.DECIMAL | TypeKind.DOUBLE:
            yield from _numbers(kind, rules, [value for value in limits if _is_number(value)])
        case TypeKind.BOOLEAN:
            yield from (True, False)
        case TypeKind.DATE | TypeKind.TIMESTAMP:
            yield from _moments(rules, [value for value in limits if isinstance(value, date)])
        case TypeKind.OBJECT:
            yield dict.fromkeys((field.name for field in kind.fields), None)
        case TypeKind.ARRAY:
            yield from ([], [None])


def _limits(rule: Rule) -> list[Scalar]:
    if rule.kind is RuleKind.LENGTH:
        return []
    bounds = (rule.minimum, rule.maximum, rule.exclusive_minimum, rule.exclusive_maximum)
    return [bound for bound in bounds if bound is not None]


def _texts(rules: Sequence[Rule], limits: Sequence[str]) -> Iterator[str]:
    lengths = [int(str(bound)) for rule in rules if rule.kind is RuleKind.LENGTH for bound in _length_bounds(rule)]
    matching = [text for rule in rules if rule.pattern for text in samples(rule.pattern)]
    yield from matching
    yield from limits
    yield from _PLAIN_TEXTS
    for length in lengths:
        yield from ("a" * max(0, min(length + step, _LONGEST)) for step in (0, -1, 1))
    yield from _ODD_TEXTS
    for text in (*matching, *limits):
        yield from (text + "!", text + "\x01", text[:-1], "é" + text, text + "z", "\u200b" + text)
    yield from (f"{rule.enum[0]}~" for rule in rules if rule.enum)


def _length_bounds(rule: Rule) -> list[Scalar]:
    return [bound for bound in (rule.minimum, rule.maximum) if bound is not None]


def _numbers(kind: ColumnType, rules: Sequence[Rule], limits: Sequence[Scalar]) -> Iterator[object]:
    unit = Decimal(1).scaleb(-kind.scale) if kind.kind is TypeKind.DECIMAL else Decimal(1)
    steps = [_decimal(rule.multiple_of) for rule in rules if _is_number(rule.multiple_of) and rule.multiple_of]
    anchors = [Decimal(1), Decimal(0), *(_decimal(limit) for limit in limits)]
    for step in steps:
        for anchor in anchors:
            whole = (anchor / step).to_integral_value(ROUND_FLOOR)
            yield from ((whole + more) * step for more in (0, 1, -1))
        yield from (anchor + step / 2 for anchor in anchors)
    for anchor in anchors:
        yield from (anchor, anchor + unit, anchor - unit, anchor + unit / 2, anchor - unit / 2)
    if kind.kind is TypeKind.DOUBLE:
        yield from (math.nan, math.inf, -math.inf)


def _moments(rules: Sequence[Rule], limits: Sequence[date]) -> Iterator[object]:
    yield RECEIVED_AT - _DAY
    yield datetime(2020, 2, 29, 12, tzinfo=UTC)
    ahead = [timedelta(seconds=rule.max_ahead_seconds) for rule in rules if rule.max_ahead_seconds is not None]
    anchors = [_moment(limit) for limit in limits] + [RECEIVED_AT + each for each in ahead]
    for anchor in anchors:
        for step in (timedelta(0), timedelta(microseconds=1), timedelta(seconds=1), _DAY):
            yield from (anchor + step, anchor - step)


def _fitting(value: object, kind: ColumnType) -> object | None:
    """The value as the column's type holds it exactly; None where it cannot."""
    match kind.kind:
        case TypeKind.DOUBLE:
            return float(value) if _is_number(value) else None  # type: ignore[arg-type]
        case TypeKind.INTEGER | TypeKind.DECIMAL:
            return _exact(value, kind) if _is_number(value) else None
        case TypeKind.TIMESTAMP:
            return _moment(value) if isinstance(value, date) else None
        case TypeKind.DATE:
            return _moment(value).date() if isinstance(value, date) else None
        case _:
            return value


def _exact(value: object, kind: ColumnType) -> object | None:
    number = _decimal(value)
    try:
        grid = number.quantize(Decimal(1).scaleb(-kind.scale), context=_WIDE) if number.is_finite() else None
        if grid is None or grid != number:
            return None
        exact: object = int(grid) if kind.kind is TypeKind.INTEGER else grid
        pa.scalar(exact, kind.arrow())
    except (DecimalException, pa.ArrowInvalid, OverflowError):
        return None
    return exact


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _decimal(value: object) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(str(value))


def _moment(value: date) -> datetime:
    whole = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
    return whole if whole.tzinfo else whole.replace(tzinfo=UTC)
