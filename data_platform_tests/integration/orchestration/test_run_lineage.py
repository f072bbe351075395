"""Dagster's runs are the parents of what their steps do, and have a beginning and an end of their own in the lineage."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from data_platform.metastore.tables import RunState
from data_platform.orchestration.launch import run_all
from data_platform.orchestration.location import load_location
from data_platform.orchestration.run_lineage import lineage_job, run_sensors
from data_platform_tests.integration.orchestration.shop import drop, shop
from data_platform_tests.kit import Kit


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    monkeypatch.chdir(tmp_path)
    one = shop(Kit(tmp_path))
    yield one
    one.close()


def events(kit: Kit) -> list[dict[str, Any]]:
    found = [json.loads(entry.payload) for entry in kit.platform.metastore.outbox.after(0, limit=1_000)]
    return [event for event in found if "run" in event]


def test_every_step_names_the_run_that_it_is_part_of(kit: Kit) -> None:
    _ = kit.platform.lineage  # so that closing holds every event against the schemas
    drop(kit, "a.csv", ("A1", "2026-03-01", "10"))
    summary = run_all(kit.platform.settings)
    told = events(kit)
    own = [(e["eventType"], e["run"]["runId"]) for e in told if e["job"]["name"] == "run"]
    assert own == [(kind, run_id) for run_id in summary.run_ids for kind in ("START", "COMPLETE")]
    steps = [e for e in told if e["job"]["name"] != "run"]
    parents = {e["job"]["name"]: e["run"]["facets"]["parent"]["run"]["runId"] for e in steps}
    raw, made, warehouse = summary.run_ids
    assert parents == {
        "raw.shop.orders": raw,
        "curated.shop.orders": made,
        "served.shop.revenue": made,
        "served.shop.totals": made,
        "warehouse.served": warehouse,
    }


def test_a_run_with_a_failed_step_has_failed(kit: Kit) -> None:
    drop(kit, "a.csv", ("A1", "2026-03-01", "-10"))
    summary = run_all(kit.platform.settings)
    ended = {e["run"]["runId"]: e["eventType"] for e in events(kit) if e["job"]["name"] == "run"}
    assert summary.failed == ("served.shop.revenue",)
    assert "FAIL" in ended.values()


@pytest.mark.parametrize(
    ("sensor", "status", "kind"),
    [
        ("run_started", dg.DagsterRunStatus.STARTED, "START"),
        ("run_completed", dg.DagsterRunStatus.SUCCESS, "COMPLETE"),
        ("run_failed", dg.DagsterRunStatus.FAILURE, "FAIL"),
        ("run_canceled", dg.DagsterRunStatus.CANCELED, "ABORT"),
    ],
)
def test_a_run_under_a_daemon_is_told_by_sensors(kit: Kit, sensor: str, status: dg.DagsterRunStatus, kind: str) -> None:
    @dg.op
    def nothing() -> None: ...

    @dg.job(name="everything")
    def job() -> None:
        nothing()

    _ = kit.platform.lineage
    found = {one.name: one for one in run_sensors(load_location(kit.platform.settings))}[sensor]
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance)
        for _ in range(2):  # the second time changes nothing
            with dg.build_run_status_sensor_context(
                sensor_name=sensor,
                dagster_instance=instance,
                dagster_run=result.dagster_run,
                dagster_event=result.get_run_success_event(),
            ) as context:
                found(context)
    (event,) = events(kit)
    assert (event["eventType"], event["job"]["name"]) == (kind, "everything")
    assert event["run"]["runId"] == result.run_id
    assert (event["inputs"], event["outputs"]) == ([], [])


@pytest.mark.parametrize("is_started", [False, True])
def test_a_run_that_could_not_start_is_a_failed_run_of_its_datasets(kit: Kit, *, is_started: bool) -> None:
    location = load_location(kit.platform.settings)
    found = {one.name: one for one in run_sensors(location)}["run_failed"]
    chosen = frozenset(map(dg.AssetKey, (["raw", "shop", "orders"], ["curated", "shop", "orders"])))
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.add_run(dg.DagsterRun(job_name="__ASSET_JOB", run_id=str(uuid.uuid4()), asset_selection=chosen))
        if is_started:
            instance.report_dagster_event(dg.DagsterEvent("PIPELINE_START", run.job_name), run.run_id)
        failed = instance.report_run_failed(run)
        for _ in range(2):  # the second time changes nothing
            with dg.build_run_status_sensor_context(
                sensor_name="run_failed", dagster_instance=instance, dagster_run=run, dagster_event=failed
            ) as context:
                found(context)
    lines = kit.platform.metastore.runs.of_run(run.run_id)
    assert [(line.dataset, line.state) for line in lines] == (
        [] if is_started else [("curated.shop.orders", RunState.FAILED)]
    )


def test_a_job_that_people_did_not_name_is_a_run() -> None:
    assert (lineage_job("__ASSET_JOB"), lineage_job("commerce_daily")) == ("run", "commerce_daily")
