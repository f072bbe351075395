"""Real data the whole way: every expected number is computed by pandas straight from the shop's files."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import data_platform_tests
from data_platform.wiring.platform import Platform
from data_platform_tests.end_to_end.walking import at, fates, open_ledgers, repeated_places, rows, walk

DOMAINS = Path(data_platform_tests.__file__).parent / "domains"
FILES = Path(data_platform_tests.__file__).parents[2] / "shared" / "data" / "online_retail"
KEY = ["invoice_no", "stock_code", "description", "quantity", "invoiced_at", "unit_price", "customer_id", "country"]

pytestmark = pytest.mark.skipif(not FILES.is_dir(), reason=f"needs the Online Retail files in {FILES}")


@pytest.fixture(scope="module")
def source_lines() -> pd.DataFrame:
    """All lines as the files have them, texts as written."""
    files = sorted(FILES.glob("*.csv"))
    return pd.concat([pd.read_csv(file, dtype=str, keep_default_na=False) for file in files], ignore_index=True)


@pytest.fixture(scope="module")
def lines(source_lines: pd.DataFrame) -> pd.DataFrame:
    """The lines as the contract of curated.retail.invoice_lines describes them, exact repeats removed."""
    raw = source_lines
    local = pd.to_datetime(raw["InvoiceDate"]).dt.tz_localize("Europe/London")
    frame = pd.DataFrame(
        {
            "invoice_no": raw["InvoiceNo"],
            "stock_code": raw["StockCode"].str.strip().str.upper(),
            "description": raw["Description"].str.replace(r"\s+", " ", regex=True).str.strip(),
            "quantity": raw["Quantity"].astype(int),
            "invoiced_at": local,
            "unit_price": raw["UnitPrice"].map(lambda text: Decimal(text).quantize(Decimal("0.01"))),
            "customer_id": raw["CustomerID"].str.removesuffix(".0"),
            "country": raw["Country"],
            "day": local.dt.strftime("%Y-%m-%d"),
        }
    )
    frame = frame.drop_duplicates(KEY)
    frame["amount"] = frame["quantity"] * frame["unit_price"]
    frame["is_cancellation"] = frame["invoice_no"].str.startswith("C")
    return frame


@pytest.fixture(scope="module")
def retail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with at(tmp_path_factory.mktemp("retail") / "home", FILES, DOMAINS) as platform:
        walk(platform)
        yield platform


def test_every_line_of_every_file_is_raw(retail: Platform, source_lines: pd.DataFrame) -> None:
    (batch,) = retail.metastore.batches.of("raw.retail.online_retail_lines")
    assert (batch.source_rows, batch.raw_rows, batch.rejected_rows) == (len(source_lines), len(source_lines), 0)
    found = retail.metastore.batches.files("raw.retail.online_retail_lines", batch_id=batch.batch_id)
    counted = {file.name: len(pd.read_csv(file, dtype=str)) for file in FILES.glob("*.csv")}
    assert {line.name: line.source_rows for line in found} == counted


def test_repeats_are_duplicates_and_nothing_is_lost(
    retail: Platform, source_lines: pd.DataFrame, lines: pd.DataFrame
) -> None:
    repeats = len(source_lines) - len(lines)
    assert repeats >= source_lines.duplicated().sum()
    assert fates(retail, "curated.retail.invoice_lines") == {"curated": len(lines), "duplicate": repeats}
    assert open_ledgers(retail) == []
    assert repeated_places(retail) == {}


def test_lines_without_a_customer_and_cancellations_are_kept(retail: Platform, lines: pd.DataFrame) -> None:
    sql = """SELECT count(*) FILTER (customer_id IS NULL), count(*) FILTER (is_cancellation),
             count(DISTINCT invoice_no) FILTER (is_cancellation), count(*) FILTER (unit_price = 0), sum(line_amount)
             FROM {}"""
    cancelled = lines[lines["is_cancellation"]]
    assert rows(retail, "curated.retail.invoice_lines", sql) == [
        (
            int((lines["customer_id"] == "").sum()),
            len(cancelled),
            cancelled["invoice_no"].nunique(),
            int((lines["unit_price"] == 0).sum()),
            sum(lines["amount"], Decimal(0)),
        )
    ]


def test_daily_sales_are_those_of_each_local_day(retail: Platform, lines: pd.DataFrame) -> None:
    columns = """invoice_date::VARCHAR, invoices_count, cancellations_count, lines_count,
                 lines_without_customer_count, sales_amount, cancelled_amount, net_amount"""
    found = rows(retail, "served.retail.daily_sales", f"SELECT {columns} FROM {{}} ORDER BY ALL")
    expected: list[tuple[Any, ...]] = []
    for day, group in lines.groupby("day"):
        sold, back = group[~group["is_cancellation"]], group[group["is_cancellation"]]
        sales, cancelled = sum(sold["amount"], Decimal(0)), sum(back["amount"], Decimal(0))
        invoices = (sold["invoice_no"].nunique(), back["invoice_no"].nunique())
        nobody = int((group["customer_id"] == "").sum())
        expected.append((day, *invoices, len(group), nobody, sales, cancelled, sales + cancelled))
    assert found == expected
    assert [row[0] for row in found] == sorted(file.stem for file in FILES.glob("*.csv"))  # days without trade: no row


def test_customers_have_what_they_bought_and_took_back(retail: Platform, lines: pd.DataFrame) -> None:
    columns = """customer_id, invoices_count, cancellations_count, sales_amount, cancelled_amount, net_amount,
                 first_invoice_date::VARCHAR, last_invoice_date::VARCHAR"""
    found = rows(retail, "served.retail.customer_totals", f"SELECT {columns} FROM {{}} ORDER BY ALL")
    expected = []
    for customer, group in lines[lines["customer_id"] != ""].groupby("customer_id"):
        sold, back = group[~group["is_cancellation"]], group[group["is_cancellation"]]
        sales, cancelled = sum(sold["amount"], Decimal(0)), sum(back["amount"], Decimal(0))
        invoices = (sold["invoice_no"].nunique(), back["invoice_no"].nunique())
        days = (group["day"].min(), group["day"].max())
        expected.append((customer, *invoices, sales, cancelled, sales + cancelled, *days))
    assert found == expected


def test_every_cancelled_line_is_listed_once(retail: Platform, lines: pd.DataFrame) -> None:
    back = lines[lines["is_cancellation"]]
    total = rows(
        retail, "served.retail.cancellations", "SELECT sum(lines_count), sum(cancelled_amount * lines_count) FROM {}"
    )
    assert total == [(len(back), sum(back["amount"], Decimal(0)))]
    same = ["invoice_no", "stock_code", "quantity", "unit_price", "invoiced_at"]
    assert rows(retail, "served.retail.cancellations", "SELECT count(*) FROM {}") == [
        (len(back.drop_duplicates(same)),)
    ]
    sold_before = 0
    sales = lines[~lines["is_cancellation"] & (lines["customer_id"] != "")]
    for _, line in back.drop_duplicates(same).iterrows():
        match = (sales["customer_id"] == line["customer_id"]) & (sales["stock_code"] == line["stock_code"])
        sold_before += bool((match & (sales["invoiced_at"] <= line["invoiced_at"])).any())
    assert rows(retail, "served.retail.cancellations", "SELECT count(sold_at) FROM {}") == [(sold_before,)]


def test_walking_again_writes_nothing(retail: Platform) -> None:
    assert walk(retail) == []
