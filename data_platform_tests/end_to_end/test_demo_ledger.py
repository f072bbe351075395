"""The sample shop the whole way, as the demo goes it: the ledger must say what the generator planted, defect by defect."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import data_platform
from data_platform.metastore.tables import FileOutcome
from data_platform.samples.late_drop import deliver_late_drop
from data_platform.wiring.platform import Platform
from data_platform_tests.end_to_end.walking import at, fates, open_ledgers, repeated_places, rows, walk

COMMERCE = Path(data_platform.__file__).parent / "domains"
SAMPLES = Path(data_platform.__file__).parent.parent / "sample_data"
CURATED = {
    "raw.commerce.customers": "curated.commerce.customers",
    "raw.commerce.products": "curated.commerce.products",
    "raw.commerce.orders": "curated.commerce.orders",
    "raw.commerce.order_lines": "curated.commerce.order_lines",
    "raw.commerce.payments": "curated.commerce.payments",
    "raw.commerce.web_events": "curated.commerce.web_events",
}
BY_DATASET = pytest.mark.parametrize("raw", sorted(CURATED))


@pytest.fixture(scope="module")
def planted() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SAMPLES / "planted.json").read_text())
    return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, planted: dict[str, Any]) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("shop")
    source = Path(shutil.copytree(SAMPLES, folder / "source"))
    with at(folder / "home", source, COMMERCE) as platform:
        walk(platform)
        for raw, curated in CURATED.items():  # what the first drop alone must come to
            assert fates(platform, curated) == _fates(planted["summary"]["totals_before_late_drop"][raw])
        assert len(deliver_late_drop(source)) == 1
        walk(platform)
        yield platform


@BY_DATASET
def test_every_fate_has_the_planted_number_of_rows(shop: Platform, planted: dict[str, Any], raw: str) -> None:
    assert fates(shop, CURATED[raw]) == _fates(planted["summary"]["totals"][raw])


@BY_DATASET
def test_every_rejected_row_has_the_planted_reason(shop: Platform, planted: dict[str, Any], raw: str) -> None:
    found = rows(shop, raw.replace("raw.", "rejected."), "SELECT source_name, reason, count(*) FROM {} GROUP BY ALL")
    expected = _defects(planted, raw, "rejected")
    assert {(name, reason): n for name, reason, n in found} == expected


@BY_DATASET
def test_every_quarantined_row_has_the_planted_reason(shop: Platform, planted: dict[str, Any], raw: str) -> None:
    sql = "SELECT reason, count(*) FROM {} WHERE fate = 'quarantined' GROUP BY ALL"
    found = dict(rows(shop, raw.replace("raw.", "held."), sql))
    expected: Counter[str] = Counter()
    for (_, reason), count in _defects(planted, raw, "quarantined").items():
        expected[reason] += count
    assert found == dict(expected)


@BY_DATASET
def test_every_file_has_its_own_line_with_the_rows_the_generator_counted(
    shop: Platform, planted: dict[str, Any], raw: str
) -> None:
    batches = shop.metastore.batches.of(raw)
    lines = [line for batch in batches for line in shop.metastore.batches.files(raw, batch_id=batch.batch_id)]
    found = {line.name: (line.outcome, line.source_rows or 0, line.rejected_rows) for line in lines}
    expected = {}
    for record in planted["files"]:
        if record["dataset"] == raw:
            skipped = "skipped" in record["fates"]
            outcome = FileOutcome.SKIPPED if skipped else FileOutcome.READ
            counts = (0, 0) if skipped else (record["source_rows"], record["fates"].get("rejected", 0))
            expected[record["file"].split("/")[1]] = (outcome, *counts)
    assert found == expected


@BY_DATASET
def test_batches_hold_the_planted_source_rows(shop: Platform, planted: dict[str, Any], raw: str) -> None:
    totals = planted["summary"]["totals"][raw]
    batches = shop.metastore.batches.of(raw)
    assert sum(batch.source_rows for batch in batches) == totals["source_rows"]
    assert sum(batch.rejected_rows for batch in batches) == totals.get("rejected", 0)
    assert rows(shop, raw, "SELECT count(*) FROM {}") == [(totals["source_rows"] - totals.get("rejected", 0),)]


@BY_DATASET
def test_late_rows_are_held_and_not_published(shop: Platform, planted: dict[str, Any], raw: str) -> None:
    sql = "SELECT count(*) FROM {} WHERE fate = 'late'"
    expected = planted["summary"]["totals"][raw].get("late", 0)
    assert rows(shop, raw.replace("raw.", "held."), sql) == [(expected,)]


def test_every_ledger_closes_and_no_place_is_claimed_twice(shop: Platform) -> None:
    assert open_ledgers(shop) == []
    assert repeated_places(shop) == {}


def test_curated_tables_hold_as_many_rows_as_their_ledger_says(shop: Platform, planted: dict[str, Any]) -> None:
    for raw in ("orders", "order_lines", "payments", "web_events"):
        expected = planted["summary"]["totals"][f"raw.commerce.{raw}"]["curated"]
        assert rows(shop, f"curated.commerce.{raw}", "SELECT count(*) FROM {}") == [(expected,)]


def test_daily_revenue_is_what_the_generator_sold(shop: Platform, planted: dict[str, Any]) -> None:
    columns = "order_date::VARCHAR, currency, orders_count, cancelled_orders_count, gross_amount, line_amount"
    found = rows(shop, "served.commerce.daily_revenue", f"SELECT {columns} FROM {{}} ORDER BY ALL")
    expected = [
        (
            line["order_date"],
            line["currency"],
            line["orders_count"],
            line["cancelled_orders_count"],
            Decimal(line["gross_amount"]),
            Decimal(line["line_amount"]),
        )
        for line in planted["daily_revenue"]
    ]
    assert found == sorted(expected)


def test_the_reconciliation_lists_exactly_the_planted_differences(shop: Platform, planted: dict[str, Any]) -> None:
    columns = "order_id, currency, status, billed_amount, paid_amount, difference"
    sql = f"SELECT {columns} FROM {{}} WHERE status <> 'settled' ORDER BY ALL"
    found = rows(shop, "served.commerce.billing_reconciliation", sql)
    expected = [
        (
            line["order_id"],
            line["currency"],
            line["status"],
            Decimal(line["billed"]),
            Decimal(line["paid"]),
            Decimal(line["billed"]) - Decimal(line["paid"]),
        )
        for line in planted["differences"]
    ]
    assert found == sorted(expected)
    total = rows(shop, "served.commerce.billing_reconciliation", "SELECT count(*) FROM {}")
    assert total == [(planted["reconciled_orders"],)]
    settled = "SELECT coalesce(sum(difference), 0) FROM {} WHERE status = 'settled'"
    assert rows(shop, "served.commerce.billing_reconciliation", settled) == [(Decimal(0),)]


def test_walking_again_over_the_same_files_writes_nothing(shop: Platform) -> None:
    assert walk(shop) == []


def _fates(totals: dict[str, int]) -> Counter[str]:
    """The fates of rows that raw holds."""
    return Counter({k: v for k, v in totals.items() if k not in ("source_rows", "rejected", "skipped")})


def _defects(planted: dict[str, Any], raw: str, fate: str) -> dict[tuple[str, str], int]:
    found: Counter[tuple[str, str]] = Counter()
    for defect in planted["defects"]:
        if defect["dataset"] == raw and defect["fate"] == fate:
            found[(defect["file"].split("/")[1], defect["reason"])] += defect["rows"]
    return dict(found)
