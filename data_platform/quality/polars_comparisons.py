"""Comparing a Polars column with a contract's value exactly, whatever the two types are.

Polars would cast a Decimal bound to a float column's type, or refuse it; here the bound is first moved onto the grid
of values that the column can hold, in the direction that keeps the comparison's meaning.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Literal, TypeAlias

import polars as pl

from data_platform.contracts.model import Scalar

Operator: TypeAlias = Literal[">=", ">", "<=", "<"]

UTC_MICROSECONDS = pl.Datetime("us", "UTC")
_WIDE = Context(prec=80)
_INTEGER_BITS: dict[type[pl.DataType], int] = {pl.Int8: 8, pl.Int16: 16, pl.Int32: 32, pl.Int64: 64, pl.Int128: 128}


def compare(value: pl.Expr, dtype: pl.DataType, operator: Operator, bound: Scalar) -> pl.Expr:
    """`value operator bound`, NULL where the value is.

    Raises:
        TypeError: the two cannot be compared.
    """
    if is_exact_number(dtype):
        return _compare_on_grid(value, dtype, operator, _decimal(bound))
    if dtype.is_float():
        return _apply(value, operator, pl.lit(float(_decimal(bound)), dtype=pl.Float64))
    if isinstance(bound, datetime) or (isinstance(bound, date) and dtype == UTC_MICROSECONDS):
        return _apply(moment(value, dtype), operator, pl.lit(_aware(bound), dtype=UTC_MICROSECONDS))
    if isinstance(bound, date) and dtype == pl.Date:
        return _apply(value, operator, pl.lit(bound, dtype=pl.Date))
    if isinstance(bound, str) and dtype == pl.String:
        return _apply(value, operator, pl.lit(bound, dtype=pl.String))
    raise TypeError(f"a {type(bound).__name__} cannot bound a column of {dtype}")


def equals_any(value: pl.Expr, dtype: pl.DataType, allowed: Iterable[Scalar]) -> pl.Expr:
    """Whether the value is one of `allowed`, NULL where it is NULL."""
    if dtype == pl.String or dtype == pl.Boolean:
        wanted = pl.Series(list(allowed), dtype=dtype, strict=True)
        return value.is_in(wanted.implode())
    equal = pl.lit(value=False)
    for each in allowed:
        equal = equal | (compare(value, dtype, ">=", each) & compare(value, dtype, "<=", each))
    return pl.when(value.is_not_null()).then(equal)


def is_exact_number(dtype: pl.DataType) -> bool:
    """Whether values are integers or decimals."""
    return dtype.is_integer() or isinstance(dtype, pl.Decimal)


def moment(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A date or timestamp as a UTC timestamp; a date is its midnight."""
    if dtype not in (pl.Date, UTC_MICROSECONDS):
        raise TypeError(f"{dtype} is neither a date nor a UTC timestamp")
    return value.cast(UTC_MICROSECONDS)


def scale_of(dtype: pl.DataType) -> int:
    """Digits behind the point of an exact number."""
    return dtype.scale if isinstance(dtype, pl.Decimal) else 0


def _compare_on_grid(value: pl.Expr, dtype: pl.DataType, operator: Operator, bound: Decimal) -> pl.Expr:
    # x >= 1.5 is x >= 2 among integers, and x > 1.5 is x > 1: up for >= and <, down for > and <=.
    rounding = ROUND_CEILING if operator in (">=", "<") else ROUND_FLOOR
    grid = bound.quantize(Decimal(1).scaleb(-scale_of(dtype)), rounding=rounding, context=_WIDE)
    low, high = _limits(dtype)
    if not low <= grid <= high:
        is_fine = (grid < low) == operator.startswith(">")
        return pl.when(value.is_not_null()).then(pl.lit(value=is_fine))
    at: object = grid if isinstance(dtype, pl.Decimal) else int(grid)
    return _apply(value, operator, pl.lit(at, dtype=dtype))


def _limits(dtype: pl.DataType) -> tuple[Decimal, Decimal]:
    if isinstance(dtype, pl.Decimal):
        high = _WIDE.subtract(_WIDE.power(10, dtype.precision), 1).scaleb(-dtype.scale, _WIDE)
        return high.copy_negate(), high
    half = 2 ** (_INTEGER_BITS[type(dtype)] - 1)
    return Decimal(-half), Decimal(half - 1)


def _apply(left: pl.Expr, operator: Operator, right: pl.Expr) -> pl.Expr:
    match operator:
        case ">=":
            return left >= right
        case ">":
            return left > right
        case "<=":
            return left <= right
        case "<":
            return left < right


def _decimal(bound: Scalar) -> Decimal:
    if isinstance(bound, bool) or not isinstance(bound, int | float | Decimal):
        raise TypeError(f"a {type(bound).__name__} cannot bound a number")
    return Decimal(repr(bound)) if isinstance(bound, float) else Decimal(bound)


def _aware(bound: date) -> datetime:
    whole = bound if isinstance(bound, datetime) else datetime(bound.year, bound.month, bound.day, tzinfo=UTC)
    return whole.astimezone(UTC) if whole.tzinfo else whole.replace(tzinfo=UTC)
