"""The one-to-one queries of `admit`, `merge` and `scd2`: the same SELECT, carrying each row's origin and verdict.

Every output row keeps where it came from (`_batch_id`, `_record_no`, `_event_date` …) and the names of the rules it
breaks, so that a fate can be assigned in one pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlglot import exp

from data_platform.contracts.event_day import utc_day
from data_platform.contracts.model import Contract, Materialization, Severity
from data_platform.contracts.rules import Rule, RuleKind, rules_of
from data_platform.contracts.types import TypeKind, quote_identifier
from data_platform.quality.fates import all_pass_sql, bind, failing_rules_sql
from data_platform.transforms.query import Query
from data_platform.transforms.relations import SYSTEM_COLUMNS

ORIGIN = tuple(SYSTEM_COLUMNS)
GENERATED = ("valid_from", "valid_to", "is_current")  # what scd2 adds to the query's columns
_RAW = "_raw"


def judged_select(query: Query, raw: Contract, contract: Contract, *, where: str) -> str:
    """SELECT of the contract's columns, ORIGIN, `_event_time` and `_failures` (names of broken rules) of the raw rows
    for which `where` holds; grain: one row per raw row.
    """
    tree = query.tree.copy()
    assert isinstance(tree, exp.Select)
    source = next(iter(tree.find_all(exp.Table)))
    alias = source.alias or source.name
    given = ", ".join(_projection(node, contract) for node in tree.selects)
    origin = ", ".join(f"{quote_identifier(alias)}.{name}" for name in ORIGIN)
    moment = f"{quote_identifier(alias)}.{quote_identifier(raw.watermark)}" if raw.watermark else "NULL"
    outcome = _failures(_written_rules(raw), alias)
    for usable in _usable(raw):
        day = utc_day(raw, usable.columns[0], table=alias)
        name = exp.Literal.string(usable.name).sql(dialect="duckdb")
        is_placed = f"coalesce({day} = {quote_identifier(alias)}._event_date, false)"
        outcome = f"CASE WHEN {is_placed} THEN {outcome} ELSE list_append({outcome}, {name}) END"
    borrowed = "".join(f", {quote_identifier(alias)}.{quote_identifier(name)}" for name in borrowed_columns(contract))
    table = source.sql(dialect="duckdb")
    mapped = (
        f"SELECT {given}{borrowed}, {origin}, {moment} AS _event_time, {outcome} AS {_RAW} FROM {table} WHERE {where}"
    )
    own = _failures(row_rules(contract), "mapped")
    return f"SELECT mapped.* EXCLUDE ({_RAW}), mapped.{_RAW} || {own} AS _failures FROM ({mapped}) AS mapped"


def raw_rules(raw: Contract) -> tuple[Rule, ...]:
    """The row rules of a raw dataset, named `raw_…` beside the rules of the dataset that admits its rows.

    A named event time must be the one that gave the row its event date at landing, which nothing later decides again.
    """
    return (*_written_rules(raw), *_usable(raw))


def row_rules(contract: Contract) -> tuple[Rule, ...]:
    """The contract's rules that decide a raw row's fate; columns that scd2 fills in later have none to decide."""
    generated = set(GENERATED) if contract.materialization is Materialization.SCD2 else set()
    return tuple(rule for rule in rules_of(contract) if rule.kind.is_row_kind and not generated & set(rule.columns))


def borrowed_columns(contract: Contract) -> tuple[str, ...]:
    """Columns of raw that order or delete the rows of a `merge` or `scd2` dataset without being among its own."""
    own = {column.name for column in contract.columns}
    if contract.materialization is Materialization.ADMIT:
        return ()
    wanted = (*contract.sequence, *([contract.deletes.column] if contract.deletes else []))
    return tuple(dict.fromkeys(name for name in wanted if name not in own))


def _written_rules(raw: Contract) -> tuple[Rule, ...]:
    return tuple(replace(rule, name=f"raw_{rule.name}") for rule in rules_of(raw) if rule.kind.is_row_kind)


def _usable(raw: Contract) -> tuple[Rule, ...]:
    if raw.watermark is None:
        return ()
    usable = Rule(
        name=f"raw_{raw.watermark}_usable",
        kind=RuleKind.NOT_NULL,
        reason="EVENT_TIME_RANGE",
        severity=Severity.QUARANTINE,
        columns=(raw.watermark,),
        description="a row without an event time that could be used when it was landed has no event date",
    )
    return (usable,)


def _projection(node: exp.Expr, contract: Contract) -> str:
    name = node.alias_or_name
    value = node.this if isinstance(node, exp.Alias) else node
    text = value.sql(dialect="duckdb")
    column = next((c for c in contract.columns if c.name == name), None)
    # Two spellings of one key (NFC, NFD) are one key, so keys are stored composed.
    is_key = name in contract.dedupe_key or name in contract.primary_key
    if column is not None and is_key and column.type.kind is TypeKind.STRING:
        text = f"nfc_normalize({text})"
    return f"{text} AS {quote_identifier(name)}"


def _failures(rules: Iterable[Rule], alias: str) -> str:
    bound = bind(rules, lambda name: f"{quote_identifier(alias)}.{quote_identifier(name)}")
    if not bound:
        return "CAST([] AS VARCHAR[])"
    return f"CASE WHEN {all_pass_sql(bound)} THEN CAST([] AS VARCHAR[]) ELSE {failing_rules_sql(bound)} END"
