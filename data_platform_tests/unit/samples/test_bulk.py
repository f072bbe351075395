"""Clean files in bulk: the same folders and columns as the dirty ones, and books that close."""

from __future__ import annotations

from collections import Counter

import pytest

from data_platform.samples.generator import generate
from data_platform_tests.unit.samples.plain_reading import Shop


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clean")
    planted = generate(folder, scale=0.5, seed=5, dirt=0, days=3)
    (folder / "web_events_late").mkdir()
    return planted, Shop(folder), folder


def test_no_clean_row_is_held_back(clean):
    planted, shop, _ = clean
    for name, reading in shop.readings.items():
        found = {fate: rows for fate, rows in reading.fates.items() if rows}
        assert found == planted.totals(f"raw.commerce.{name}")
        assert not reading.reasons


def test_clean_orders_are_the_sums_of_their_lines_and_of_their_payments(clean):
    _, shop, _ = clean
    totals = Counter({order["order_id"]: order["total_amount"] for order in shop.orders})
    lines, paid = Counter(), Counter()
    for line in shop.lines:
        lines[line["order_id"]] += line["line_amount"]
    for payment in shop.payments:
        paid[payment["order_id"]] += payment["amount"]
    assert totals == lines == paid


def test_clean_revenue_is_known_in_advance(clean):
    planted, shop, _ = clean
    gross = Counter()
    for order in shop.orders:
        gross[(str(order["ordered_at"].date()), order["currency"])] += order["total_amount"]
    assert gross == {(row.order_date, row.currency): row.gross_amount for row in planted.daily_revenue}


def test_clean_files_have_the_columns_of_dirty_ones(clean, folder, planted):
    _, _, clean_folder = clean
    for dataset in ("customers", "products", "orders", "order_lines"):
        headers = {
            next(iter(sorted((root / dataset).glob("*.csv")))).read_text(encoding="utf-8").splitlines()[0]
            for root in (folder, clean_folder)
        }
        assert len(headers) == 1


def test_equal_seeds_write_equal_clean_files(clean, tmp_path):
    _, _, folder = clean
    generate(tmp_path, scale=0.5, seed=5, dirt=0, days=3)
    for path in folder.rglob("*.csv"):
        assert path.read_bytes() == (tmp_path / path.relative_to(folder)).read_bytes()
