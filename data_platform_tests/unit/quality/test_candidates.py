"""Proofs try the values on, just inside and just outside every limit that a contract names."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from data_platform.contracts.rules import Rule, RuleKind
from data_platform.contracts.types import ColumnType
from data_platform.quality.candidates import RECEIVED_AT, candidates
from data_platform_tests.unit.quality.rule_makers import (
    BOOLEAN,
    DATE,
    DOUBLE,
    INTEGER,
    MONEY,
    STRING,
    TIMESTAMP,
    column,
    rule,
)

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("kind", "made", "wanted"),
    [
        (INTEGER, rule(RuleKind.BOUNDS, "x", minimum=10, maximum=20), {9, 10, 11, 19, 20, 21}),
        (INTEGER, rule(RuleKind.BOUNDS, "x", exclusive_minimum=10), {9, 10, 11}),
        (INTEGER, rule(RuleKind.MULTIPLE_OF, "x", minimum=20, multiple_of=7), {7, 14, 21}),
        (MONEY, rule(RuleKind.BOUNDS, "x", maximum=Decimal("1.5")), {Decimal(t) for t in ("1.49", "1.50", "1.51")}),
        (MONEY, rule(RuleKind.MULTIPLE_OF, "x", multiple_of=Decimal("0.5")), {Decimal("0.50"), Decimal("0.25")}),
        (DOUBLE, rule(RuleKind.BOUNDS, "x", minimum=9.25), {8.25, 8.75, 9.25, 9.75, 10.25, float("inf")}),
        (DATE, rule(RuleKind.BOUNDS, "x", minimum=date(2026, 1, 1)), {date(2025, 12, 31), date(2026, 1, 1)}),
        (TIMESTAMP, rule(RuleKind.BOUNDS, "x", maximum=NEW_YEAR), {NEW_YEAR - TICK, NEW_YEAR, NEW_YEAR + TICK}),
        (
            TIMESTAMP,
            rule(RuleKind.EVENT_TIME, "x", max_ahead_seconds=60),
            {RECEIVED_AT + timedelta(seconds=59), RECEIVED_AT + timedelta(seconds=60, microseconds=1)},
        ),
        (STRING, rule(RuleKind.LENGTH, "x", minimum=30, maximum=40), {"a" * n for n in (29, 30, 31, 39, 40, 41)}),
        (STRING, rule(RuleKind.LENGTH, "x", minimum=0), {"", "a"}),
        (STRING, rule(RuleKind.ENUM, "x", enum=("new", "paid")), {"new", "paid", "new~"}),
        (BOOLEAN, rule(RuleKind.NOT_NULL, "x"), {True, False}),
    ],
)
def test_values_around_every_limit_are_tried(kind: ColumnType, made: Rule, wanted: set[object]) -> None:
    assert wanted <= set(candidates(column("x", kind), [made]))


def test_null_is_tried_last_and_no_value_twice() -> None:
    tried = candidates(column("x", INTEGER), [rule(RuleKind.BOUNDS, "x", minimum=1, maximum=2)], (1, 1))
    assert tried[-1] is None
    assert len(set(tried)) == len(tried)


def test_a_value_that_the_type_cannot_hold_is_not_tried() -> None:
    tried = candidates(column("x", INTEGER), [rule(RuleKind.BOUNDS, "x", maximum=2**63 - 1)], (0.5,))
    assert 2**63 - 1 in tried
    assert all(value is None or (type(value) is int and value < 2**63) for value in tried)
