"""Orders that become totals, for tests of traces."""

from __future__ import annotations

from data_platform_tests.kit import Kit, csv_text

COLUMNS = ("order_id string key", "day date required", "amount int min=0")
FIELDS = ("order_id", "day", "amount")


def shop(kit: Kit) -> Kit:
    kit.raw("orders", COLUMNS)
    kit.curated(
        "orders",
        COLUMNS,
        "SELECT order_id, day, amount FROM raw.shop.orders",
        materialization="admit",
        dedupe_key=["order_id"],
    )
    kit.served(
        "by_day",
        ("day date key", "amount int required max=1000"),
        "SELECT day, CAST(sum(amount) AS BIGINT) AS amount FROM curated.shop.orders GROUP BY day",
        materialization="table",
    )
    return kit


def deliver(kit: Kit, number: int, *, rows: int = 3, amount: int = 1) -> None:
    """A file of orders of one day."""
    lines = [(f"{number}-{row}", f"2026-03-{number:02d}", amount) for row in range(rows)]
    kit.drop(f"orders/{number}.csv", csv_text(FIELDS, lines))
