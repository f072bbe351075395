"""Fates: which rules a row breaks, as one SQL expression."""

from __future__ import annotations

from dataclasses import replace

import duckdb

from data_platform.contracts.model import Severity
from data_platform.contracts.rules import RuleKind
from data_platform.contracts.types import quote_identifier
from data_platform.quality.fates import all_pass_sql, bind, failing_rules_sql
from data_platform_tests.unit.quality.rule_makers import rule


def test_all_broken_rules_are_named_in_order_and_passing_rows_have_none() -> None:
    raw = bind([rule(RuleKind.NOT_NULL, "a"), rule(RuleKind.BOUNDS, "b", minimum=0)], lambda name: f'raw."{name}"')
    curated = bind([rule(RuleKind.BOUNDS, "b", maximum=10), rule(RuleKind.ENUM, "c", enum=("x",))], quote_identifier)
    sql = (
        f"SELECT {failing_rules_sql([*raw, *curated])}, {all_pass_sql([*raw, *curated])} FROM "
        "(SELECT raw.a, raw.b * 2 AS b, 'y' AS c, raw FROM (VALUES (NULL, -1), (1, 9), (1, 1)) AS raw(a, b)) AS raw"
    )
    rows = duckdb.sql(sql.replace('raw."', 'raw.raw."')).fetchall()
    assert rows == [
        (["a_not_null", "b_bounds", "c_enum"], False),
        (["b_bounds", "c_enum"], False),
        (["c_enum"], False),
    ]


def test_only_row_rules_that_quarantine_decide_a_fate() -> None:
    row = rule(RuleKind.NOT_NULL, "a")
    others = [replace(row, severity=Severity.WARN), replace(row, severity=Severity.BLOCK), rule(RuleKind.UNIQUE, "a")]
    assert [each.rule for each in bind([row, *others], quote_identifier)] == [row]


def test_without_rules_every_row_passes() -> None:
    assert duckdb.sql(f"SELECT {all_pass_sql([])}, {failing_rules_sql([])}").fetchall() == [(True, [])]


def test_a_row_that_breaks_nothing_has_an_empty_list_of_text() -> None:
    bound = bind([rule(RuleKind.NOT_NULL, "a")], quote_identifier)
    answer = duckdb.sql(f"SELECT {failing_rules_sql(bound)} AS names FROM (SELECT 1 AS a)")
    assert (answer.fetchall(), str(answer.types[0])) == ([([],)], "VARCHAR[]")
