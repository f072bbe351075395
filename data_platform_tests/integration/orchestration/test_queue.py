"""What the queue of runs is sampled as, with Dagster's own storage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from data_platform.metastore.breakers import BreakerEntry
from data_platform.metastore.incident_tables import BreakerState
from data_platform.metastore.queued_runs import QueuedRunEntry
from data_platform.orchestration import watch as watching
from data_platform.orchestration.location import load_location
from data_platform.orchestration.queue import sample_queue
from data_platform_tests.kit import Kit

ORDERS = dg.AssetKey(["raw", "shop", "orders"])
WAITING, STARTED = dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED


@dg.asset(key=ORDERS)
def orders() -> None: ...


WORK = dg.Definitions(assets=[orders]).resolve_implicit_global_asset_job_def()


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    kit = Kit(tmp_path)
    kit.raw("orders", ["id int required key"])
    kit.clock.moment = datetime.now(UTC)  # Dagster stamps runs with the machine's clock
    yield kit
    kit.close()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    overrides = {
        "run_coordinator": {
            "module": "dagster._core.run_coordinator.queued_run_coordinator",
            "class": "QueuedRunCoordinator",
            "config": {
                "max_concurrent_runs": 2,
                "tag_concurrency_limits": [{"key": "pool", "value": "db", "limit": 1}],
            },
        },
        "telemetry": {"enabled": False},
    }
    with dg.instance_for_test(overrides=overrides, temp_dir=str(tmp_path)) as instance:
        yield instance


def run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus = WAITING, **tags: str) -> str:
    created = instance.create_run_for_job(WORK, status=status, tags=tags, asset_selection={ORDERS})
    return created.run_id


def sampled(kit: Kit) -> dict[str, QueuedRunEntry]:
    return {entry.run_id: entry for entry in kit.platform.metastore.operations.queued_runs.waiting()}


def test_a_run_that_waits_says_in_which_lane_for_what_and_what_it_is_about(
    kit: Kit, instance: dg.DagsterInstance
) -> None:
    nobody_takes_it = run(instance)
    backfill = run(instance, **{"dagster/backfill": "b1"})
    assert sample_queue(instance, kit.platform) == 2
    found = sampled(kit)
    assert (found[nobody_takes_it].lane, found[nobody_takes_it].reason) == ("default", "")
    assert found[backfill].lane == "backfill"
    assert found[backfill].datasets == {"names": ["raw.shop.orders"]}


def test_slots_and_quotas_that_are_taken_are_the_reason(kit: Kit, instance: dg.DagsterInstance) -> None:
    run(instance, STARTED, pool="db")
    quota, free = run(instance, pool="db"), run(instance)
    sample_queue(instance, kit.platform)
    assert [sampled(kit)[one].reason for one in (quota, free)] == ["quota", ""]
    run(instance, STARTED)
    sample_queue(instance, kit.platform)
    assert [sampled(kit)[one].reason for one in (quota, free)] == ["quota", "slot"]


def test_an_open_breaker_of_its_source_is_the_reason(kit: Kit, instance: dg.DagsterInstance) -> None:
    now = kit.clock.now()
    entry = BreakerEntry(name="source/orders", state=BreakerState.OPEN, failures=3, changed_at=now)
    kit.platform.metastore.operations.breakers.put(entry)
    waiting = run(instance)
    sample_queue(instance, kit.platform)
    assert sampled(kit)[waiting].reason == "breaker"


def test_a_run_that_left_the_queue_has_its_start_and_a_cancelled_one_is_forgotten(
    kit: Kit, instance: dg.DagsterInstance
) -> None:
    starts, cancelled = run(instance), run(instance)
    sample_queue(instance, kit.platform)
    begun = instance.get_run_by_id(starts)
    gone = instance.get_run_by_id(cancelled)
    assert begun is not None
    assert gone is not None
    instance.report_run_canceled(gone)
    instance.handle_new_event(_started(begun))
    assert sample_queue(instance, kit.platform) == 0
    (left,) = kit.platform.metastore.operations.queued_runs.sampled(since=kit.clock.now())
    assert left.run_id == starts
    assert left.started_at is not None


def test_the_watch_of_dagster_samples_the_queue(
    kit: Kit, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching.SoundPlatforms, "open", lambda _: nullcontext(kit.platform))
    waiting = run(instance)
    look = watching.watch(load_location(kit.platform.settings))
    with dg.build_sensor_context(instance=instance) as context:
        assert isinstance(look(context), dg.SkipReason)
    assert list(sampled(kit)) == [waiting]
    beats = {one.component: one for one in kit.platform.metastore.operations.component_beats.all()}
    assert {"dagster", "queue"} <= set(beats)
    assert beats["queue"].expected_every_seconds == beats["dagster"].expected_every_seconds


def test_an_empty_queue_that_was_looked_into_is_told_from_one_that_nobody_looked_into(
    kit: Kit, instance: dg.DagsterInstance
) -> None:
    beats = kit.platform.metastore.operations.component_beats
    assert beats.of("queue") is None
    assert sample_queue(instance, kit.platform) == 0
    beat = beats.of("queue")
    assert beat is not None
    assert beat.beat_at == kit.clock.now()


def _started(begun: dg.DagsterRun) -> dg.EventLogEntry:
    event = dg.DagsterEvent(event_type_value="PIPELINE_START", job_name=begun.job_name)
    return dg.EventLogEntry(
        error_info=None,
        level=10,
        user_message="",
        run_id=begun.run_id,
        timestamp=datetime.now(UTC).timestamp(),
        dagster_event=event,
    )
