"""A row rule as a SQL predicate (DuckDB). The independent second compilation, to Pandera, is in `pandera_checks`.

A predicate follows SQL's CHECK: a NULL input passes every rule but NOT_NULL. Unlike CHECK it is never NULL itself. NaN
and the infinities break any bound. Connections run in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from typing import TypeAlias

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from data_platform.contracts.model import Charset, Scalar
from data_platform.contracts.rules import Rule, RuleKind
from data_platform.errors import ConfigurationError
from data_platform.quality.charsets import SCRIPTS, unseen_class

ColumnExpression: TypeAlias = Callable[[str], str]

INGESTED_AT = "_ingested_at"
EXTRA = "_extra"
MULTIPLE_TOLERANCE = "1e-9"  # share of a step by which a DOUBLE may miss a multiple

_NOT_OF_ONE_ROW = (exp.Select, exp.Subquery, exp.AggFunc, exp.Window, exp.Star)


def predicate(rule: Rule, column: ColumnExpression) -> str:
    """SQL that is TRUE where the row is fine, FALSE where it breaks the rule, and never NULL.

    Args:
        rule: a rule of a row kind.
        column: gives the SQL expression of a column by its name, e.g. a quoted identifier.

    Raises:
        ConfigurationError: the rule is not of a row kind, or its expression or values cannot be compiled.
    """
    if rule.kind is RuleKind.ROW_SQL:
        return _row_sql(rule, column)
    if rule.kind is RuleKind.EXTRA_FIELDS:
        return f"({column(EXTRA)} IS NULL)"
    if not rule.kind.is_row_kind:
        raise ConfigurationError(f"rule {rule.name!r} is a {rule.kind}: one row alone does not decide it")
    value = f"({column(rule.columns[0])})"
    if rule.kind is RuleKind.NOT_NULL:
        return f"({value} IS NOT NULL)"
    if rule.kind is RuleKind.EVENT_TIME:
        return f"({value} IS NULL OR {_event_time(rule, value, column)})"
    return f"({value} IS NULL OR {_CONDITIONS[rule.kind](rule, value)})"


def literal(value: Scalar) -> str:
    """A value as a DuckDB literal.

    Raises:
        ConfigurationError: the value is a float without a literal.
    """
    return _node(value).sql(dialect="duckdb")


def parse_row_expression(rule: Rule) -> exp.Expr:
    """The parsed boolean expression of a ROW_SQL rule.

    Raises:
        ConfigurationError: it does not parse, or one row does not decide it.
    """
    try:
        statements = sqlglot.parse(rule.query or "", dialect="duckdb")
    except SqlglotError as error:
        raise ConfigurationError(f"rule {rule.name!r}: {rule.query!r} is not a SQL expression: {error}") from error
    parsed = statements[0] if len(statements) == 1 else None
    if parsed is None:
        raise ConfigurationError(f"rule {rule.name!r}: {rule.query!r} is not one SQL expression")
    if isinstance(parsed, _NOT_OF_ONE_ROW) or parsed.find(*_NOT_OF_ONE_ROW):
        raise ConfigurationError(
            f"rule {rule.name!r}: {rule.query!r} reads more than its own row; write it as a query with a bound"
        )
    return parsed


def row_expression_columns(parsed: exp.Expr) -> tuple[str, ...]:
    """The columns that a parsed row expression reads, in order of first use."""
    return tuple(dict.fromkeys(node.parts[0].name for node in _columns(parsed)))


def literal_values(parsed: exp.Expr) -> tuple[Scalar, ...]:
    """The values written in a row expression, dates among them as dates."""
    return tuple(value for node in parsed.find_all(exp.Literal) for value in _readings(node))


def _readings(node: exp.Literal) -> Iterator[Scalar]:
    text = str(node.this)
    if not node.is_string:
        yield Decimal(text)
        return
    yield text
    with suppress(ValueError):
        yield datetime.fromisoformat(text)


def _row_sql(rule: Rule, column: ColumnExpression) -> str:
    parsed = parse_row_expression(rule).copy()
    for node in _columns(parsed):
        # `address.city` parses as a column with a table, but one row has no tables: the first part is the column.
        place, *fields = node.parts
        replacement: exp.Expr = exp.Var(this=f"({column(place.name)})")
        for field in fields:
            replacement = exp.Dot(this=replacement, expression=exp.to_identifier(field.name, quoted=True))
        if node is parsed:
            parsed = replacement
        else:
            node.replace(replacement)
    return checked(parsed.sql(dialect="duckdb"))


def checked(expression: str) -> str:
    """CHECK's verdict on a boolean expression: NULL is fine.

    A row on which it cannot be computed (an overflow, a cast that fails) breaks the rule; a bare TRY would give NULL
    for both.
    """
    attempt = f"TRY({{'is_fine': ({expression})}})"
    return f"COALESCE({attempt}.is_fine, {attempt} IS NOT NULL)"


def _columns(parsed: exp.Expr) -> list[exp.Column]:
    return list(parsed.find_all(exp.Column, bfs=False))


def _bounds(rule: Rule, value: str) -> str:
    parts = [
        f"{value} {operator} {literal(bound)}"
        for operator, bound in (
            (">=", rule.minimum),
            (">", rule.exclusive_minimum),
            ("<=", rule.maximum),
            ("<", rule.exclusive_maximum),
        )
        if bound is not None
    ]
    has_both = len({part[len(value) + 1] for part in parts}) == 2
    limits = (rule.minimum, rule.maximum, rule.exclusive_minimum, rule.exclusive_maximum)
    if not has_both and any(isinstance(limit, (int, float, Decimal)) for limit in limits):
        # A bound on each side refuses NaN (the greatest DOUBLE) and both infinities; one side alone does not.
        parts.append(f"isfinite(CAST({value} AS DOUBLE))")
    return _all(parts)


def _length(rule: Rule, value: str) -> str:
    bounds = ((">=", rule.minimum), ("<=", rule.maximum))
    return _all([f"length({value}) {operator} {literal(bound)}" for operator, bound in bounds if bound is not None])


def _pattern(rule: Rule, value: str) -> str:
    # DuckDB lets "." match a newline unless told; contracts follow ECMA-262, where it does not.
    return f"regexp_full_match({value}, {literal(f'(?-s:{rule.pattern})')})"


def _enum(rule: Rule, value: str) -> str:
    if not rule.enum:
        raise ConfigurationError(f"rule {rule.name!r} is an enum without values")
    return f"{value} IN ({', '.join(map(literal, rule.enum))})"


def _multiple_of(rule: Rule, value: str) -> str:
    if rule.multiple_of is None:
        raise ConfigurationError(f"rule {rule.name!r} names no step")
    step = literal(rule.multiple_of)
    ratio = f"(CAST({value} AS DOUBLE) / CAST({step} AS DOUBLE))"
    is_near = f"isfinite({ratio}) AND abs({ratio} - round({ratio})) <= {MULTIPLE_TOLERANCE}"
    return f"CASE WHEN typeof({value}) IN ('DOUBLE', 'FLOAT') THEN {is_near} ELSE {value} % {step} = 0 END"


def _charset(rule: Rule, value: str) -> str:
    if rule.charset == Charset.EMAIL:
        return f"regexp_full_match({value}, '[!-?A-~](?:[ -?A-~]*)@(?:[ -?A-~]*)[!-?A-~]')"
    # Stated as what is assigned and seen, so that an engine with older Unicode tables refuses more, never less.
    unseen = literal(rf"[^\p{{L}}\p{{M}}\p{{N}}\p{{P}}\p{{S}}\p{{Zs}}]|[{unseen_class()}]|\A\p{{Zs}}|\p{{Zs}}\z")
    scripts = " + ".join(f"CAST(regexp_matches({value}, '\\p{{{script}}}') AS INTEGER)" for script in SCRIPTS)
    is_plain = f"regexp_full_match({value}, '[!-~](?:[ -~]*[!-~])?')"
    return f"({is_plain} OR (NOT regexp_matches({value}, {unseen}) AND {scripts} <= 1))"


def _event_time(rule: Rule, value: str, column: ColumnExpression) -> str:
    moment = f"CAST({value} AS TIMESTAMPTZ)"
    parts = [f"isfinite({moment})"]
    if rule.minimum is not None:
        parts.append(f"{moment} >= {literal(rule.minimum)}")
    if rule.max_ahead_seconds is not None:
        ahead = literal(rule.max_ahead_seconds)
        parts.append(f"{moment} <= ({column(INGESTED_AT)}) + to_seconds({ahead})")
    return f"COALESCE({_all(parts)}, FALSE)"


def _all(parts: list[str]) -> str:
    return f"({' AND '.join(parts)})" if parts else "TRUE"


def _node(value: Scalar) -> exp.Expr:
    match value:
        case bool():
            return exp.Boolean(this=value)
        case str():
            return exp.Literal.string(value)
        case int():
            return exp.Literal.number(value)
        case Decimal() if value.is_finite():
            return exp.Literal.number(format(value, "f"))
        case float() if isfinite(value):
            return exp.Literal.number(repr(value))
        case datetime():
            aware = value if value.tzinfo else value.replace(tzinfo=UTC)
            return exp.cast(exp.Literal.string(aware.astimezone(UTC).isoformat(" ")), "TIMESTAMPTZ")
        case date():
            return exp.cast(exp.Literal.string(value.isoformat()), "DATE")
        case _:
            raise ConfigurationError(f"{value!r} cannot stand in a rule")


_CONDITIONS: dict[RuleKind, Callable[[Rule, str], str]] = {
    RuleKind.BOUNDS: _bounds,
    RuleKind.LENGTH: _length,
    RuleKind.PATTERN: _pattern,
    RuleKind.ENUM: _enum,
    RuleKind.MULTIPLE_OF: _multiple_of,
    RuleKind.CHARSET: _charset,
}
