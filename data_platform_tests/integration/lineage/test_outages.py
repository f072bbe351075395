"""A backend in trouble for an hour of simulated time while runs go on: nothing is lost, and nobody waits for it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from data_platform.cli.lineage import send_a_little
from data_platform.clock import ManualClock
from data_platform.lineage.sinks.http import HttpSink
from data_platform.lineage.sinks.protocol import SinkPlace
from data_platform.lineage.turns import Round
from data_platform.metastore.engine import Metastore
from data_platform.metastore.outbox import OutboxEntry
from data_platform.metastore.tables import RunState
from data_platform_tests.integration.lineage.sending_process import NOW, delivery, event
from data_platform_tests.kit import Kit, csv_text
from data_platform_tests.lineage_backend import Backend, Mode

ORDERS = "raw.shop.orders"
TICK = timedelta(seconds=30)
LONGEST_WAIT = timedelta(seconds=120)


def shut(backend: Backend) -> None:
    backend.stop()


def behave(mode: Mode) -> Callable[[Backend], None]:
    def begin(backend: Backend) -> None:
        backend.mode = mode

    return begin


def recover(backend: Backend) -> None:
    backend.mode = Mode.WORKS
    backend.stop()
    backend.start()


def wait_at_most(kit: Kit, seconds: float) -> None:
    """Starts the process anew with another patience."""
    kit.close()
    for options in kit.settings["lineage_options"].values():
        options["timeout_seconds"] = seconds


def ran(kit: Kit) -> str:
    """One run that ends badly, as a run records it: START, then FAIL."""
    run = kit.run()
    kit.platform.recorder.started(ORDERS, run)
    kit.platform.recorder.failed(ORDERS, run, ValueError("no"), is_blocked=False)
    return run.id


def tick(kit: Kit) -> tuple[Round, ...]:
    """What the sensor does every now and then."""
    kit.clock.advance(TICK)
    return kit.platform.delivery.once()


def outbox(kit: Kit) -> list[str]:
    return [entry.payload for entry in kit.platform.metastore.outbox.after(0, limit=10_000)]


def in_catalog(kit: Kit) -> list[str]:
    with kit.platform.metastore.transaction() as tx:
        rows = tx.connection.exec_driver_sql("SELECT event_id FROM catalog_events").all()
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    "trouble",
    [shut, behave(Mode.BUSY), behave(Mode.HANGS), behave(Mode.LOSES)],
    ids=["refuses connections", "answers 503", "hangs", "works and loses the answer"],
)
def test_an_hour_of_trouble_costs_no_event_and_no_run(
    kit: Kit, backend: Backend, events_file: Path, trouble: Callable[[Backend], None]
) -> None:
    ran(kit)
    tick(kit)
    assert backend.bodies == outbox(kit)
    trouble(backend)
    wait_at_most(kit, 0.05 if backend.mode is Mode.HANGS else 20)
    runs, batches = [], 0
    for minute in range(0, 60, 4):
        runs.append(ran(kit))
        if minute % 20 == 0:
            kit.drop(f"orders/{minute}.csv", csv_text(("order_id", "amount"), [(minute, 1)]))
            batches += len(kit.ingest("orders"))
        for _ in range(8):
            tick(kit)

    # the others have everything at any time, and the runs ended as ever
    waiting = outbox(kit)
    assert len(waiting) >= 2 + 2 * 15 + 2 * 3
    assert events_file.read_text().splitlines() == waiting
    assert len(in_catalog(kit)) == len(waiting)
    assert batches == 3
    assert [kit.platform.metastore.runs.get(run, dataset=ORDERS).state for run in runs] == [RunState.FAILED] * 15  # type: ignore[union-attr]
    (standing,) = [one for one in kit.platform.delivery.standings() if one.entry.sink.startswith("http")]
    assert standing.entry.failing_since is not None
    assert kit.clock.now() - standing.entry.failing_since > timedelta(minutes=55)
    assert 20 <= standing.entry.attempts <= 65  # about one in each one to two minutes, not one in each tick
    assert kit.platform.metastore.outbox.pending(limit=1)[0].created_at <= standing.entry.failing_since

    recover(backend)
    wait_at_most(kit, 20)
    began = kit.clock.now()
    while kit.clock.now() - began <= LONGEST_WAIT and kit.platform.metastore.outbox.pending():
        tick(kit)

    expected = outbox(kit)
    assert set(backend.bodies) == set(expected)
    assert list(dict.fromkeys(backend.bodies)) == expected  # the first arrivals are in order
    if trouble is shut:
        assert backend.bodies == expected
    assert events_file.read_text().splitlines() == expected
    assert set(Counter(in_catalog(kit)).values()) == {1}
    assert len(in_catalog(kit)) == len(expected)
    assert kit.platform.metastore.outbox.pending() == ()
    (standing,) = [one for one in kit.platform.delivery.standings() if one.entry.sink.startswith("http")]
    assert (standing.entry.failing_since, standing.entry.error, standing.backlog.events) == (None, "", 0)
    assert standing.entry.delivered == len(expected)


_connections: list[object] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        _connections.append(arguments[1])


sys.addaudithook(_watch)


def test_a_run_opens_no_connection_whatever_the_backend_does(kit: Kit, backend: Backend) -> None:
    backend.mode = Mode.HANGS
    before = len(_connections)
    ran(kit)
    kit.drop("orders/1.csv", csv_text(("order_id", "amount"), [(1, 1)]))
    assert len(kit.ingest("orders")) == 1
    assert len(_connections) == before
    assert len(outbox(kit)) >= 4


def test_at_its_end_a_command_tries_once_and_not_again_before_it_is_time(kit: Kit, backend: Backend) -> None:
    backend.mode = Mode.HANGS
    ran(kit)
    for _ in range(5):
        send_a_little(kit.platform)
    assert backend.asked == 1
    assert len(in_catalog(kit)) == len(outbox(kit)) >= 2


def test_a_sink_that_hangs_delays_no_other(kit: Kit, backend: Backend, events_file: Path) -> None:
    kit.settings["lineage"] = f"{backend.url},{events_file.as_uri()},catalog"
    kit.settings["lineage_options"] = {backend.url: {"timeout_seconds": 1}}
    backend.mode = Mode.HANGS
    ran(kit)
    first, second, third = kit.platform.delivery.once()
    assert "did not answer" in first.error
    assert (second.delivered, third.delivered) == (2, 2)
    assert events_file.read_text().splitlines() == outbox(kit)


def test_an_event_that_is_refused_is_kept_and_the_queue_goes_on(kit: Kit, backend: Backend) -> None:
    run = ran(kit)
    ran(kit)
    bad = outbox(kit)[1]
    backend.answer = lambda path, body: (422, "no such job") if body == bad else (201, "")
    rounds = {one.sink: one for one in kit.platform.delivery.once()}
    http = f"{backend.url}/api/v1/lineage"
    assert (rounds[http].delivered, rounds[http].refused, rounds[http].error) == (3, 1, "")
    (refusal,) = kit.platform.metastore.lineage_refusals.of(http)
    assert (refusal.run_id, refusal.payload, refusal.refused_at) == (run, bad, kit.clock.now())
    assert "422" in refusal.error
    assert "no such job" in refusal.error
    assert kit.platform.metastore.outbox.pending() == ()

    (again,) = kit.platform.delivery.retry_refused()
    assert (again.delivered, again.refused) == (0, 1)
    backend.answer = lambda path, body: (201, "")
    (taken,) = kit.platform.delivery.retry_refused()
    assert (taken.delivered, taken.refused) == (1, 0)
    assert kit.platform.metastore.lineage_refusals.count(http) == 0
    assert sorted(backend.bodies) == sorted(outbox(kit))
    assert kit.platform.delivery.retry_refused() == ()


def test_an_event_of_ours_that_the_catalog_refuses_is_kept_and_the_queue_goes_on(metastore: Metastore) -> None:
    bad = replace(event(2), payload='{"producer": "us"}')
    metastore.outbox.append([event(1), bad, event(3)])
    sending = delivery(metastore, ManualClock(NOW), ("catalog",))
    (sent,) = sending.once()
    assert (sent.delivered, sent.refused, sent.error) == (2, 1, "")
    (refusal,) = metastore.lineage_refusals.of("catalog")
    assert (refusal.event_id, refusal.payload) == (bad.event_id, bad.payload)
    assert "eventTime" in refusal.error
    (standing,) = sending.standings()
    assert (standing.refused, standing.backlog.events) == (1, 0)
    with metastore.transaction() as tx:
        rows = tx.connection.exec_driver_sql("SELECT event_id FROM catalog_events ORDER BY id").all()
    assert [row[0] for row in rows] == [event(1).event_id, event(3).event_id]


class _BreakingError(Exception):
    """What no kind of sink is expected to raise."""


def test_a_retry_that_fails_in_an_unexpected_way_is_told_and_gives_the_sink_back(kit: Kit, backend: Backend) -> None:
    ran(kit)
    backend.answer = lambda path, body: (422, "no such job")
    kit.platform.delivery.once()
    kept = kit.platform.metastore.lineage_refusals.count(f"{backend.url}/api/v1/lineage")

    class Breaking(HttpSink):
        def send(self, events: Sequence[OutboxEntry], *, within_seconds: float) -> int:
            raise _BreakingError

    place = SinkPlace(clock=kit.clock, take=kit.platform.intake.refusals)
    breaking = replace(kit.platform.delivery, sinks=[Breaking(backend.url, {}, place)])
    (round_,) = breaking.retry_refused()
    assert "_BreakingError" in round_.error
    assert kit.platform.metastore.lineage_refusals.count(round_.sink) == kept == 2
    backend.answer = lambda path, body: (201, "")
    (taken,) = kit.platform.delivery.retry_refused()  # at once: nobody holds the sink
    assert (taken.is_passed_over, taken.delivered) == (False, 2)


def test_a_backend_that_asks_for_patience_gets_it(kit: Kit, backend: Backend) -> None:
    ran(kit)
    backend.answer = lambda path, body: (429, "")
    backend.extra = {"retry-after": "300"}
    kit.platform.delivery.once()
    kit.clock.advance(timedelta(seconds=299))
    kit.platform.delivery.once()
    assert backend.asked == 1
    kit.clock.advance(timedelta(seconds=1))
    kit.platform.delivery.once()
    assert backend.asked == 2


def test_a_person_need_not_wait(kit: Kit, backend: Backend) -> None:
    ran(kit)
    shut(backend)
    kit.platform.delivery.once()
    recover(backend)
    assert [one.is_passed_over for one in kit.platform.delivery.once()] == [True]
    (sent,) = kit.platform.delivery.drain()
    assert sent.delivered == 2


def test_only_what_every_sink_has_is_forgotten(kit: Kit, backend: Backend, events_file: Path) -> None:
    ran(kit)
    shut(backend)
    tick(kit)
    kit.clock.advance(timedelta(days=800))
    kit.platform.delivery.settle()
    assert kit.platform.metastore.prune(kit.clock.now())["outbox"] == 0
    recover(backend)
    tick(kit)
    kit.clock.advance(timedelta(seconds=1))
    assert kit.platform.metastore.prune(kit.clock.now())["outbox"] == 2
    assert len(backend.bodies) == 2


def test_a_sink_that_is_added_gets_what_is_still_there_and_holds_it(kit: Kit, events_file: Path) -> None:
    kit.settings["lineage"] = "none"
    kit.settings["lineage_options"] = {}
    ran(kit)
    tick(kit)
    assert kit.platform.metastore.outbox.pending() == ()
    kit.close()
    kit.settings["lineage"] = f"none,{events_file.as_uri()}"
    kit.clock.advance(timedelta(days=1))
    kit.platform.delivery.settle()
    assert kit.platform.metastore.prune(kit.clock.now())["outbox"] == 0
    tick(kit)
    assert events_file.read_text().splitlines() == outbox(kit)
    kit.clock.advance(timedelta(days=1))
    assert kit.platform.metastore.prune(kit.clock.now())["outbox"] == 2
