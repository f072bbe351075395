"""The platform that the benchmark of watching measures against does the same work, and leaves no trace of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from data_platform.benchmarks.unwatched import unwatched
from data_platform.benchmarks.watching import measure_watching
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


def test_the_benchmark_measures_pairs_and_prints_nothing_where_its_figures_go(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    found = measure_watching(tmp_path, rows=500, pairs=1, steps=2, report=said.append)
    lower, middle, upper = found.added_cpu_seconds
    assert lower <= middle <= upper
    assert found.step_cpu_seconds > 0
    assert len(found.whole_way.ours) == len(found.whole_way.theirs) == 1
    assert said == ["2 pairs of steps", "pair 1 of 1"]
    assert capsys.readouterr().out == ""
