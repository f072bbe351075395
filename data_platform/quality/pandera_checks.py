"""A row rule as a Pandera check over Polars, built from the rule's own fields and never from its SQL predicate.

Two compilations that share nothing but the rule are what makes the audit worth having (ARCHITECTURE, admission).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import duckdb
import polars as pl
from pandera.api.polars.types import PolarsData
from pandera.polars import Check

from data_platform.contracts.model import Charset, Scalar
from data_platform.contracts.rules import Rule, RuleKind
from data_platform.errors import ConfigurationError
from data_platform.quality.charsets import SCRIPTS, unseen_class
from data_platform.quality.polars_comparisons import (
    UTC_MICROSECONDS,
    compare,
    equals_any,
    is_exact_number,
    moment,
    scale_of,
)
from data_platform.quality.predicates import EXTRA, INGESTED_AT, checked, parse_row_expression, row_expression_columns
from data_platform.quality.row_expressions import to_polars
from data_platform.quality.rust_patterns import full_match
from data_platform.quality.verdicts import SAMPLE_ROWS, EngineName

Dtypes = Mapping[str, pl.DataType]
CheckFunction = Callable[[PolarsData], pl.LazyFrame]


@dataclass(frozen=True, slots=True)
class CompiledCheck:
    """A rule's check function, the columns it reads, and the engine that evaluates it."""

    rule: Rule
    function: CheckFunction
    columns: tuple[str, ...]
    engine: EngineName

    def pandera(self, observed: Callable[[str], None]) -> Check:
        """The Pandera check; `observed` hears the rule's name each time the check has really run on a batch."""

        def run(data: PolarsData) -> pl.LazyFrame:
            outcome = self.function(data).collect().lazy()
            observed(self.rule.name)
            return outcome

        # n_failure_cases bounds what Pandera copies of failing rows; the counts come from its whole output.
        return Check(run, name=self.rule.name, error=self.rule.name, n_failure_cases=SAMPLE_ROWS)


def compile_check(rule: Rule, dtypes: Dtypes) -> CompiledCheck:
    """The check of a row rule over columns of these types.

    A rule that does not fit its column's type compiles to a check that raises, so that it is judged unknown.

    Raises:
        ConfigurationError: the rule is not of a row kind.
    """
    if not rule.kind.is_row_kind:
        raise ConfigurationError(f"rule {rule.name!r} is a {rule.kind}: it is not audited batch by batch")
    columns = _columns_of(rule)
    if rule.kind is RuleKind.ROW_SQL:
        parsed = parse_row_expression(rule)
        expression = to_polars(parsed, dtypes)
        if expression is None:
            return CompiledCheck(rule, _in_duckdb(parsed.sql(dialect="duckdb"), columns), columns, "duckdb")
        return CompiledCheck(rule, _select(expression.fill_null(value=True)), columns, "pandera")
    if rule.kind is RuleKind.CHARSET and rule.charset != Charset.EMAIL:
        return CompiledCheck(rule, _identifier_check(pl.col(rule.columns[0])), columns, "pandera")
    try:
        expression = _expression(rule, dtypes)
    except (TypeError, KeyError, ValueError) as error:
        return CompiledCheck(rule, _raising(error), columns, "pandera")
    return CompiledCheck(rule, _select(expression), columns, "pandera")


def _columns_of(rule: Rule) -> tuple[str, ...]:
    match rule.kind:
        case RuleKind.ROW_SQL:
            return row_expression_columns(parse_row_expression(rule))
        case RuleKind.EXTRA_FIELDS:
            return (EXTRA,)
        case _:
            return rule.columns


def _expression(rule: Rule, dtypes: Dtypes) -> pl.Expr:
    """TRUE where fine, NULL or TRUE where the value is NULL (Pandera ignores NULL), FALSE where broken."""
    if rule.kind is RuleKind.EXTRA_FIELDS:
        return pl.col(EXTRA).is_null()
    value, dtype = pl.col(rule.columns[0]), dtypes[rule.columns[0]]
    match rule.kind:
        case RuleKind.NOT_NULL:
            return value.is_not_null()
        case RuleKind.BOUNDS:
            return _bounds(rule, value, dtype)
        case RuleKind.LENGTH:
            length = value.str.len_chars().cast(pl.Int64)
            return _within(length, pl.Int64(), rule.minimum, rule.maximum)
        case RuleKind.PATTERN:
            return value.str.contains(full_match(rule.pattern or ""), strict=True)
        case RuleKind.ENUM:
            return equals_any(value, dtype, rule.enum)
        case RuleKind.MULTIPLE_OF:
            return _multiple_of(value, dtype, rule.multiple_of)
        case RuleKind.CHARSET:
            return _email(value)
        case RuleKind.EVENT_TIME:
            return _event_time(rule, value, dtype)
    raise TypeError(f"no check for {rule.kind}")


def _bounds(rule: Rule, value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    fine = _within(value, dtype, rule.minimum, rule.maximum)
    if rule.exclusive_minimum is not None:
        fine = fine & compare(value, dtype, ">", rule.exclusive_minimum)
    if rule.exclusive_maximum is not None:
        fine = fine & compare(value, dtype, "<", rule.exclusive_maximum)
    return fine & value.is_finite() if dtype.is_float() else fine


def _within(value: pl.Expr, dtype: pl.DataType, low: Scalar | None, high: Scalar | None) -> pl.Expr:
    fine: pl.Expr = pl.when(value.is_not_null()).then(pl.lit(value=True))
    if low is not None:
        fine = fine & compare(value, dtype, ">=", low)
    if high is not None:
        fine = fine & compare(value, dtype, "<=", high)
    return fine


def _multiple_of(value: pl.Expr, dtype: pl.DataType, step: Scalar | None) -> pl.Expr:
    if isinstance(step, bool) or not isinstance(step, int | float | Decimal) or not step:
        raise TypeError(f"{step!r} is not a step")
    if not is_exact_number(dtype):
        ratio = value / float(step)
        return ratio.is_finite() & ((ratio - ratio.round()).abs() <= 1e-9)
    exact = Decimal(repr(step)) if isinstance(step, float) else Decimal(step)
    exponent = exact.normalize().as_tuple().exponent
    scale = max(scale_of(dtype), -int(exponent))
    units = value.to_physical().cast(pl.Int128) * 10 ** (scale - scale_of(dtype))
    remainder: pl.Expr = units % int(exact.scaleb(scale))
    return remainder.eq(0)


def _identifier(value: pl.Expr) -> pl.Expr:
    hidden = rf"\p{{C}}|[\p{{Zl}}\p{{Zp}}]|[{unseen_class()}]"
    is_trimmed = ~value.str.contains(r"\A\p{Z}|\p{Z}\z")
    scripts = pl.sum_horizontal(value.str.contains(rf"\p{{{script}}}").cast(pl.Int8) for script in SCRIPTS)
    return ~value.str.contains(hidden) & is_trimmed & (scripts <= 1)


def _email(value: pl.Expr) -> pl.Expr:
    is_printable = value.str.contains(r"\A[\x20-\x7E]*\z")
    is_trimmed = ~value.str.contains(r"\A | \z")
    has_one_at = value.str.count_matches("@", literal=True) == 1
    return is_printable & is_trimmed & has_one_at & ~value.str.contains(r"\A@|@\z")


def _event_time(rule: Rule, value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    at = moment(value, dtype)
    fine = _within(at, UTC_MICROSECONDS, rule.minimum, None)
    if rule.max_ahead_seconds is not None:
        latest = pl.col(INGESTED_AT) + pl.duration(seconds=rule.max_ahead_seconds)
        fine = fine & (at <= latest).fill_null(value=False)
    return value.is_null() | fine


def _select(expression: pl.Expr) -> CheckFunction:
    return lambda data: data.lazyframe.select(expression.alias("is_fine"))


def _raising(error: Exception) -> CheckFunction:
    def run(_: PolarsData) -> pl.LazyFrame:
        raise error

    return run


def _identifier_check(value: pl.Expr) -> CheckFunction:
    """Most batches hold printable ASCII only; the scripts of the others cost five more passes."""

    def run(data: PolarsData) -> pl.LazyFrame:
        is_plain = value.str.contains(r"\A[!-~](?:[ -~]*[!-~])?\z").fill_null(value=True)
        plain = data.lazyframe.select(is_plain.alias("is_fine")).collect()
        return plain.lazy() if plain["is_fine"].all() else _select(_identifier(value))(data)

    return run


def _in_duckdb(expression: str, columns: tuple[str, ...]) -> CheckFunction:
    @cache
    def connection() -> duckdb.DuckDBPyConnection:
        con = duckdb.connect(config={"threads": 1})
        con.execute("SET TimeZone = 'UTC'")
        return con

    def run(data: PolarsData) -> pl.LazyFrame:
        con = connection()
        con.register("batch", data.lazyframe.select(columns or pl.all()).collect().to_arrow())
        fine = con.sql(f"SELECT {checked(expression)} AS is_fine FROM batch").to_arrow_table()
        con.unregister("batch")
        return pl.LazyFrame(fine)

    return run
