"""The retail domain's SQL on a few lines written by hand, and on the real December where it is at hand."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from data_platform.transforms.lint import lint_dataset
from data_platform_tests.unit.domains.warehouse import Warehouse, sound_project

TESTS = Path(__file__).parents[2]
REAL = TESTS.parents[1] / "shared" / "data" / "online_retail"
SERVED = ("daily_sales", "customer_totals", "cancellations")
RAW = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")


@pytest.fixture(scope="module")
def project():
    return sound_project(TESTS / "domains")


def loaded(project, lines):
    house = Warehouse(project, "retail")
    house.fill("raw.retail.online_retail_lines", [dict(zip(RAW, line, strict=True)) for line in lines])
    house.compute("curated.retail.invoice_lines")
    house.con.execute(
        "CREATE OR REPLACE TABLE curated.retail.invoice_lines AS SELECT DISTINCT * FROM curated.retail.invoice_lines"
    )
    for name in SERVED:
        house.compute(f"served.retail.{name}")
    return house


@pytest.fixture(scope="module")
def small(project):
    def at(day, hour):
        return datetime(2010, 12, day, hour, tzinfo=UTC)

    sale = ("536365", "85123a", ' WHITE  "T-LIGHT" HOLDER ', 6, at(1, 8), Decimal("2.55"), "17850.0", "United Kingdom")
    return loaded(
        project,
        [
            sale,
            sale,
            ("536366", "POST", None, 1, at(1, 9), Decimal("18.00"), None, " France "),
            ("C536367", "85123A", 'WHITE "T-LIGHT" HOLDER', -2, at(3, 7), Decimal("2.55"), "17850.0", "United Kingdom"),
            ("536368", "22139", "", -5, at(3, 8), Decimal("0.00"), None, "United Kingdom"),
        ],
    )


def test_no_query_has_a_fault(project):
    assert [fault for dataset in project.datasets.values() for fault in lint_dataset(project, dataset)] == []


def test_texts_and_numbers_are_cleaned_and_exact_repeats_meet(small):
    rows = {row["invoice_no"]: row for row in small.rows("curated.retail.invoice_lines")}
    assert len(rows) == 4
    first = rows["536365"]
    assert (first["stock_code"], first["description"]) == ("85123A", 'WHITE "T-LIGHT" HOLDER')
    assert (first["customer_id"], first["line_amount"]) == ("17850", Decimal("15.30"))
    assert (rows["536366"]["country"], rows["536366"]["customer_id"]) == ("France", None)
    assert rows["536368"]["description"] is None
    assert [n for n, row in rows.items() if row["is_cancellation"]] == ["C536367"]


def test_cancellations_lower_the_day_and_find_their_sale(small):
    days = {row["invoice_date"]: row for row in small.rows("served.retail.daily_sales")}
    assert days.keys() == {date(2010, 12, 1), date(2010, 12, 3)}
    assert days[date(2010, 12, 1)]["net_amount"] == Decimal("33.30")
    assert days[date(2010, 12, 3)]["net_amount"] == Decimal("-5.10")
    (cancelled,) = small.rows("served.retail.cancellations")
    assert (cancelled["days_since_sale"], cancelled["cancelled_amount"]) == (1, Decimal("-5.10"))
    (customer,) = small.rows("served.retail.customer_totals")
    assert (customer["sales_amount"], customer["net_amount"]) == (Decimal("15.30"), Decimal("10.20"))


@pytest.fixture(scope="module")
def december():
    if not REAL.is_dir():
        pytest.skip(f"the real data is not at {REAL}")
    lines = []
    for path in sorted(REAL.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            records = csv.reader(file)
            next(records)
            for no, code, text, quantity, moment, price, customer, country in records:
                at = datetime.fromisoformat(moment).replace(tzinfo=UTC)  # London is on UTC in December
                lines.append((no, code, text or None, int(quantity), at, Decimal(price), customer or None, country))
    return lines


def test_the_real_december_adds_up(project, december):
    house = loaded(project, december)
    assert len(december) == 42_481
    assert house.value("SELECT count(*) FROM curated.retail.invoice_lines") == 42_481 - 500
    net = Counter()
    for _, _, _, quantity, moment, price, _, _ in set(december):
        net[moment.date()] += quantity * price
    assert {r["invoice_date"]: r["net_amount"] for r in house.rows("served.retail.daily_sales")} == net
    assert len(net) == 20
    known = {line[6] for line in december if line[6]}
    assert house.value("SELECT count(*) FROM served.retail.customer_totals") == len(known)
    cancelled = sum(1 for line in set(december) if line[0].startswith("C"))
    assert house.value("SELECT sum(lines_count) FROM served.retail.cancellations") == cancelled
    for name in ("curated.retail.invoice_lines", "served.retail.daily_sales", "served.retail.cancellations"):
        assert not any(house.row_rules_broken(name).values())
