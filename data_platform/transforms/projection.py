"""The one-to-one queries of `admit`, `merge` and `scd2`: the same SELECT, carrying each row's origin and verdict.

Every output row keeps where it came from (`_batch_id`, `_record_no`, `_event_date` …) and the names of the rules it
breaks, so that a fate can be assigned in one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from data_platform.contracts.event_day import utc_day
from data_platform.contracts.model import Contract, Materialization, Severity
from data_platform.contracts.rules import Rule, RuleKind, rules_of
from data_platform.contracts.types import TypeKind, quote_identifier
from data_platform.quality.fates import all_pass_sql, bind, failing_rules_sql
from data_platform.transforms.changes import BY_KEY, Meaning, meaning_sql, meanings, rules_for
from data_platform.transforms.query import Query
from data_platform.transforms.relations import SYSTEM_COLUMNS

ORIGIN = tuple(SYSTEM_COLUMNS)
GENERATED = ("valid_from", "valid_to", "is_current")  # what scd2 adds to the query's columns
_RAW = "_raw"


def judged_select(query: Query, raw: Contract, contract: Contract, *, source: str, where: str) -> str:
    """SELECT of the contract's columns, ORIGIN, `_event_time`, `_meaning` (of `changes`) and `_failures` (names of
    broken rules) of the rows of `source`, a relation of raw rows, for which `where` holds; grain: one row per raw row.
    """
    tree, alias = _select_of(query)
    given = {node.alias_or_name: _projection(node, contract) for node in tree.selects}
    borrowed = {name: f"{quote_identifier(alias)}.{quote_identifier(name)}" for name in borrowed_columns(contract)}
    columns = ", ".join(f"{value} AS {quote_identifier(name)}" for name, value in (given | borrowed).items())
    origin = ", ".join(f"{quote_identifier(alias)}.{name}" for name in ORIGIN)
    moment = f"{quote_identifier(alias)}.{quote_identifier(raw.watermark)}" if raw.watermark else "NULL"
    meaning = _meaning(contract, given | borrowed)
    identity, order = _raw_identity(tree, contract, alias), set(borrowed) & set(contract.sequence)

    def raw_failures(of: Meaning) -> str:
        return _raw_failures(raw, rules_for(of, raw_rules(raw), identity=identity, order=order), alias)

    def own_failures(of: Meaning) -> str:
        own = {*history_key(contract), *contract.sequence}
        return _failures(rules_for(of, row_rules(contract), identity=own, order=contract.sequence), "mapped")

    mapped = (
        f"SELECT {columns}, {origin}, {moment} AS _event_time, {meaning} AS _meaning, "
        f"{_by_meaning(contract, meaning, raw_failures)} AS {_RAW} "
        f"FROM {source} AS {quote_identifier(alias)} WHERE {where}"
    )
    own = _by_meaning(contract, "mapped._meaning", own_failures)
    return f"SELECT mapped.* EXCLUDE ({_RAW}), mapped.{_RAW} || {own} AS _failures FROM ({mapped}) AS mapped"


def keyed_select(query: Query, contract: Contract, *, source: str) -> str:
    """SELECT of every column of `source`, a relation of raw rows, with `_key_0` … of `history_key` and `_meaning`."""
    tree, alias = _select_of(query)
    named = quote_identifier(alias)
    given = {node.alias_or_name: _projection(node, contract) for node in tree.selects}
    borrowed = {name: f"{named}.{quote_identifier(name)}" for name in borrowed_columns(contract)}
    key = "".join(f", {given[name]} AS _key_{i}" for i, name in enumerate(history_key(contract)))
    return f"SELECT {named}.*{key}, {_meaning(contract, given | borrowed)} AS _meaning FROM {source} AS {named}"


def raw_rules(raw: Contract) -> tuple[Rule, ...]:
    """The row rules of a raw dataset, named `raw_…` beside the rules of the dataset that admits its rows.

    A named event time must be the one that gave the row its event date at landing, which nothing later decides again.
    """
    return (*_written_rules(raw), *_usable(raw))


def row_rules(contract: Contract) -> tuple[Rule, ...]:
    """The contract's rules that decide a raw row's fate; columns that scd2 fills in later have none to decide."""
    generated = set(GENERATED) if _is_scd2(contract) else set()
    return tuple(rule for rule in rules_of(contract) if rule.kind.is_row_kind and not generated & set(rule.columns))


def borrowed_columns(contract: Contract) -> tuple[str, ...]:
    """Columns of raw that order or delete the rows of a `merge` or `scd2` dataset without being among its own."""
    own = {column.name for column in contract.columns}
    if contract.materialization not in BY_KEY:
        return ()
    wanted = (*contract.sequence, *([contract.deletes.column] if contract.deletes else []))
    return tuple(dict.fromkeys(name for name in wanted if name not in own))


def history_key(contract: Contract) -> tuple[str, ...]:
    """The columns that name one thing over time: the primary key, of which `valid_from` may be a part in scd2."""
    return tuple(name for name in contract.primary_key if not (_is_scd2(contract) and name in GENERATED))


def _select_of(query: Query) -> tuple[exp.Select, str]:
    """The tree of a one-to-one query, and the name that it gives to its raw dataset."""
    tree = query.tree.copy()
    assert isinstance(tree, exp.Select)
    source = next(iter(tree.find_all(exp.Table)))
    return tree, source.alias or source.name


def _meaning(contract: Contract, values: Mapping[str, str]) -> str:
    deletes = contract.deletes if contract.materialization in BY_KEY else None
    return meaning_sql(deletes, values[deletes.column] if deletes else "")


def _is_scd2(contract: Contract) -> bool:
    return contract.materialization is Materialization.SCD2


def _raw_identity(tree: exp.Select, contract: Contract, alias: str) -> set[str]:
    """The columns of raw from which the key and the sequence are made."""
    wanted = {*history_key(contract), *contract.sequence}
    made = set(contract.sequence) & set(borrowed_columns(contract))
    for node in tree.selects:
        if node.alias_or_name in wanted:
            for column in node.find_all(exp.Column):
                names = [part.name for part in column.parts]  # `alias.column.field`, of which all but one may lack
                made.add(names[1] if names[0] == alias and len(names) > 1 else names[0])
    return made


def _by_meaning(contract: Contract, meaning: str, failures: Callable[[Meaning], str]) -> str:
    """The names of the rules that a row breaks, of those that rows of its meaning have to keep."""
    others = meanings(contract) if contract.materialization in BY_KEY else ()
    if not others:
        return failures(Meaning.STATE)
    cases = " ".join(f"WHEN '{each}' THEN {failures(each)}" for each in others)
    return f"CASE {meaning} {cases} ELSE {failures(Meaning.STATE)} END"


def _raw_failures(raw: Contract, rules: Sequence[Rule], alias: str) -> str:
    usable = _usable(raw)
    outcome = _failures([rule for rule in rules if rule not in usable], alias)
    for rule in usable:
        if rule not in rules:
            continue
        day = utc_day(raw, rule.columns[0], table=alias)
        name = exp.Literal.string(rule.name).sql(dialect="duckdb")
        is_placed = f"coalesce({day} = {quote_identifier(alias)}._event_date, false)"
        outcome = f"CASE WHEN {is_placed} THEN {outcome} ELSE list_append({outcome}, {name}) END"
    return outcome


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
    return text


def _failures(rules: Iterable[Rule], alias: str) -> str:
    bound = bind(rules, lambda name: f"{quote_identifier(alias)}.{quote_identifier(name)}")
    if not bound:
        return "CAST([] AS VARCHAR[])"
    return f"CASE WHEN {all_pass_sql(bound)} THEN CAST([] AS VARCHAR[]) ELSE {failing_rules_sql(bound)} END"
