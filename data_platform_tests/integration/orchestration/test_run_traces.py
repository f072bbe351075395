"""One trace over batch, run, steps, checks and publish, whoever launched the run and in however many processes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from data_platform.contracts.days import DayRange
from data_platform.metastore.spans import SpanEntry
from data_platform.observability.logs.reading import Wanted, find_lines
from data_platform.observability.tracing.context import TraceContext, run_span_id, trace_id_of
from data_platform.observability.tracing.finding import trace_id_of_batch
from data_platform.orchestration.build import definitions_of
from data_platform.orchestration.launch import run_all
from data_platform.orchestration.location import asset_key, load_location
from data_platform.orchestration.requests import stale_requests
from data_platform.orchestration.run_lineage import run_sensors
from data_platform_tests.integration.orchestration.shop import Shop, drop, opened, shop
from data_platform_tests.kit import Kit, dataset

DAY = DayRange.of(date(2026, 3, 1), date(2026, 3, 1))
MADE = ("curated.shop.orders", "served.shop.revenue", "served.shop.totals")


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    monkeypatch.chdir(tmp_path)
    one = shop(Kit(tmp_path))
    yield one
    one.close()


def spans(kit: Kit, trace_id: str) -> tuple[SpanEntry, ...]:
    kit.platform.tracer.close()
    return kit.platform.metastore.operations.spans.of_trace(trace_id)


def roots(found: tuple[SpanEntry, ...]) -> list[str]:
    ids = {one.span_id for one in found}
    return [one.name for one in found if one.parent_id not in ids]


def test_a_launch_is_one_trace_from_the_batch_to_the_warehouse_file(kit: Kit) -> None:
    drop(kit, "a.csv", ("A1", "2026-03-01", "10"))
    summary = run_all(kit.platform.settings)
    trace_id = trace_id_of_batch(kit.platform.metastore, "raw.shop.orders", "orders/1")
    found = spans(kit, trace_id)
    assert roots(found) == ["run"]
    assert [one.run_id for one in found if one.name == "run"] == list(summary.run_ids)
    assert {one.span_id for one in found if one.name == "run"} == {run_span_id(run_id) for run_id in summary.run_ids}
    names = {one.name for one in found}
    assert names >= {"run", "step", "batch", "poll", "land", "commit", "compute", "checks", "publish", "warehouse"}
    assert {one.dataset for one in found if one.name == "step"} == {"raw.shop.orders", *MADE}
    by_id = {one.span_id: one for one in found}
    made = summary.run_ids[1]
    assert all(by_id[one.parent_id].run_id == made for one in found if one.name == "step" and one.dataset in MADE)
    told = [json.loads(entry.payload) for entry in kit.platform.metastore.outbox.after(0, limit=1_000)]
    facets = [event["run"]["facets"] for event in told if "run" in event]
    assert {facet["dataPlatform_trace"]["traceId"] for facet in facets} == {trace_id}


def test_a_green_launch_writes_no_error_and_every_line_of_it_says_what_it_is_about(kit: Kit) -> None:
    drop(kit, "a.csv", ("A1", "2026-03-01", "10"))
    summary = run_all(kit.platform.settings)
    lines = [line for line in find_lines(kit.platform.settings.home, Wanted()) if line.run_id]
    assert [line for line in lines if line.level in ("error", "critical")] == []
    assert {line.run_id for line in lines} == set(summary.run_ids)
    assert all(line.trace_id and line.code_version for line in lines)
    about_datasets = [line for line in lines if not line.event.startswith("a run ")]
    assert {line.asset for line in about_datasets} == {"raw.shop.orders", *MADE}


def test_what_a_sensor_asks_for_goes_on_from_the_newest_batch(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    with opened(kit) as one:
        for number in (1, 2):
            drop(kit, f"{number}.csv", (f"A{number}", "2026-03-01", "10"))
            kit.ingest("orders")
        own = [trace_id_of_batch(kit.platform.metastore, "raw.shop.orders", f"orders/{n}") for n in (1, 2)]
        (request, *_) = stale_requests(one.location, kit.platform)
        assert trace_id_of(request.tags["traceparent"]) == own[1]
        run = _executed(one, request)
        found = spans(kit, own[1])
        step = next(span for span in found if span.name == "step" and span.dataset == "curated.shop.orders")
        assert step.parent_id == run_span_id(run.run_id)
        assert [trace_id_of(link) for link in step.links] == [own[0]]
        _tell(kit, one.instance, run, "run_completed")
        assert roots(spans(kit, own[1])) == ["batch"]
        whole = next(span for span in spans(kit, own[1]) if span.name == "run")
        assert (whole.run_id, whole.status) == (run.run_id, "ok")
        assert whole.started_at < whole.ended_at
    kit.close()


def test_a_run_that_died_leaves_its_span_though_nothing_is_sampled(tmp_path: Path) -> None:
    kit = Kit(tmp_path, settings={"trace_sampling": 0.0})
    with opened(kit) as one:
        drop(kit, "a.csv", ("A1", "2026-03-01", "10"))
        kit.ingest("orders")
        run = one.run("curated.orders", days=DAY).dagster_run
        trace_id = TraceContext.of_run(run.run_id).trace_id
        assert spans(kit, trace_id) == ()
        _tell(kit, one.instance, run, "run_failed")
        assert [(span.name, span.status) for span in spans(kit, trace_id)] == [("run", "error")]
    kit.close()


def test_a_blocked_step_is_kept_though_nothing_is_sampled(tmp_path: Path) -> None:
    kit = Kit(tmp_path, settings={"trace_sampling": 0.0})
    with opened(kit) as one:
        drop(kit, "a.csv", ("A1", "2026-03-01", "-10"))
        kit.ingest("orders")
        run_all(kit.platform.settings)
        failed = next(run for run in kit.platform.metastore.runs.recent() if run.dataset == "served.shop.revenue")
        found = spans(kit, trace_id_of(failed.traceparent))
        assert {span.name for span in found if span.status == "error"} >= {"checks", "step", "run"}
        assert one.instance is not None
    kit.close()


def _executed(one: Shop, request: Any) -> dg.DagsterRun:
    definitions = definitions_of(one.location, platform=one.kit.platform, progress=one.told)
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=one.instance, asset_selection=request.asset_selection, tags=request.tags, raise_on_error=False
    )
    assert result.success
    assert asset_key(dataset("curated.orders")) in request.asset_selection
    return result.dagster_run


def _tell(kit: Kit, instance: dg.DagsterInstance, run: dg.DagsterRun, sensor: str) -> None:
    found = {one.name: one for one in run_sensors(load_location(kit.platform.settings))}[sensor]
    event = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_SUCCESS)[0].dagster_event
    assert event is not None
    for _ in range(2):  # the second time changes nothing
        with dg.build_run_status_sensor_context(
            sensor_name=sensor, dagster_instance=instance, dagster_run=run, dagster_event=event
        ) as context:
            found(context)
