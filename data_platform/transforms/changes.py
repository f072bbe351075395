"""What each raw row of a `merge` or `scd2` dataset means for its key, and which rules a row of a meaning has to keep.

A deletion may carry nothing but its key, and a truncation or a heartbeat not even that, so the rules of a state's
columns say nothing about them. What becomes of the key is decided in `history`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from enum import StrEnum

from sqlglot import exp

from data_platform.contracts.model import Column, Contract, Deletes, Envelope, Materialization, Scalar
from data_platform.contracts.rules import Rule, RuleKind
from data_platform.contracts.types import TypeKind
from data_platform.quality.predicates import parse_row_expression, row_expression_columns

BY_KEY = frozenset({Materialization.MERGE, Materialization.SCD2})
DEBEZIUM_DELETES = Deletes(column="cdc_op", values=("d",), truncates=("t",), ignores=("m",))

_WORDS = {TypeKind.STRING: str, TypeKind.INTEGER: int, TypeKind.BOOLEAN: bool}


class Meaning(StrEnum):
    """What a row says about keys."""

    STATE = "state"  # its key is this from here on
    DELETE = "delete"  # its key is no more
    TRUNCATE = "truncate"  # no key is any more
    IGNORE = "ignore"  # nothing


def with_deletes(contract: Contract, raw: Contract) -> Contract:
    """The contract with what it leaves unsaid: over Debezium's envelopes, which rows are no states."""
    is_feed = raw.format is not None and raw.format.envelope is Envelope.DEBEZIUM
    if contract.deletes is None and contract.materialization in BY_KEY and is_feed:
        return replace(contract, deletes=DEBEZIUM_DELETES)
    return contract


def meaning_sql(deletes: Deletes | None, value: str) -> str:
    """SQL of a row's `Meaning`; `value` is the SQL of the column that tells."""
    if deletes is None:
        return f"'{Meaning.STATE}'"
    cases = "".join(
        f" WHEN {value} IN ({', '.join(map(_literal, values))}) THEN '{meaning}'"
        for meaning, values in _values(deletes).items()
    )
    return f"CASE{cases} ELSE '{Meaning.STATE}' END"


def meanings(contract: Contract) -> tuple[Meaning, ...]:
    """The meanings that rows of the dataset can have beside STATE."""
    return tuple(_values(contract.deletes)) if contract.deletes else ()


def rules_for(
    meaning: Meaning, rules: Iterable[Rule], *, identity: Collection[str], order: Collection[str]
) -> tuple[Rule, ...]:
    """The rules among these that a row of the meaning has to keep.

    Args:
        meaning: what the row says.
        rules: row rules of one contract.
        identity: the contract's columns that make the key and the sequence.
        order: those that make the sequence.
    """
    match meaning:
        case Meaning.STATE:
            return tuple(rules)
        case Meaning.DELETE:
            return tuple(rule for rule in rules if (read := _columns_read(rule)) and read <= set(identity))
        case Meaning.TRUNCATE:
            return tuple(r for r in rules if r.kind is RuleKind.NOT_NULL and set(r.columns) <= set(order))
        case Meaning.IGNORE:
            return ()


def unfit_values(deletes: Deletes, column: Column) -> tuple[Scalar, ...]:
    """The values that no row of the column can have, because they are of another type."""
    kind = _WORDS.get(column.type.kind)
    return tuple(value for values in _values(deletes).values() for value in values if type(value) is not kind)


def _values(deletes: Deletes) -> dict[Meaning, tuple[Scalar, ...]]:
    said = {
        Meaning.DELETE: deletes.values,
        Meaning.TRUNCATE: deletes.truncates,
        Meaning.IGNORE: deletes.ignores,
    }
    return {meaning: values for meaning, values in said.items() if values}


def _columns_read(rule: Rule) -> set[str]:
    if rule.kind is RuleKind.ROW_SQL:
        return set(row_expression_columns(parse_row_expression(rule)))
    return set(rule.columns)


def _literal(value: Scalar) -> str:
    return exp.convert(value).sql(dialect="duckdb")
