"""The orders of these tests: one raw dataset with an event time, admitted by day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from data_platform_tests.kit import Kit, csv_text

RAW = ("order_id string required", "ordered_at timestamp required", "amount decimal(12,2)", "note string internal")
CURATED = (
    "order_id string key pattern=^[A-Z\u00e9]+[0-9]+$",
    "ordered_at timestamp required",
    "day date required partition",
    "amount decimal(12,2) required min=0 max=1000",
    "note string internal",
)
SQL = """SELECT order_id, ordered_at, CAST(ordered_at AT TIME ZONE 'UTC' AS DATE) AS day, amount, note
FROM raw.shop.orders
"""
FIELDS = ("order_id", "ordered_at", "amount", "note")


def orders(
    kit: Kit,
    *,
    raw: Iterable[str] = RAW,
    columns: Iterable[str] = CURATED,
    sql: str = SQL,
    raw_custom: dict[str, Any] | None = None,
    **custom: Any,
) -> Kit:
    """Writes the two contracts; event times before 2020 or a day ahead are out of range."""
    of_raw = {
        "watermark": "ordered_at",
        "allowed_lateness": "PT1H",
        "event_time_range": {"not_before": "2020-01-01", "max_ahead": "P1D"},
    } | (raw_custom or {})
    kit.raw("orders", raw, **{key: value for key, value in of_raw.items() if value is not None})
    of_curated: dict[str, Any] = {"materialization": "admit", "dedupe_key": ["order_id"], "sequence": ["ordered_at"]}
    of_curated |= custom
    kit.curated("orders", columns, sql, **{key: value for key, value in of_curated.items() if value is not None})
    return kit


def deliver(kit: Kit, name: str, *rows: Sequence[object]) -> None:
    """Drops one file of orders and ingests it."""
    kit.drop(f"orders/{name}", csv_text(FIELDS, rows))
    kit.ingest("orders")
