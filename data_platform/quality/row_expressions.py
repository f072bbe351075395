"""Row expressions of contracts (DuckDB SQL) as Polars expressions: the second engine of ROW_SQL rules.

Only what means the same in both engines is translated: comparisons, three-valued logic, BETWEEN, IN, IS NULL, length,
and sums and products of doubles. The rest is left to DuckDB, on the audited batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

import polars as pl
from sqlglot import exp

from data_platform.contracts.model import Scalar
from data_platform.quality.polars_comparisons import Operator, compare, equals_any

_COMPARISONS: dict[type[exp.Expr], Operator] = {exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}
_MIRRORED: dict[Operator, Operator] = {">": "<", ">=": "<=", "<": ">", "<=": ">="}
_DIRECT: dict[type[exp.Expr], Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    exp.EQ: lambda a, b: a == b,
    exp.NEQ: lambda a, b: a != b,
    exp.GT: lambda a, b: a > b,
    exp.GTE: lambda a, b: a >= b,
    exp.LT: lambda a, b: a < b,
    exp.LTE: lambda a, b: a <= b,
    exp.Add: lambda a, b: a + b,
    exp.Sub: lambda a, b: a - b,
    exp.Mul: lambda a, b: a * b,
}


class _UntranslatableError(Exception):
    """The expression holds something whose meaning the two engines may not share."""


def to_polars(parsed: exp.Expr, dtypes: Mapping[str, pl.DataType]) -> pl.Expr | None:
    """The boolean Polars expression, or None where only DuckDB can judge it."""
    try:
        return _Translation(dtypes).condition(parsed)
    except (_UntranslatableError, TypeError):
        return None


class _Translation:
    def __init__(self, dtypes: Mapping[str, pl.DataType]) -> None:
        self._dtypes = dtypes

    def condition(self, node: exp.Expr) -> pl.Expr:
        match node:
            case exp.Paren():
                return self.condition(node.this)
            case exp.And():
                return self.condition(node.left) & self.condition(node.right)
            case exp.Or():
                return self.condition(node.left) | self.condition(node.right)
            case exp.Not():
                return ~self.condition(node.this)
            case exp.Boolean():
                return pl.lit(bool(node.this))
            case exp.Is() if isinstance(node.expression, exp.Null):
                return self.operand(node.this)[0].is_null()
            case exp.Between() if not node.args.get("symmetric"):
                low = self._compare(node.this, ">=", node.args["low"])
                return low & self._compare(node.this, "<=", node.args["high"])
            case exp.In() if node.expressions:
                value, dtype = self.operand(node.this)
                return equals_any(value, dtype, [_fitting(self._value(each), dtype) for each in node.expressions])
            case exp.EQ() | exp.NEQ():
                return self._equality(node)
            case exp.GT() | exp.GTE() | exp.LT() | exp.LTE():
                return self._compare(node.left, _COMPARISONS[type(node)], node.right)
            case exp.Column():
                value, dtype = self.operand(node)
                if dtype == pl.Boolean:
                    return value
        raise _UntranslatableError(type(node).__name__)

    def operand(self, node: exp.Expr) -> tuple[pl.Expr, pl.DataType]:
        match node:
            case exp.Paren():
                return self.operand(node.this)
            case exp.Column() if len(node.parts) == 1 and node.name in self._dtypes:
                return pl.col(node.name), self._dtypes[node.name]
            case exp.Length():
                value, dtype = self.operand(node.this)
                if dtype == pl.String:
                    return value.str.len_chars().cast(pl.Int64), pl.Int64()
            case exp.Add() | exp.Sub() | exp.Mul():
                return self._arithmetic(node)
        raise _UntranslatableError(type(node).__name__)

    def _equality(self, node: exp.Binary) -> pl.Expr:
        left, right = node.left, node.right
        if _is_value(left):
            left, right = right, left
        if _is_value(right):
            value, dtype = self.operand(left)
            equal = equals_any(value, dtype, [_fitting(self._value(right), dtype)])
            return ~equal if isinstance(node, exp.NEQ) else equal
        return _DIRECT[type(node)](*self._alike(left, right))

    def _compare(self, left: exp.Expr, operator: Operator, right: exp.Expr) -> pl.Expr:
        if _is_value(left):
            left, operator, right = right, _MIRRORED[operator], left
        if _is_value(right):
            value, dtype = self.operand(left)
            return compare(value, dtype, operator, _fitting(self._value(right), dtype))
        kind = next(kind for kind, each in _COMPARISONS.items() if each == operator)
        return _DIRECT[kind](*self._alike(left, right))

    def _alike(self, left: exp.Expr, right: exp.Expr) -> tuple[pl.Expr, pl.Expr]:
        (a, a_type), (b, b_type) = self.operand(left), self.operand(right)
        if a_type.is_integer() and b_type.is_integer():
            return a.cast(pl.Int128), b.cast(pl.Int128)
        if a_type != b_type or a_type.is_nested():
            raise _UntranslatableError(f"{a_type} beside {b_type}")
        return a, b

    def _arithmetic(self, node: exp.Binary) -> tuple[pl.Expr, pl.DataType]:
        (a, a_type), (b, b_type) = (self._number(side) for side in (node.left, node.right))
        # Integers overflow at different widths in the two engines, and decimals round differently.
        if a_type == b_type == pl.Float64():
            return _DIRECT[type(node)](a, b), pl.Float64()
        raise _UntranslatableError(f"{a_type} with {b_type}")

    def _number(self, node: exp.Expr) -> tuple[pl.Expr, pl.DataType]:
        if not _is_value(node):
            return self.operand(node)
        value = self._value(node)
        if isinstance(value, Decimal):
            return pl.lit(float(value), dtype=pl.Float64), pl.Float64()
        raise _UntranslatableError(repr(value))

    def _value(self, node: exp.Expr) -> Scalar:
        match node:
            case exp.Literal() if node.is_string:
                return str(node.this)
            case exp.Literal():
                return Decimal(str(node.this))
            case exp.Neg():
                inner = self._value(node.this)
                if isinstance(inner, Decimal):
                    return -inner
            case exp.Boolean():
                return bool(node.this)
            case exp.Cast() if node.is_type("date") and isinstance(node.this, exp.Literal):
                return _date(str(node.this.this))
        raise _UntranslatableError(type(node).__name__)


def _is_value(node: exp.Expr) -> bool:
    inner = node.this if isinstance(node, exp.Neg | exp.Cast) else node
    return isinstance(inner, exp.Literal | exp.Boolean)


def _fitting(value: Scalar, dtype: pl.DataType) -> Scalar:
    """Text beside a date is a date to DuckDB; text beside any other type but text is not translated."""
    if isinstance(value, str) and dtype == pl.Date:
        return _date(value)
    if isinstance(value, bool) != (dtype == pl.Boolean):
        raise _UntranslatableError(f"{value!r} beside {dtype}")
    return value


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise _UntranslatableError(text) from error
