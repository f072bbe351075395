from __future__ import annotations

from decimal import Decimal

import pytest

from data_platform.errors import PublishBlocked
from data_platform.publication.decisions import Decision
from data_platform_tests.integration.core.orders import CURATED, RAW, SQL, deliver, orders
from data_platform_tests.kit import Kit, at, later


def ids(kit: Kit) -> list[str]:
    return [row["order_id"] for row in kit.rows("curated.orders")]


def fates(kit: Kit) -> dict[str, tuple[str, str]]:
    return {f"{r['batch_id']}:{r['record_no']}": (r["fate"], r["reason"]) for r in kit.held("curated.orders")}


def test_every_row_gets_one_fate_in_the_order_of_the_law(kit: Kit) -> None:
    orders(kit)
    deliver(kit, "a.csv", ("A1", at("2026-03-01"), "5.00", ""), ("B1", at("2026-03-03"), "7.00", ""))
    kit.materialize("curated.orders")
    deliver(
        kit,
        "b.csv",
        ("A2", at("2026-03-01"), "-1.00", ""),  # late and broken: late comes first
        ("C1", at("2026-03-03", "09:30:00"), "-1.00", ""),  # within the lateness, broken
        ("C1", at("2026-03-03", "09:30:00"), "3.00", ""),  # valid, and the only valid one of its key
        ("D1", at("2026-03-03"), "4.00", ""),
        ("D1", at("2026-03-03"), "5.00", ""),  # conflict
        ("B1", at("2026-03-03"), "7.00", ""),  # a repeat of the first file
    )
    kit.materialize("curated.orders")
    assert ids(kit) == ["A1", "B1", "C1"]
    assert fates(kit) == {
        "orders/2:1": ("late", "LATE"),
        "orders/2:2": ("quarantined", "RANGE"),
        "orders/2:4": ("quarantined", "CONFLICTING_KEY"),
        "orders/2:5": ("quarantined", "CONFLICTING_KEY"),
    }
    assert kit.ledger("curated.orders") == {
        "2026-03-01": {"raw": 2, "curated": 1, "late": 1},
        "2026-03-03": {"raw": 6, "curated": 2, "quarantined": 3, "duplicate": 1},
    }


def test_all_broken_rules_of_a_row_are_recorded(kit: Kit) -> None:
    orders(kit)
    deliver(kit, "a.csv", ("?", at("2026-03-01"), "-1.00", ""), ("A1", at("2026-03-01"), "1.00", ""))
    kit.materialize("curated.orders")
    (held,) = kit.held("curated.orders")
    assert set(held["rules"].split(",")) == {"order_id_pattern", "amount_bounds"}
    checks = {c.rule: c.failing_rows for c in kit.platform.metastore.checks.latest("curated.shop.orders")}
    assert checks["order_id_pattern"] == checks["amount_bounds"] == 1


def test_the_two_spellings_of_one_key_are_one_key(kit: Kit) -> None:
    orders(kit)
    composed, decomposed = "\u00e91", "e\u03011"
    deliver(kit, "a.csv", (composed, at("2026-03-01"), "1.00", ""), (decomposed, at("2026-03-01"), "1.00", ""))
    kit.materialize("curated.orders")
    assert ids(kit) == ["\u00e91"]
    assert kit.ledger("curated.orders")["2026-03-01"] == {"raw": 2, "curated": 1, "duplicate": 1}


def test_equal_rows_of_one_key_are_counted_once_and_different_ones_never_win(kit: Kit) -> None:
    orders(kit)
    same, one, other = at("2026-03-01"), "1.00", "2.00"
    deliver(kit, "a.csv", ("A1", same, one, ""), ("A1", same, one, ""), ("B1", same, one, ""), ("B1", same, other, ""))
    kit.materialize("curated.orders")
    assert ids(kit) == ["A1"]
    assert kit.ledger("curated.orders")["2026-03-01"] == {"raw": 4, "curated": 1, "quarantined": 2, "duplicate": 1}


@pytest.mark.parametrize("moment", ["1970-01-01T00:00:00Z", "2036-01-01T00:00:00Z"])
def test_a_row_whose_event_time_cannot_be_is_held_under_the_receipt_date(kit: Kit, moment: str) -> None:
    orders(kit)
    deliver(kit, "a.csv", ("A1", moment, "1.00", ""), ("B1", at("2026-03-01"), "1.00", ""))
    kit.materialize("curated.orders")
    assert kit.ledger("curated.orders") == {
        "2026-03-01": {"raw": 1, "curated": 1},
        "2026-03-20": {"raw": 1, "quarantined": 1},
    }
    assert [row["reason"] for row in kit.held("curated.orders")] == ["EVENT_TIME_RANGE"]


def test_a_missing_event_time_is_held_even_where_the_contract_does_not_require_it(kit: Kit) -> None:
    orders(
        kit,
        raw=("order_id string required", "ordered_at timestamp", "amount decimal(12,2)", "note string"),
        columns=[c.replace("timestamp required", "timestamp").replace("date required", "date") for c in CURATED],
    )
    deliver(kit, "a.csv", ("A1", None, "1.00", ""))
    kit.materialize("curated.orders")
    assert kit.ledger("curated.orders") == {"2026-03-20": {"raw": 1, "quarantined": 1}}


def test_a_released_row_is_published_and_stays_published_when_other_days_of_its_month_are_run(kit: Kit) -> None:
    orders(kit)
    deliver(kit, "a.csv", ("A1", at("2026-03-01"), "2000.00", ""), ("B1", at("2026-03-02"), "1.00", ""))
    kit.materialize("curated.orders")
    kit.decide("curated.orders", Decision.RELEASE, kit.held("curated.orders"))
    kit.materialize("curated.orders")  # one file for the month
    assert ids(kit) == ["A1", "B1"]
    kit.materialize("curated.orders", "2026-03-02")
    assert ids(kit) == ["A1", "B1"]
    assert kit.held("curated.orders") == []
    assert kit.residuals("curated.orders") == [0, 0]


def test_releasing_one_of_two_conflicting_rows_publishes_that_one(kit: Kit) -> None:
    orders(kit)
    deliver(kit, "a.csv", ("A1", at("2026-03-01"), "1.00", ""), ("A1", at("2026-03-01"), "2.00", ""))
    kit.materialize("curated.orders")
    second = [row for row in kit.held("curated.orders") if row["record_no"] == 2]
    kit.decide("curated.orders", Decision.RELEASE, second)
    kit.materialize("curated.orders")
    assert [row["amount"] for row in kit.rows("curated.orders")] == [Decimal("2.00")]
    assert kit.ledger("curated.orders")["2026-03-01"] == {"raw": 2, "curated": 1, "duplicate": 1}


def test_a_row_without_a_usable_event_time_cannot_be_released_into_a_partition_it_has_not(kit: Kit) -> None:
    orders(kit)
    deliver(kit, "a.csv", ("A1", "1970-01-01T00:00:00Z", "1.00", ""), ("B1", at("2026-03-01"), "1.00", ""))
    kit.materialize("curated.orders")
    kit.decide("curated.orders", Decision.RELEASE, kit.held("curated.orders"))
    kit.materialize("curated.orders")
    assert ids(kit) == ["B1"]
    assert fates(kit) == {"orders/1:1": ("quarantined", "EVENT_TIME_RANGE")}


def test_a_late_row_is_admitted_by_decision_and_lateness_is_never_decided_again(kit: Kit) -> None:
    orders(kit)
    deliver(kit, "a.csv", ("A1", at("2026-03-01"), "1.00", ""), ("B1", at("2026-03-03"), "1.00", ""))
    kit.materialize("curated.orders")
    deliver(kit, "b.csv", ("A2", at("2026-03-01"), "1.00", ""), ("A3", at("2026-03-02"), "1.00", ""))
    kit.materialize("curated.orders")
    assert ids(kit) == ["A1", "A3", "B1"]  # the 2nd was never published, so nothing for it can be late
    kit.decide("curated.orders", Decision.ADMIT_LATE, kit.held("curated.orders"))
    kit.materialize("curated.orders", "2026-03-01")
    assert ids(kit) == ["A1", "A2", "A3", "B1"]
    assert kit.ledger("curated.orders")["2026-03-01"] == {"raw": 2, "curated": 2}


def test_a_rule_that_was_loosened_does_not_move_rows_to_a_date_that_landing_did_not_give_them(kit: Kit) -> None:
    orders(kit)
    deliver(kit, "a.csv", ("A1", "2019-05-05T00:00:00Z", "1.00", ""), ("B1", at("2026-03-01"), "1.00", ""))
    kit.materialize("curated.orders")
    orders(kit, raw_custom={"event_time_range": {"not_before": "2010-01-01"}})
    kit.materialize("curated.orders")
    assert ids(kit) == ["B1"]
    assert [row["reason"] for row in kit.held("curated.orders")] == ["EVENT_TIME_RANGE"]


def test_a_tightened_rule_is_not_judged_on_the_other_days_of_a_rewritten_file(kit: Kit) -> None:
    orders(kit)
    deliver(kit, "a.csv", ("A1", at("2026-03-01"), "900.00", ""), ("B1", at("2026-03-02"), "1.00", ""))
    kit.materialize("curated.orders")
    orders(kit, columns=[c.replace("max=1000", "max=100") for c in CURATED])
    kit.materialize("curated.orders", "2026-03-02")
    assert ids(kit) == ["A1", "B1"]
    kit.refresh("curated.orders")
    assert ids(kit) == ["B1"]


@pytest.mark.parametrize("declared", [True, False])
def test_a_key_that_lives_on_two_days_is_refused_in_any_range(kit: Kit, declared: bool) -> None:
    columns = CURATED if declared else [c.replace("string key", "string required") for c in CURATED]
    orders(kit, columns=columns)
    deliver(kit, "a.csv", ("A1", at("2026-03-01"), "1.00", ""), ("A1", at("2026-03-02"), "1.00", ""))
    with pytest.raises(PublishBlocked):
        kit.materialize("curated.orders")
    kit.materialize("curated.orders", "2026-03-01")
    with pytest.raises(PublishBlocked):
        kit.materialize("curated.orders", "2026-03-02")
    assert [row["day"].isoformat() for row in kit.rows("curated.orders")] == ["2026-03-01"]


def test_an_unpartitioned_dataset_is_admitted_whole_with_one_ledger_line(kit: Kit) -> None:
    columns = [c.replace(" partition", "") for c in CURATED]
    orders(kit, columns=columns)
    deliver(
        kit,
        "a.csv",
        ("A1", at("2026-03-01"), "1.00", ""),
        ("A1", at("2026-02-02"), "1.00", ""),
        ("B1", "1970-01-01T00:00:00Z", "1.00", ""),
    )
    kit.materialize("curated.orders")
    deliver(kit, "b.csv", ("C1", at("2026-01-01"), "1.00", ""))
    kit.materialize("curated.orders")
    assert ids(kit) == ["A1", "C1"]
    assert kit.ledger("curated.orders") == {"all": {"raw": 4, "curated": 2, "quarantined": 1, "duplicate": 1}}


def test_a_date_can_be_the_event_time(kit: Kit) -> None:
    orders(
        kit,
        raw=[c.replace("ordered_at timestamp", "ordered_at date") for c in RAW],
        columns=[c.replace("ordered_at timestamp", "ordered_at date") for c in CURATED],
        sql=SQL.replace("CAST(ordered_at AT TIME ZONE 'UTC' AS DATE)", "ordered_at"),
        raw_custom={"allowed_lateness": "P1D"},
    )
    deliver(
        kit,
        "a.csv",
        ("A1", "2026-03-01", "1.00", ""),
        ("B1", "2026-03-05", "1.00", ""),
        ("C1", "1999-01-01", "1.00", ""),
        ("D1", "2026-03-04", "1.00", ""),
    )
    kit.materialize("curated.orders")
    deliver(kit, "b.csv", ("A2", "2026-03-01", "1.00", ""), ("D2", "2026-03-04", "1.00", ""))
    kit.materialize("curated.orders")
    assert ids(kit) == ["A1", "B1", "D1", "D2"]  # the watermark is the 5th, less a day the 4th
    assert kit.ledger("curated.orders") == {
        "2026-03-01": {"raw": 2, "curated": 1, "late": 1},
        "2026-03-04": {"raw": 2, "curated": 2},
        "2026-03-05": {"raw": 1, "curated": 1},
        "2026-03-20": {"raw": 1, "quarantined": 1},
    }


def test_without_an_event_time_a_row_belongs_to_its_delivery_date(kit: Kit) -> None:
    kit.raw("orders", RAW, delivery_date_pattern=r"o_(?P<date>\d{8})\.csv")
    kit.curated(
        "orders",
        [c.replace("ordered_at timestamp required", "ordered_at timestamp") for c in CURATED],
        SQL.replace("CAST(ordered_at AT TIME ZONE 'UTC' AS DATE)", "_event_date"),
        materialization="admit",
        dedupe_key=["order_id"],
    )
    deliver(kit, "o_20260301.csv", ("A1", at("2020-01-01"), "1.00", ""))
    deliver(kit, "other.csv", ("B1", at("2020-01-01"), "1.00", ""))
    kit.materialize("curated.orders")
    assert kit.ledger("curated.orders") == {
        "2026-03-01": {"raw": 1, "curated": 1},
        "2026-03-20": {"raw": 1, "curated": 1},
    }


def test_a_delivery_without_rows_publishes_without_claiming_a_rule_passed(kit: Kit) -> None:
    orders(kit)
    deliver(kit, "a.csv")
    published = kit.materialize("curated.orders")
    assert kit.rows("curated.orders") == []
    assert {c.verdict.value for c in published.checks if c.kind.is_row_kind} == {"not_applicable"}


def test_the_same_run_again_gives_the_same_content(kit: Kit) -> None:
    orders(kit)
    deliver(
        kit,
        "a.csv",
        ("A1", at("2026-03-01"), "1.00", ""),
        ("A1", at("2026-03-01"), "2.00", ""),
        ("B1", at("2026-02-01"), "1.00", ""),
    )
    kit.materialize("curated.orders")
    before, held = kit.hash("curated.orders"), kit.held("curated.orders")
    later(kit, hours=1)
    kit.materialize("curated.orders", "2026-02-01", "2026-03-31")
    assert (kit.hash("curated.orders"), kit.held("curated.orders")) == (before, held)
