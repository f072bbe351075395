"""`doctor --alive` over a real metastore: each silent part is found, named, and told apart from one never started."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from data_platform.cli import liveness
from data_platform.cli.examinations import Finding, State
from data_platform.cli.liveness import examine_liveness
from data_platform.metastore.breakers import BreakerEntry
from data_platform.metastore.component_beats import ComponentBeat
from data_platform.metastore.heartbeats import Heartbeat
from data_platform.metastore.incident_tables import BreakerState
from data_platform.metastore.queued_runs import QueuedRunEntry
from data_platform.metastore.tables import Phase
from data_platform_tests.kit import Kit


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    made = Kit(tmp_path)
    made.raw("orders", ["id string required key"])
    yield made
    made.close()


def found(kit: Kit, area: str, subject: str = "") -> Finding:
    one = [f for f in examine_liveness(kit.platform) if f.area == area and subject in f.subject]
    assert len(one) == 1, one
    return one[0]


def test_what_was_never_started_is_no_fault_but_nobody_watching_is_said(kit: Kit) -> None:
    states = {(f.area, f.state) for f in examine_liveness(kit.platform)}
    assert ("watch", State.WARNING) in states
    assert State.WRONG not in {state for _, state in states}


def test_a_connector_that_fell_silent_is_wrong_and_says_what_to_do(kit: Kit) -> None:
    now = kit.clock.now()
    beat = Heartbeat(
        dataset="raw.shop.orders", source="orders", kind="file_drop", instance="host:1", phase=Phase.RUNNING,
        started_at=now, beat_at=now, progressed_at=now, turned_at=now, position={},
    )  # fmt: skip
    kit.platform.metastore.heartbeats.beat(beat)
    assert found(kit, "connector").state is State.OK
    kit.clock.advance(timedelta(seconds=61))
    dead = found(kit, "connector")
    assert dead.state is State.WRONG
    assert dead.detail.startswith("dead: ")
    assert "ingest start" in dead.next


def test_a_watch_that_stopped_is_wrong_and_one_at_work_is_not(kit: Kit) -> None:
    beats = kit.platform.metastore.operations.component_beats
    beats.beat(
        ComponentBeat(component="watch", instance="host:1", beat_at=kit.clock.now(), expected_every_seconds=15.0)
    )
    kit.clock.advance(timedelta(seconds=59))
    assert found(kit, "watch").state is State.OK
    kit.clock.advance(timedelta(seconds=2))
    assert found(kit, "watch").state is State.WRONG


def test_an_open_breaker_and_an_old_queue_are_warnings_with_their_reason(kit: Kit) -> None:
    now, operations = kit.clock.now(), kit.platform.metastore.operations
    operations.breakers.put(
        BreakerEntry(name="source:orders", state=BreakerState.OPEN, failures=5, changed_at=now, error="it hangs")
    )
    operations.queued_runs.record(
        [
            QueuedRunEntry(
                run_id="r1", job="ingest", lane="default", enqueued_at=now - timedelta(minutes=31), started_at=None,
                reason="slot", sampled_at=now,
            )
        ]
    )  # fmt: skip
    breaker, queue = found(kit, "breaker"), found(kit, "queue")
    assert (breaker.state, "it hangs" in breaker.detail) == (State.WARNING, True)
    assert "breaker reset source:orders" in breaker.next
    assert (queue.state, "slot" in queue.detail) == (State.WARNING, True)


def looked_into_the_queue(kit: Kit, waiting: int) -> None:
    now, operations = kit.clock.now(), kit.platform.metastore.operations
    operations.component_beats.beat(
        ComponentBeat(component="queue", instance="host:1", beat_at=now, expected_every_seconds=15.0)
    )
    operations.queued_runs.record(
        QueuedRunEntry(run_id=f"r{number}", job="ingest", lane="default", enqueued_at=now, started_at=None,
                       reason="slot", sampled_at=now)
        for number in range(waiting)
    )  # fmt: skip


def test_an_empty_queue_is_sound_only_while_somebody_looks_into_it(kit: Kit) -> None:
    assert found(kit, "queue").detail == "Dagster was never used: nothing can wait"
    looked_into_the_queue(kit, waiting=0)
    queue = found(kit, "queue", "runs")
    assert (queue.state, queue.detail.partition(";")[0]) == (State.OK, "0 runs waited")
    kit.clock.advance(timedelta(minutes=10))
    queue = found(kit, "queue", "runs")
    assert queue.state is State.WRONG
    assert queue.detail.startswith("how many runs wait is unknown: nobody looked since 2026-03-20 12:00")


def test_what_waited_when_somebody_looked_last_is_said_to_be_of_then(kit: Kit) -> None:
    looked_into_the_queue(kit, waiting=2)
    kit.clock.advance(timedelta(minutes=10))
    assert "nobody looked since 2026-03-20 12:00:00, when 2 runs waited" in found(kit, "queue", "runs").detail


def test_a_queue_that_nobody_ever_looked_into_is_unknown_where_dagster_was_used(kit: Kit) -> None:
    folder = kit.folder / "dagster" / "schedules"
    folder.mkdir(parents=True)
    (folder / "schedules.db").touch()
    queue = liveness._queue(kit.platform)
    assert [(one.state, one.detail) for one in queue] == [
        (State.WARNING, "how many runs wait is unknown: nobody ever looked")
    ]


def test_a_part_that_cannot_be_examined_is_a_fault_and_hides_no_other(kit: Kit) -> None:
    (kit.folder / "domains" / "shop" / "connectors.yaml").write_text("connectors: {orders: {kind: nonsense}}")
    kit.reopen()
    areas = {f.area: f.state for f in examine_liveness(kit.platform)}
    assert areas["connector"] is State.WRONG
    assert "queue" in areas
