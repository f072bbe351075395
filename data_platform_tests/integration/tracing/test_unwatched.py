"""The platform that the benchmark of watching measures against does the same work, and leaves no trace of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from data_platform.benchmarks.unwatched import unwatched
from data_platform_tests.kit import Kit, csv_text

RAW = ["id string required", "at timestamp required"]
CURATED = ["id string required key", "at timestamp required", "day date required partition"]
SQL = "SELECT id, at, CAST(at AT TIME ZONE 'UTC' AS DATE) AS day FROM raw.shop.orders"
LINES = [("a", "2026-03-19T10:00:00Z"), ("b", "2026-03-19T11:00:00Z"), ("b", "2026-03-19T11:00:00Z")]


@pytest.mark.parametrize("is_watched", [True, False])
def test_an_unwatched_run_publishes_the_same_and_is_neither_metered_nor_traced(
    tmp_path: Path, *, is_watched: bool
) -> None:
    kit = Kit(tmp_path)
    kit.raw("orders", RAW, watermark="at")
    kit.curated("orders", CURATED, SQL, materialization="admit")
    kit.drop("orders/a.csv", csv_text(["id", "at"], LINES))
    if not is_watched:
        unwatched(kit.platform)
    kit.ingest("orders")
    kit.materialize("curated.orders")
    store, day = kit.platform.metastore.operations, date(2026, 3, 20)
    kit.platform.meter.close()
    kit.platform.tracer.close()
    runs = kit.platform.metastore.runs.recent(dataset="curated.shop.orders")
    traces = [span for run in runs for span in store.spans.of_run(run.run_id)]
    assert kit.ledger("curated.orders") == {"2026-03-19": {"raw": 3, "curated": 2, "duplicate": 1}}
    assert bool(traces) is is_watched
    assert bool(store.run_meters.totals(day, day)) is is_watched
    kit.close()
