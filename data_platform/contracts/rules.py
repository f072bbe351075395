"""The rules that a contract drives, as values. Compiling them to SQL and to Pandera is in `quality`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from data_platform.contracts.model import (
    Charset,
    Column,
    Contract,
    Layer,
    Materialization,
    QualityRule,
    Reference,
    Scalar,
    SchemaChange,
    Severity,
    Tolerance,
)
from data_platform.contracts.types import quote_identifier, quote_text


class RuleKind(StrEnum):
    """Every kind of rule. Row kinds decide a row by itself; table kinds need the whole result."""

    # row kinds
    NOT_NULL = "not_null"
    BOUNDS = "bounds"
    LENGTH = "length"
    PATTERN = "pattern"
    ENUM = "enum"
    MULTIPLE_OF = "multiple_of"
    CHARSET = "charset"
    EVENT_TIME = "event_time"
    EXTRA_FIELDS = "extra_fields"
    ROW_SQL = "row_sql"
    # table kinds
    UNIQUE = "unique"
    REFERENCE = "reference"
    ROW_COUNT = "row_count"
    MEASURE = "measure"

    @property
    def is_row_kind(self) -> bool:
        """Whether one row alone decides the rule."""
        return self not in _TABLE_KINDS


_TABLE_KINDS = frozenset({RuleKind.UNIQUE, RuleKind.REFERENCE, RuleKind.ROW_COUNT, RuleKind.MEASURE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a dataset.

    Attributes:
        name: unique in the dataset, `[a-z0-9_]+`, and the name of its asset check.
        reason: the reason code that a failing row carries (`NULL`, `RANGE`, `PATTERN` …).
        columns: the columns it reads, in order.
        minimum … enum: the parameters of its kind.
        query: for ROW_SQL a boolean expression that must be true; for MEASURE one SELECT giving one number.
        must: for ROW_COUNT and MEASURE, (operator, bound) pairs in ODCS spelling.
    """

    name: str
    kind: RuleKind
    reason: str
    severity: Severity
    columns: tuple[str, ...] = ()
    minimum: Scalar | None = None
    maximum: Scalar | None = None
    exclusive_minimum: Scalar | None = None
    exclusive_maximum: Scalar | None = None
    multiple_of: Scalar | None = None
    pattern: str | None = None
    enum: tuple[Scalar, ...] = ()
    charset: str | None = None
    max_ahead_seconds: int | None = None
    query: str | None = None
    must: tuple[tuple[str, Decimal], ...] = ()
    reference: Reference | None = None
    tolerance: Tolerance = field(default_factory=Tolerance)
    description: str = ""


_ROW_FATES = frozenset({Materialization.INGEST, Materialization.ADMIT, Materialization.MERGE, Materialization.SCD2})
_NONE_MAY = (("mustBe", Decimal(0)),)


def rules_of(contract: Contract) -> tuple[Rule, ...]:
    """Every rule of a dataset: first those of its columns, then its keys and references, then its quality entries.

    Names are unique; of two rules that would share one, the later gets a number.
    """
    severity = row_severity_of(contract.materialization)
    said = {rule.column for rule in contract.quality if rule.metric == "nullValues" and decides_rows(rule)}
    found = [
        rule
        for column in contract.columns
        for rule in _column_rules(column, severity, is_order=column.name in _order_of(contract))
        if not (rule.kind is RuleKind.NOT_NULL and column.name in said)
    ]
    found += _dataset_rules(contract, severity)
    found += [_quality_rule(contract, entry) for entry in contract.quality]
    return tuple(_with_unique_names(found))


def row_severity_of(materialization: Materialization) -> Severity:
    """What a broken row rule does unless told otherwise: rows are held back where each row has a fate."""
    return Severity.QUARANTINE if materialization in _ROW_FATES else Severity.BLOCK


def decides_rows(rule: QualityRule) -> bool:
    """Whether the entry condemns single rows, so that they could be quarantined."""
    is_each = rule.metric in ("nullValues", "missingValues", "invalidValues") and rule.must == _NONE_MAY
    return rule.row_expression or is_each


def _order_of(contract: Contract) -> tuple[str, ...]:
    """Columns by which rows of one key are told older from newer: without a value a row has no place among them."""
    return contract.sequence if contract.materialization in (Materialization.MERGE, Materialization.SCD2) else ()


def _column_rules(column: Column, severity: Severity, *, is_order: bool = False) -> Iterator[Rule]:
    def rule(kind: RuleKind, reason: str, **values: Any) -> Rule:
        name = f"{_slug(column.name)}_{kind.value}"
        return Rule(name=name, kind=kind, reason=reason, severity=severity, columns=(column.name,), **values)

    if column.required or column.primary_key_position is not None or is_order:
        yield rule(RuleKind.NOT_NULL, "NULL")
    bounds = {name: getattr(column, name) for name in ("minimum", "maximum", "exclusive_minimum", "exclusive_maximum")}
    if any(bound is not None for bound in bounds.values()):
        yield rule(RuleKind.BOUNDS, "RANGE", **bounds)
    if column.min_length is not None or column.max_length is not None:
        yield rule(RuleKind.LENGTH, "LENGTH", minimum=column.min_length, maximum=column.max_length)
    if column.pattern is not None:
        yield rule(RuleKind.PATTERN, "PATTERN", pattern=column.pattern)
    if column.enum:
        yield rule(RuleKind.ENUM, "ENUM", enum=column.enum)
    if column.multiple_of is not None:
        yield rule(RuleKind.MULTIPLE_OF, "MULTIPLE_OF", multiple_of=column.multiple_of)
    if column.charset is not Charset.FREE:
        yield rule(RuleKind.CHARSET, "CHARSET_POLICY", charset=column.charset.value)


def _dataset_rules(contract: Contract, severity: Severity) -> Iterator[Rule]:
    window = contract.event_time_range
    if contract.watermark is not None and (window.not_before is not None or window.max_ahead is not None):
        yield Rule(
            name="event_time_range",
            kind=RuleKind.EVENT_TIME,
            reason="EVENT_TIME_RANGE",
            severity=severity,
            columns=(contract.watermark,),
            minimum=window.not_before,
            max_ahead_seconds=None if window.max_ahead is None else int(window.max_ahead.total_seconds()),
        )
    if contract.name.layer is Layer.RAW and contract.schema_change is SchemaChange.QUARANTINE:
        yield Rule(name="extra_fields", kind=RuleKind.EXTRA_FIELDS, reason="SCHEMA_ADDED", severity=severity)
    if contract.name.layer is not Layer.RAW:
        yield from _unique_rules(contract)
    for reference in contract.references:
        yield Rule(
            name=f"{_slug('_'.join(reference.columns))}_reference",
            kind=RuleKind.REFERENCE,
            reason="REFERENCE",
            severity=reference.severity,
            columns=reference.columns,
            reference=reference,
        )


def _unique_rules(contract: Contract) -> Iterator[Rule]:
    key = contract.primary_key
    if key and contract.materialization is Materialization.SCD2:
        # A history holds each key once for each moment at which it changed.
        key = tuple(dict.fromkeys((*key, "valid_from")))
    if key:
        yield _unique("primary_key_unique", key)
    if (
        contract.materialization is Materialization.ADMIT
        and contract.dedupe_key
        and set(contract.dedupe_key) != set(key)
    ):
        yield _unique("dedupe_key_unique", contract.dedupe_key)  # also across days, which are admitted one by one
    for column in contract.columns:
        if column.unique and (column.name,) != key:
            yield _unique(f"{_slug(column.name)}_unique", (column.name,))


def _unique(name: str, columns: tuple[str, ...]) -> Rule:
    return Rule(name=name, kind=RuleKind.UNIQUE, reason="NOT_UNIQUE", severity=Severity.BLOCK, columns=columns)


def _quality_rule(contract: Contract, entry: QualityRule) -> Rule:
    rule = Rule(
        name=entry.name,
        kind=RuleKind.MEASURE,
        reason=entry.name.upper(),
        severity=entry.severity,
        columns=(entry.column,) if entry.column else (),
        tolerance=entry.tolerance,
        description=entry.description,
    )
    must = tuple((operator, bound) for operator, bound in entry.must if isinstance(bound, Decimal))
    arguments = dict(entry.arguments)
    match entry.metric:
        case None if entry.row_expression:
            return replace(rule, kind=RuleKind.ROW_SQL, query=entry.query)
        case None:
            return replace(rule, query=entry.query, must=must)
        case "rowCount":
            return replace(rule, kind=RuleKind.ROW_COUNT, reason="ROW_COUNT", must=must)
        case "invalidValues":
            return _validity(rule, entry, must)
        case "duplicateValues":
            columns = rule.columns or tuple(map(str, _sequence(arguments["properties"])))
            if must == _NONE_MAY:
                return replace(rule, kind=RuleKind.UNIQUE, reason="NOT_UNIQUE", columns=columns)
            return replace(rule, columns=columns, must=must, query=_duplicates(contract, columns, entry.unit))
        case "nullValues" if must == _NONE_MAY:
            return replace(rule, kind=RuleKind.NOT_NULL, reason="NULL")
        case _:
            return _missing(rule, contract, entry, must)


def _validity(rule: Rule, entry: QualityRule, must: tuple[tuple[str, Decimal], ...]) -> Rule:
    """Every value is valid, but for as many rows as the bounds forgive."""
    arguments = dict(entry.arguments)
    for operator, bound in must:
        if entry.unit == "percent":
            rule = replace(rule, tolerance=Tolerance(ratio=bound / 100))
        elif bound != 0:
            rows = int(bound) - 1 if operator == "mustBeLessThan" and bound == int(bound) else int(bound)
            rule = replace(rule, tolerance=Tolerance(rows=rows))
    if "pattern" in arguments:
        return replace(rule, kind=RuleKind.PATTERN, reason="PATTERN", pattern=str(arguments["pattern"]))
    values = tuple(value for value in _sequence(arguments["validValues"]) if isinstance(value, _SCALARS))
    return replace(rule, kind=RuleKind.ENUM, reason="ENUM", enum=values)


_SCALARS = (str, int, Decimal, date, datetime)


def _missing(rule: Rule, contract: Contract, entry: QualityRule, must: tuple[tuple[str, Decimal], ...]) -> Rule:
    column = quote_identifier(rule.columns[0])
    markers = [value for value in _sequence(dict(entry.arguments).get("missingValues", ())) if value is not None]
    listed = ", ".join(_literal(value) for value in markers)
    is_missing = f"{column} IS NULL" + (f" OR {column} IN ({listed})" if markers else "")
    if must == _NONE_MAY:
        return replace(rule, kind=RuleKind.ROW_SQL, reason="MISSING", query=f"NOT ({is_missing})")
    count = _share(f"count(*) FILTER (WHERE {is_missing})", entry.unit)
    return replace(rule, must=must, query=f"SELECT {count} FROM {contract.name}")


def _duplicates(contract: Contract, columns: tuple[str, ...], unit: str) -> str:
    """How many rows repeat the key of another row, rows with a NULL in the key left out."""
    names = ", ".join(map(quote_identifier, columns))
    present = " AND ".join(f"{quote_identifier(name)} IS NOT NULL" for name in columns)
    groups = f"SELECT count(*) AS repeats FROM {contract.name} WHERE {present} GROUP BY {names}"
    total = "coalesce(sum(repeats - 1), 0)"
    share = f"100.0 * {total} / nullif(sum(repeats), 0)" if unit == "percent" else total
    return f"SELECT {share} FROM ({groups})"


def _share(count: str, unit: str) -> str:
    return f"100.0 * {count} / nullif(count(*), 0)" if unit == "percent" else count


def _literal(value: object) -> str:
    """Contracts hold no parameters, so the few values that a derived query needs are written as literals."""
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value) if isinstance(value, int) else quote_text(str(value))


def _sequence(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)


def _slug(name: str) -> str:
    return re.sub("[^a-z0-9]+", "_", name.lower()).strip("_") or "column"


def _with_unique_names(rules: list[Rule]) -> Iterator[Rule]:
    taken: set[str] = {rule.name for rule in rules}
    seen: set[str] = set()
    for rule in rules:
        name, number = rule.name, 2
        while name in seen or (name != rule.name and name in taken):
            name, number = f"{rule.name}_{number}", number + 1
        seen.add(name)
        yield rule if name == rule.name else replace(rule, name=name)
