"""Proofs: every kind of rule is shown to fail, and what cannot be shown is not called proven."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from data_platform.contracts.model import DatasetName, Layer, Reference, Tolerance
from data_platform.contracts.rules import Rule, RuleKind
from data_platform.quality import pandera_checks
from data_platform.quality.pattern_samples import samples
from data_platform.quality.proof import prove
from data_platform_tests.unit.quality.rule_makers import (
    BOOLEAN,
    DATE,
    DOUBLE,
    INTEGER,
    MONEY,
    STRING,
    TIMESTAMP,
    column,
    contract,
    rule,
)

ORDERS = contract(
    column("order_id", STRING, required=True),
    column("customer", STRING),
    column("email", STRING, classification="confidential"),
    column("state", STRING),
    column("n", INTEGER),
    column("amount", MONEY),
    column("ratio", DOUBLE),
    column("paid", BOOLEAN),
    column("day", DATE),
    column("at", TIMESTAMP),
)
CUSTOMERS = DatasetName(Layer.CURATED, "shop", "customers")
RULES = (
    rule(RuleKind.NOT_NULL, "order_id"),
    rule(RuleKind.PATTERN, "order_id", pattern=r"[A-Z]{3}-\d{6}(?:/[a-f0-9]+)?"),
    rule(RuleKind.LENGTH, "order_id", minimum=10, maximum=20),
    rule(RuleKind.CHARSET, "order_id", charset="identifier"),
    rule(RuleKind.CHARSET, "email", charset="email"),
    rule(RuleKind.ENUM, "state", enum=("new", "paid")),
    rule(RuleKind.BOUNDS, "n", minimum=100, maximum=999),
    rule(RuleKind.MULTIPLE_OF, "n", multiple_of=5),
    rule(RuleKind.BOUNDS, "amount", exclusive_minimum=0),
    rule(RuleKind.MULTIPLE_OF, "amount", multiple_of=Decimal("0.05")),
    rule(RuleKind.BOUNDS, "ratio", maximum=1),
    rule(RuleKind.ENUM, "paid", enum=(True,)),
    rule(RuleKind.BOUNDS, "day", minimum=date(2021, 1, 1), maximum=date(2021, 12, 31)),
    rule(RuleKind.EVENT_TIME, "at", minimum=datetime(2020, 1, 1, tzinfo=UTC), max_ahead_seconds=600),
    rule(RuleKind.EXTRA_FIELDS),
    rule(RuleKind.ROW_SQL, name="paid_has_amount", query="state <> 'paid' OR amount >= 12.34"),
    rule(RuleKind.ROW_SQL, name="days_follow", query="day >= DATE '2021-06-01' AND abs(ratio) <= 1"),
    rule(RuleKind.UNIQUE, "order_id"),
    rule(RuleKind.UNIQUE, name="both", columns=("order_id", "n")),
    rule(RuleKind.REFERENCE, "customer", reference=Reference(("customer",), CUSTOMERS, ("id",))),
    rule(RuleKind.ROW_COUNT, must=(("mustBeGreaterThan", Decimal(0)),)),
    rule(RuleKind.ROW_COUNT, name="at_most", must=(("mustBeLessThan", Decimal(1_000)),)),
    rule(RuleKind.MEASURE, must=(("mustBe", Decimal(0)),), query="SELECT count(*) FROM curated.shop.orders WHERE n < 0"),
    rule(RuleKind.MEASURE, name="total", must=(("mustBeLessThan", Decimal(100)),),
         query="SELECT sum(amount) FROM curated.shop.orders"),
)  # fmt: skip
PROOFS = {proof.rule: proof for proof in prove(ORDERS, RULES)}


@pytest.mark.parametrize("name", [each.name for each in RULES])
def test_every_kind_of_rule_is_proven_to_fail(name: str) -> None:
    assert PROOFS[name].is_proven, PROOFS[name]


def test_row_rules_are_caught_by_both_compilations_and_name_the_breaking_value() -> None:
    rows = [proof for proof in PROOFS.values() if proof.kind.is_row_kind]
    assert all(proof.caught_by_sql and proof.caught_by_pandera for proof in rows)
    assert PROOFS["order_id_not_null"].violating_row == {"order_id": None}
    assert PROOFS["paid_enum"].violating_row == {"paid": False}
    assert PROOFS["order_id_unique"].caught_by_pandera is None
    assert {each.kind for each in RULES} == set(RuleKind)


@pytest.mark.parametrize(
    "empty",
    [
        rule(RuleKind.ROW_SQL, query="n = n OR n IS NULL"),
        rule(RuleKind.ENUM, "paid", enum=(True, False)),
        rule(RuleKind.BOUNDS, "n", minimum=-(2**63)),
        rule(RuleKind.PATTERN, "order_id", pattern=r"(?s).*"),
        rule(RuleKind.ROW_COUNT, must=(("mustBeGreaterOrEqualTo", Decimal(0)),)),
        rule(RuleKind.MEASURE, must=(("mustBe", Decimal(1)),), query="SELECT 1"),
        rule(RuleKind.MEASURE, must=(("mustBe", Decimal(1)),), query="SELECT count(*) FROM curated.shop.elsewhere"),
        rule(RuleKind.ROW_SQL, query="nowhere > 1"),
        rule(RuleKind.BOUNDS, "order_id", minimum=1),
        rule(RuleKind.BOUNDS, "nowhere", minimum=1),
        rule(RuleKind.ROW_SQL, query="n > (SELECT 1)"),
        rule(RuleKind.LENGTH, "n", minimum=1),
        rule(RuleKind.PATTERN, "order_id", pattern="("),
        rule(RuleKind.REFERENCE, "customer"),
    ],
    ids=str,
)
def test_a_rule_that_nothing_breaks_is_not_proven_and_says_why(empty: Rule) -> None:
    (proof,) = prove(ORDERS, [empty])
    assert proof.is_proven is False
    assert proof.note


def test_a_rule_that_nothing_satisfies_is_not_proven() -> None:
    never = rule(RuleKind.ROW_SQL, query="n IS NULL AND n > 1 AND 1 = 2")
    (proof,) = prove(ORDERS, [never])
    assert (proof.is_proven, proof.note) == (False, "no synthetic row satisfies it")


def test_a_measure_is_broken_by_one_change_to_a_row_that_keeps_every_rule() -> None:
    low = rule(
        RuleKind.MEASURE, must=(("mustBe", Decimal(0)),), query="SELECT count(*) FROM curated.shop.orders WHERE n < 100"
    )
    proof = prove(ORDERS, [rule(RuleKind.BOUNDS, "n", minimum=100), low])[1]
    assert proof.is_proven
    assert proof.note.startswith("one column changed")


def test_a_tolerance_does_not_hide_that_the_rule_works() -> None:
    (proof,) = prove(ORDERS, [rule(RuleKind.NOT_NULL, "order_id", tolerance=Tolerance(rows=100))])
    assert proof.is_proven


def test_a_disagreement_between_the_compilations_is_not_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    honest: Callable[..., pl.Expr] = pandera_checks._within
    monkeypatch.setattr(pandera_checks, "_within", lambda value, dtype, low, high: honest(value, dtype, low, None))
    (proof,) = prove(ORDERS, [rule(RuleKind.BOUNDS, "n", minimum=1, maximum=9)])
    assert (proof.is_proven, proof.note) == (False, "SQL and Pandera disagree on it")


@pytest.mark.parametrize(
    "pattern",
    [r"[A-Z]{3}-\d{4}", r"(?:a|b)+c?", r"[^@\s]+@[^@\s]+\.[a-z]{2,}", r"\p{Lu}\p{L}*", r"[[:alpha:]]{2}", r"x|"],
)
def test_samples_of_a_pattern_match_it(pattern: str) -> None:
    import duckdb

    made = samples(pattern)
    assert made
    rows = duckdb.execute("SELECT regexp_full_match(unnest(?::VARCHAR[]), ?)", [list(made), pattern]).fetchall()
    assert all(is_match for (is_match,) in rows)


def test_a_pattern_that_cannot_be_read_has_no_samples() -> None:
    assert samples("(") == ()
