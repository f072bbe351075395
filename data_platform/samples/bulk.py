"""The clean shop in bulk: millions of rows written by DuckDB, with the same schemas and folders as the dirty one.

What the rows are is in `clean_shop.sql`; defects need a row loop and are planted by `generator`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from importlib import resources
from pathlib import Path

import duckdb

from data_platform.samples.planted import Drop, Fate, FileRecord, Planted, Revenue

# dataset, suffix of its files, statement, fate of every row on the first day and on the others
_COPIES = (
    ("customers", "csv", "COPY (FROM customers) TO $path (FORMAT csv, HEADER)", Fate.APPLIED, Fate.UNCHANGED),
    ("products", "csv", "COPY (FROM products) TO $path (FORMAT csv, HEADER)", Fate.APPLIED, Fate.APPLIED),
    ("orders", "csv", "COPY (FROM orders) TO $path (FORMAT csv, HEADER)", Fate.CURATED, Fate.CURATED),
    ("order_lines", "csv", "COPY (FROM order_lines) TO $path (FORMAT csv, HEADER)", Fate.CURATED, Fate.CURATED),
    ("payments", "parquet", "COPY (FROM payments) TO $path (FORMAT parquet)", Fate.CURATED, Fate.CURATED),
    ("web_events", "ndjson", "COPY (FROM web_events) TO $path (FORMAT json)", Fate.CURATED, Fate.CURATED),
)


def generate_clean(out: Path, *, scale: float, seed: int, days: int, first_day: date) -> Planted:
    """Writes clean files for `days` days: per unit of scale and day about 70 orders and 1,200 rows in all."""
    files: list[FileRecord] = []
    revenue: list[Revenue] = []
    orders = max(20, round(70 * scale))
    with duckdb.connect() as con:
        _prepare(con, seed=seed, scale=scale, first_day=first_day, orders=orders)
        for index in range(days):
            day = first_day + timedelta(days=index)
            con.execute("SET VARIABLE day = CAST($day AS DATE)", {"day": day})
            files.extend(_write_day(con, out, day, is_first=index == 0))
            revenue.extend(_revenue(con))
    return Planted(
        seed=seed, scale=scale, first_day=first_day.isoformat(), days=days, daily_revenue=tuple(revenue),
        files=tuple(sorted(files, key=lambda record: (record.dataset, record.file))), reconciled_orders=orders * days,
    )  # fmt: skip


def _prepare(con: duckdb.DuckDBPyConnection, *, seed: int, scale: float, first_day: date, orders: int) -> None:
    con.execute("SET TimeZone = 'UTC'")
    sizes = {"customers": max(60, round(260 * scale)), "products": min(20_000, max(30, round(60 * scale)))}
    for name, value in {"seed": seed, "orders": orders, **sizes}.items():
        con.execute(f"SET VARIABLE {name} = CAST($value AS BIGINT)", {"value": value})
    con.execute("SET VARIABLE first_day = CAST($day AS DATE)", {"day": first_day})
    con.execute("SET VARIABLE day = CAST($day AS DATE)", {"day": first_day})
    con.execute(resources.files("data_platform.samples").joinpath("clean_shop.sql").read_text(encoding="utf-8"))


def _write_day(con: duckdb.DuckDBPyConnection, out: Path, day: date, *, is_first: bool) -> Iterator[FileRecord]:
    for dataset, suffix, statement, first_fate, later_fate in _COPIES:
        if dataset == "products" and not is_first:
            continue
        file = f"{dataset}/{dataset}_{day}.{suffix}"
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        written = con.execute(statement, {"path": str(out / file)}).fetchall()
        rows = int(written[0][0])
        fate = first_fate if is_first else later_fate
        yield FileRecord(dataset=f"raw.commerce.{dataset}", file=file, drop=Drop.MAIN, source_rows=rows,
                         fates={fate: rows})  # fmt: skip


def _revenue(con: duckdb.DuckDBPyConnection) -> Iterator[Revenue]:
    for day, currency, orders, cents in con.execute("FROM revenue").fetchall():
        amount = Decimal(cents).scaleb(-2)
        yield Revenue(order_date=day, currency=currency, orders_count=orders, cancelled_orders_count=0,
                      gross_amount=amount, line_amount=amount)  # fmt: skip
