"""All row rules of a batch as SQL: which rows pass, and every rule that the others break.

What becomes of a row that breaks one is decided in `transforms`; a single rule's SQL is in `predicates`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from data_platform.contracts.model import Severity
from data_platform.contracts.rules import Rule
from data_platform.quality.predicates import ColumnExpression, literal, predicate


@dataclass(frozen=True, slots=True)
class BoundRule:
    """A rule over the expressions of its columns, so that rules of raw and of curated columns can stand together."""

    rule: Rule
    column: ColumnExpression


def bind(rules: Iterable[Rule], column: ColumnExpression) -> tuple[BoundRule, ...]:
    """The rules among these that decide a row's fate: row kinds that quarantine."""
    return tuple(
        BoundRule(rule, column) for rule in rules if rule.kind.is_row_kind and rule.severity is Severity.QUARANTINE
    )


def all_pass_sql(bound: Sequence[BoundRule]) -> str:
    """SQL that is TRUE where a row breaks none of the rules, FALSE where it breaks one; never NULL."""
    return f"({' AND '.join(_by_name(bound).values())})" if bound else "TRUE"


def failing_rules_sql(bound: Sequence[BoundRule]) -> str:
    """SQL giving VARCHAR[]: the names of all rules that the row breaks, in order; an empty list where it breaks none.

    Rows that pass cost one AND: the list is built only for the others.
    """
    if not bound:
        return "CAST([] AS VARCHAR[])"
    cases = ", ".join(f"CASE WHEN {sql} THEN NULL ELSE {literal(name)} END" for name, sql in _by_name(bound).items())
    names = f"list_filter([{cases}], lambda name: name IS NOT NULL)"
    return f"CASE WHEN {all_pass_sql(bound)} THEN CAST([] AS VARCHAR[]) ELSE CAST({names} AS VARCHAR[]) END"


def _by_name(bound: Sequence[BoundRule]) -> dict[str, str]:
    """One predicate a name: a column's raw and curated rule share theirs, and it is broken if either is."""
    predicates: dict[str, list[str]] = {}
    for each in bound:
        predicates.setdefault(each.rule.name, []).append(predicate(each.rule, each.column))
    return {name: f"({' AND '.join(parts)})" for name, parts in predicates.items()}
