"""Which rules follow from a contract."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from data_platform.contracts.model import Contract, Severity, Tolerance
from data_platform.contracts.odcs import read_contract
from data_platform.contracts.rules import Rule, RuleKind, rules_of
from data_platform_tests.unit.contracts.shop_project import SHOP, copy_of_shop, exchange

QUARANTINE, BLOCK, WARN = Severity.QUARANTINE, Severity.BLOCK, Severity.WARN


def read(path: Path) -> Contract:
    result = read_contract(path)
    assert result.contract is not None, result.faults
    return result.contract


def rules(name: str) -> dict[str, Rule]:
    return {rule.name: rule for rule in rules_of(read(SHOP / f"{name}.odcs.yaml"))}


def quality(tmp_path: Path, entry: str) -> Rule:
    """The rule of one quality entry of the column email."""
    path = copy_of_shop(tmp_path) / "curated/orders.odcs.yaml"
    exchange(path, '{metric: missingValues, arguments: {missingValues: ["", "n/a"]}, mustBe: 0}', entry)
    return next(rule for rule in rules_of(read(path)) if rule.name.startswith("email_") and rule.kind != "charset")


def test_every_promise_of_an_admitted_dataset_becomes_one_rule() -> None:
    assert [(r.name, r.kind.value, r.reason, r.severity) for r in rules("curated/orders").values()] == [
        ("order_no_not_null", "not_null", "NULL", QUARANTINE),
        ("order_no_length", "length", "LENGTH", QUARANTINE),
        ("order_no_pattern", "pattern", "PATTERN", QUARANTINE),
        ("order_no_charset", "charset", "CHARSET_POLICY", QUARANTINE),
        ("placed_on_not_null", "not_null", "NULL", QUARANTINE),
        ("placed_on_bounds", "bounds", "RANGE", QUARANTINE),
        ("email_charset", "charset", "CHARSET_POLICY", QUARANTINE),
        ("status_enum", "enum", "ENUM", QUARANTINE),
        ("amount_bounds", "bounds", "RANGE", QUARANTINE),
        ("amount_multiple_of", "multiple_of", "MULTIPLE_OF", QUARANTINE),
        ("pieces_bounds", "bounds", "RANGE", QUARANTINE),
        ("primary_key_unique", "unique", "NOT_UNIQUE", BLOCK),
        ("customer_no_reference", "reference", "REFERENCE", WARN),
        ("row_count", "row_count", "ROW_COUNT", BLOCK),
        ("one_mail_each", "measure", "ONE_MAIL_EACH", BLOCK),
        ("amount_for_pieces", "row_sql", "AMOUNT_FOR_PIECES", QUARANTINE),
        ("mean_amount", "measure", "MEAN_AMOUNT", BLOCK),
        ("customer_no_null_values", "measure", "CUSTOMER_NO_NULL_VALUES", WARN),
        ("email_missing_values", "row_sql", "MISSING", QUARANTINE),
    ]


def test_rules_carry_the_bounds_of_their_columns() -> None:
    found = rules("curated/orders")
    assert (found["order_no_length"].minimum, found["order_no_length"].maximum) == (4, 12)
    assert found["amount_bounds"].minimum == Decimal("0.10")
    assert (found["pieces_bounds"].minimum, found["pieces_bounds"].exclusive_minimum) == (None, 0)
    assert found["status_enum"].enum == ("open", "no", "1")
    assert found["email_charset"].charset == "email"
    assert found["amount_for_pieces"].tolerance == Tolerance(rows=5, ratio=Decimal("0.01"))


def test_raw_holds_event_times_and_unknown_fields_to_its_contract() -> None:
    found = rules("raw/orders")
    window = found["event_time_range"]
    assert (window.kind, window.columns, window.minimum, window.max_ahead_seconds) == (
        RuleKind.EVENT_TIME,
        ("ordered_at",),
        datetime(2020, 1, 1, tzinfo=UTC),
        3600,
    )
    assert (found["extra_fields"].kind, found["extra_fields"].reason) == (RuleKind.EXTRA_FIELDS, "SCHEMA_ADDED")
    assert {rule.severity for rule in found.values()} == {QUARANTINE}
    assert "order_no_not_null" in found  # the column is called `Order No`


def test_rows_without_a_fate_block_instead(tmp_path: Path) -> None:
    found = rules("served/daily_sales")
    assert {rule.severity for rule in found.values()} == {BLOCK}
    assert found["sales_amount_null_values"].kind is RuleKind.NOT_NULL


def test_a_history_is_unique_by_key_and_beginning() -> None:
    assert rules("curated/customers")["primary_key_unique"].columns == ("customer_no", "valid_from")


def test_an_entry_that_says_not_null_replaces_the_derived_rule(tmp_path: Path) -> None:
    path = copy_of_shop(tmp_path) / "served/daily_sales.odcs.yaml"
    exchange(path, "{name: sales_amount,", "{name: sales_amount, required: true,")
    names = [r.name for r in rules_of(read(path)) if r.kind is RuleKind.NOT_NULL and r.columns == ("sales_amount",)]
    assert names == ["sales_amount_null_values"]


def test_a_reference_may_be_raised_to_block(tmp_path: Path) -> None:
    path = copy_of_shop(tmp_path) / "curated/orders.odcs.yaml"
    raised = (
        "        customProperties: [{property: platform.reference_severity, value: block}]\n        relationships:\n"
    )
    exchange(path, "        relationships:\n", raised)
    assert next(r for r in rules_of(read(path)) if r.kind is RuleKind.REFERENCE).severity is BLOCK


@pytest.mark.parametrize(
    ("entry", "kind", "severity", "tolerance"),
    [
        ("mustBe: 0", RuleKind.ENUM, QUARANTINE, Tolerance()),
        ("mustBeLessThan: 5", RuleKind.ENUM, BLOCK, Tolerance(rows=4)),
        ("mustBeLessOrEqualTo: 5", RuleKind.ENUM, BLOCK, Tolerance(rows=5)),
        (
            "mustBeLessOrEqualTo: 0.5, unit: percent, severity: warn",
            RuleKind.ENUM,
            WARN,
            Tolerance(ratio=Decimal("0.005")),
        ),
    ],
)
def test_invalid_values_are_an_enum_that_forgives(
    entry: str, kind: RuleKind, severity: Severity, tolerance: Tolerance, tmp_path: Path
) -> None:
    rule = quality(tmp_path, f"{{metric: invalidValues, arguments: {{validValues: [a, b]}}, {entry}}}")
    assert (rule.kind, rule.enum, rule.severity, rule.tolerance) == (kind, ("a", "b"), severity, tolerance)


def test_invalid_values_may_be_told_by_a_pattern(tmp_path: Path) -> None:
    rule = quality(tmp_path, "{metric: invalidValues, arguments: {pattern: '[a-z]+'}, mustBe: 0}")
    assert (rule.kind, rule.reason, rule.pattern) == (RuleKind.PATTERN, "PATTERN", "[a-z]+")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{metric: nullValues, mustBeLessThan: 3}", 2),
        ("{metric: nullValues, mustBeLessThan: 3, unit: percent}", 20.0),
        ("{metric: missingValues, arguments: {missingValues: [null, '', it's]}, mustBeLessThan: 9}", 4),
        ("{metric: duplicateValues, mustBeLessThan: 9}", 3),
        ("{metric: duplicateValues, mustBeLessThan: 9, unit: percent}", 37.5),
    ],
)
def test_a_measure_counts_what_its_metric_says(entry: str, expected: float, tmp_path: Path) -> None:
    rule = quality(tmp_path, entry)
    values = ["a", "a", "a", "b", "b", "", "it's", "c", None, None]
    assert rule.kind is RuleKind.MEASURE
    assert "FROM curated.shop.orders" in str(rule.query)
    with duckdb.connect(":memory:") as con:
        con.execute("CREATE TABLE orders AS SELECT unnest(?::VARCHAR[]) AS email", [values])
        found = con.execute(str(rule.query).replace("curated.shop.orders", "orders")).fetchall()
    assert found == [(expected,)]


def test_names_stay_unique_when_columns_and_entries_meet() -> None:
    contract = read(SHOP / "raw/orders.odcs.yaml")
    twin = replace(contract.column("Order No"), name="order-no")
    names = [rule.name for rule in rules_of(replace(contract, columns=(*contract.columns, twin)))]
    assert "order_no_not_null" in names
    assert "order_no_not_null_2" in names
    assert len(set(names)) == len(names)
