"""The generator against plain readings of its files: nothing here uses the platform's readers or rules."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from decimal import Decimal

import pytest

from data_platform.samples.generator import generate
from data_platform.samples.late_drop import deliver_late_drop
from data_platform.samples.planted import Drop

DATASETS = ("customers", "products", "orders", "order_lines", "payments", "web_events")


def digests(folder):
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_equal_seeds_write_equal_files(tmp_path):
    generate(tmp_path / "one", scale=0.3, seed=3, days=7)
    generate(tmp_path / "two", scale=0.3, seed=3, days=7)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_another_seed_writes_other_files(tmp_path):
    generate(tmp_path / "one", scale=0.3, seed=3, days=3)
    generate(tmp_path / "two", scale=0.3, seed=4, days=3)
    one, two = digests(tmp_path / "one"), digests(tmp_path / "two")
    assert one.keys() == two.keys()
    assert all(one[name] != two[name] for name in one)


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_row_meets_the_fate_that_was_planted(dataset, planted, shop):
    expected = planted.totals(f"raw.commerce.{dataset}")
    expected.pop("skipped", None)
    found = {fate: rows for fate, rows in shop.readings[dataset].fates.items() if rows}
    assert found == expected


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_planted_reason_is_found_as_often_as_planted(dataset, planted, shop):
    expected = Counter()
    for defect in planted.defects:
        if defect.dataset == f"raw.commerce.{dataset}" and defect.reason:
            expected[defect.reason] += defect.rows
    assert dict(shop.readings[dataset].reasons) == dict(expected)


@pytest.mark.parametrize("dataset", DATASETS)
def test_source_rows_are_the_sum_of_all_fates(dataset, planted):
    totals = planted.totals(f"raw.commerce.{dataset}")
    skipped = totals.pop("skipped", 0)
    assert skipped == (
        0
        if dataset != "orders"
        else next(record.source_rows for record in planted.files if record.file.endswith("resend.csv"))
    )
    assert totals.pop("source_rows") == sum(totals.values())


def test_every_kind_of_defect_is_planted_at_least_three_times(planted):
    kinds = Counter()
    for defect in planted.defects:
        kinds[(defect.dataset, defect.kind)] += defect.rows
    assert len(kinds) == 31
    assert min(kinds.values()) >= 3


def test_order_totals_are_the_sums_of_their_lines_unless_a_line_was_spoiled(shop, planted):
    sums = Counter()
    for line in shop.lines:
        sums[line["order_id"]] += line["line_amount"]
    uneven = [o for o in shop.orders if o["total_amount"] != sums[o["order_id"]]]
    spoiled = shop.lines_read.fates["quarantined"] + shop.lines_read.fates["rejected"]
    assert 0 < len(uneven) <= spoiled


def test_daily_revenue_is_that_of_the_admitted_orders(shop, planted):
    gross = Counter()
    for order in shop.orders:
        if order["status"] != "cancelled":
            gross[(str(order["ordered_at"].date()), order["currency"])] += order["total_amount"]
    expected = {(row.order_date, row.currency): row.gross_amount for row in planted.daily_revenue if row.gross_amount}
    assert gross == expected


def test_reconciliation_differences_are_those_of_the_admitted_orders_and_payments(shop, planted):
    open_amounts = Counter()
    for order in shop.orders:
        billed = Decimal(0) if order["status"] == "cancelled" else order["total_amount"]
        open_amounts[order["order_id"], order["currency"]] += billed
    for payment in shop.payments:
        sign = 1 if payment["kind"] == "capture" else -1
        open_amounts[payment["order_id"], payment["currency"]] -= sign * payment["amount"]
    found = {key: amount for key, amount in open_amounts.items() if amount}
    assert found == {(d.order_id, d.currency): d.amount for d in planted.differences if d.amount}
    assert len(open_amounts) == planted.reconciled_orders
    assert Counter(d.status for d in planted.differences)["overpaid"] >= planted.facts["payment_too_high"]


def test_a_resent_file_and_an_unchanged_snapshot_repeat_their_bytes(folder, planted):
    orders = folder / "orders"
    assert (orders / "orders_2026-03-05.csv").read_bytes() == (orders / "orders_2026-03-05_resend.csv").read_bytes()
    customers = folder / "customers"
    assert (customers / "customers_2026-03-05.csv").read_bytes() == (
        customers / "customers_2026-03-06.csv"
    ).read_bytes()


def test_late_events_come_only_with_the_second_drop(planted):
    assert "late" not in planted.totals("raw.commerce.web_events", Drop.MAIN)
    assert planted.totals("raw.commerce.web_events", Drop.LATE) == {"curated": 16, "late": 20, "source_rows": 36}


def test_the_late_drop_is_delivered_where_the_first_files_lie(tmp_path):
    generate(tmp_path, scale=0.3, days=2)
    (delivered,) = deliver_late_drop(tmp_path)
    assert delivered == tmp_path / "web_events" / "web_events_2026-03-03.ndjson"
    assert delivered.read_bytes() == (tmp_path / "web_events_late" / delivered.name).read_bytes()


def test_the_record_is_written_beside_the_files(folder, planted):
    written = json.loads((folder / "planted.json").read_text(encoding="utf-8"))
    assert written["summary"]["totals"]["raw.commerce.orders"] == planted.totals("raw.commerce.orders")
    assert {record["file"] for record in written["files"]} == {
        str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name != "planted.json"
    }


def test_more_dirt_plants_more_of_it(tmp_path, planted):
    dirtier = generate(tmp_path, scale=0.5, seed=11, dirt=2)
    once, twice = planted.totals("raw.commerce.orders"), dirtier.totals("raw.commerce.orders")
    assert twice["quarantined"] == 2 * once["quarantined"]
    assert twice["rejected"] == 2 * once["rejected"]
