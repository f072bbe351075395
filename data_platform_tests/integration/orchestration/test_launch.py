"""The whole way through Dagster from Python, as `data-platform demo` and `run` take it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from data_platform.contracts.model import DatasetName
from data_platform.orchestration.instance import open_instance
from data_platform.orchestration.launch import RunSummary, StepEvent, run_all
from data_platform_tests.integration.orchestration.shop import drop, shop
from data_platform_tests.kit import Kit

MADE = ["raw.shop.orders", "curated.shop.orders", "served.shop.revenue", "served.shop.totals", "warehouse.served"]


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    monkeypatch.chdir(tmp_path)
    one = shop(Kit(tmp_path))
    yield one
    one.close()


def launch(kit: Kit, *select: str) -> tuple[RunSummary, list[StepEvent]]:
    events: list[StepEvent] = []
    names = [DatasetName.parse(name) for name in select] or None
    return run_all(kit.platform.settings, select=names, report=events.append), events


def test_everything_is_made_in_few_runs_and_then_nothing(kit: Kit) -> None:
    drop(kit, "a.csv", ("A1", "2026-03-01", "10"), ("A2", "2026-03-02", "20"))
    summary, events = launch(kit)
    assert list(summary.succeeded) == MADE
    assert (summary.failed, summary.skipped, summary.current) == ((), (), ())
    assert len(summary.run_ids) == 3, "raw; everything that reads it; the warehouse"
    assert [e.dataset for e in events if e.state == "started"] == MADE
    assert kit.rows("served.totals") == [{"orders": 2}]
    again, events = launch(kit)
    assert (again.succeeded, again.run_ids) == ((), ())
    assert {(e.state, e.message) for e in events} == {("skipped", "current")}


def test_one_more_day_makes_only_what_that_day_touches(kit: Kit) -> None:
    drop(kit, "a.csv", ("A1", "2026-03-01", "10"), ("A2", "2026-03-02", "20"))
    launch(kit)
    drop(kit, "b.csv", ("A3", "2026-03-04", "30"))
    launch(kit)
    with open_instance(kit.platform.settings) as instance:
        events = instance.fetch_materializations(dg.AssetKey(["curated", "shop", "orders"]), limit=100).records
    assert [e.partition_key for e in reversed(events)] == ["2026-03-01", "2026-03-02", "2026-03-04"]


def test_a_blocked_dataset_stops_neither_unrelated_ones_nor_the_warehouse(kit: Kit) -> None:
    drop(kit, "a.csv", ("A1", "2026-03-01", "-10"))
    summary, _ = launch(kit)
    assert summary.failed == ("served.shop.revenue",)
    assert set(summary.succeeded) == set(MADE) - {"served.shop.revenue"}
    assert kit.rows("served.totals") == [{"orders": 1}]


def test_only_what_is_selected_is_made(kit: Kit) -> None:
    drop(kit, "a.csv", ("A1", "2026-03-01", "10"))
    summary, _ = launch(kit, "raw.shop.orders", "curated.shop.orders")
    assert summary.succeeded == ("raw.shop.orders", "curated.shop.orders")


def test_raw_that_was_ingested_elsewhere_is_told_to_dagster(kit: Kit) -> None:
    drop(kit, "a.csv", ("A1", "2026-03-01", "10"))
    kit.ingest("orders")
    summary, _ = launch(kit)
    assert "raw.shop.orders" in summary.succeeded


def test_the_projects_own_instance_shows_the_runs(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    # As in the project's folder: relative places, and a program that was started below it.
    (kit.folder / "workspace.yaml").write_text("load_from: []\n")
    (kit.folder / "dagster.yaml").write_text(
        "storage: {sqlite: {base_dir: state/dagster}}\ntelemetry: {enabled: false}\n"
    )
    (kit.folder / "below").mkdir()
    monkeypatch.chdir(kit.folder / "below")
    drop(kit, "a.csv", ("A1", "2026-03-01", "10"))
    summary, _ = launch(kit)
    monkeypatch.chdir(kit.folder)
    monkeypatch.setenv("DAGSTER_HOME", str(kit.folder))
    with dg.DagsterInstance.get() as instance:
        assert {run.run_id for run in instance.get_runs()} == set(summary.run_ids)
        assert instance.get_materialized_partitions(dg.AssetKey(["curated", "shop", "orders"])) == {"2026-03-01"}
        [record] = instance.fetch_materializations(dg.AssetKey(["warehouse", "served"]), limit=10).records
    assert record.run_id == summary.run_ids[-1]
