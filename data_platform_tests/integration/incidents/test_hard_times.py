"""A full disk, a clock that ran ahead, and a tier that changes while an incident is open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from data_platform.clock import ManualClock
from data_platform.errors import SourceUnavailable
from data_platform.incidents.breakers import FAILURES, FIRST_WAIT, BreakerOpen, Breakers
from data_platform.incidents.channels.recording import Recording
from data_platform.incidents.model import Alert
from data_platform.metastore.component_beats import ComponentBeat
from data_platform.metastore.engine import Metastore
from data_platform.metastore.security_events import SecurityEvent
from data_platform.observability.standings import ConnectorStanding
from data_platform_tests.integration.incidents.test_delivery import deliverer, queue
from data_platform_tests.integration.incidents.test_engine import engine_over, failed, found
from data_platform_tests.integration.incidents.test_watch import watch_of
from data_platform_tests.integration.incidents.test_what_happened_once import RAW, Shop
from data_platform_tests.integration.incidents.webhooks import Received

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
AHEAD = NOON + timedelta(hours=5)
MINUTE = timedelta(minutes=1)
MANY = 400


@contextmanager
def full_disk(metastore: Metastore) -> Iterator[None]:
    """The database file cannot grow in the block: SQLite answers as on a full disk."""
    engine: sa.Engine = metastore.operations.incidents._database._engine

    def limit(connection: Any, _record: object, _proxy: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    sa.event.listen(engine, "checkout", limit)
    try:
        yield
    finally:
        sa.event.remove(engine, "checkout", limit)
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1073741823")


def test_a_full_disk_leaves_nothing_half_written_and_the_next_turn_goes_on(
    metastore: Metastore, hook: Received
) -> None:
    clock, store = ManualClock(NOON), metastore.operations
    for number in range(MANY):
        store.security_events.append(SecurityEvent(at=NOON, kind="leaked_credential", subject=f"token:{number}"))
    watch = watch_of(metastore, clock, hook)
    with full_disk(metastore):
        assert watch.tick().failed["rules"] == "RetryableError"
        assert (store.incidents.recent(), store.symptoms.lasting(list(Alert)), store.notifications.waiting()) == (
            (),
            (),
            0,
        )
    assert hook.calls == 0  # nothing is told that is not kept, and the dead man's switch stays silent
    clock.advance(MINUTE)
    tick = watch.tick()
    assert (tick.failed, tick.symptoms) == ({}, MANY + 1)  # and the stage that did not work
    assert len(store.incidents.recent(limit=2 * MANY)) == MANY
    clock.advance(MINUTE)
    watch.tick()
    # a busy machine may answer later than the watch waits: then the same message comes again, under its key
    told = {header["idempotency-key"]: body["cause"] for header, body in zip(hook.headers, hook.bodies, strict=True)}
    assert len(told) == len(set(told.values()))


def test_a_message_is_not_held_back_until_the_time_of_a_clock_that_ran_ahead(metastore: Metastore) -> None:
    note, channel = queue(metastore), Recording()
    store = metastore.operations.notifications
    store.queue([replace(note, kind="raised", created_at=AHEAD, next_attempt_at=AHEAD)])
    sends = deliverer(metastore, ManualClock(NOON), first={"webhook": "http://127.0.0.1:9"})
    sends.senders["first"] = channel
    for one in store.of([note.incident_id]):
        store.failed(one, error="no answer", next_at=AHEAD)
    assert sends.once(NOON) == {"delivered": 2, "failed": 0}
    assert [message.body["kind"] for message in channel.messages] == ["opened", "raised"]


def test_an_incident_of_a_clock_that_ran_ahead_is_escalated_and_resolved_in_the_time_of_now(
    metastore: Metastore,
) -> None:
    engine = engine_over(metastore)
    lost = failed("raw.shop.a", alert=Alert.DATA_LOSS, page=True)
    engine.take(found(lost, at=AHEAD))
    for minute in (0, 16):
        engine.take(found(lost, at=NOON + minute * MINUTE))
    (incident,) = metastore.operations.incidents.recent()
    assert incident.escalated_at == NOON + 16 * MINUTE
    engine.take(found(at=AHEAD))
    for minute in (20, 26):
        engine.take(found(at=NOON + minute * MINUTE))
    (incident,) = metastore.operations.incidents.recent()
    assert incident.resolved_at == NOON + 26 * MINUTE


def test_a_ticket_first_seen_by_a_clock_that_ran_ahead_opens_after_its_grace(metastore: Metastore) -> None:
    engine = engine_over(metastore)
    stale = replace(failed("raw.shop.a", at=AHEAD, alert=Alert.FRESHNESS_BREACH), ready_at=None)
    engine.take(found(stale, at=AHEAD))
    later = replace(failed("raw.shop.d", at=AHEAD), ready_at=AHEAD + MINUTE)  # a run that ended in the future
    for second in (0, 31):
        engine.take(found(stale, later, at=NOON + timedelta(seconds=second)))
    assert {one.cause for one in metastore.operations.incidents.recent()} == {"raw.shop.a", "raw.shop.d"}


def test_a_breaker_that_a_clock_ahead_opened_is_tried_again_now(metastore: Metastore) -> None:
    clock = ManualClock(AHEAD)
    breakers = Breakers(metastore=metastore, clock=clock)
    for _ in range(FAILURES):
        with pytest.raises(SourceUnavailable), breakers.guarding("b"):
            raise SourceUnavailable("no answer")
    with pytest.raises(BreakerOpen), breakers.guarding("b"):
        pytest.fail("the call must not be made")
    clock.moment = NOON
    with breakers.guarding("b"):
        clock.advance(FIRST_WAIT)
    held = metastore.operations.breakers.of("b")
    assert held is not None
    assert held.state == "closed"


def test_a_new_breach_is_told_although_a_clock_ahead_resolved_the_one_before(metastore: Metastore) -> None:
    shop = Shop(metastore)
    shop.breach(NOON)
    shop.turn(AHEAD)
    shop.resolve(AHEAD + MINUTE)
    assert shop.turn(NOON + MINUTE) == ["resolved"]
    shop.breach(NOON + 2 * MINUTE)
    assert shop.turn(NOON + 3 * MINUTE) == ["open"]


def test_a_tier_that_rises_while_an_incident_is_open_is_told_once_and_one_that_falls_lowers_nothing(
    metastore: Metastore,
) -> None:
    shop = Shop(metastore)
    shop.standings = [
        ConnectorStanding(dataset=RAW, source="db", state="dead", detail="", is_healthy=False, beat_at=NOON)
    ]
    for minute, tier in enumerate(("silver", "silver", "gold", "gold", "silver", "gold")):
        info = replace(shop.estate.datasets[RAW], tier=tier)
        estate = replace(shop.estate, datasets={**shop.estate.datasets, RAW: info})
        shop.estate, shop.engine = estate, replace(shop.engine, estate=estate)
        shop.turn(NOON + minute * MINUTE)
    (incident,) = shop.incidents()
    notes = metastore.operations.notifications.of([incident.incident_id])
    assert [f"{one.kind}@{one.severity}" for one in notes] == ["opened@ticket", "raised@page"]
    assert incident.severity == "page"


def test_a_beat_from_ahead_does_not_shorten_what_is_looked_at(metastore: Metastore) -> None:
    shop = Shop(metastore)
    beat = ComponentBeat(component="watch", instance="h:1", beat_at=AHEAD, expected_every_seconds=15)
    metastore.operations.component_beats.beat(beat)
    shop.breach(NOON)
    assert shop.turn(NOON + MINUTE) == ["open"]
