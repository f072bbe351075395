"""How far sinks are, who may send to them, and what they refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from data_platform.metastore.engine import Metastore
from data_platform.metastore.lineage_sinks import Claim, RefusalEntry, SinkEntry
from data_platform.metastore.outbox import Backlog, OutboxEntry

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def claim(by: str = "a", *, at: datetime = NOW, is_urgent: bool = False) -> Claim:
    return Claim(by=by, at=at, until=at + timedelta(seconds=90), is_urgent=is_urgent)


@pytest.fixture
def sinks(metastore: Metastore) -> Metastore:
    metastore.lineage_sinks.register(["one", "two"])
    return metastore


def refusal(number: int, error: str = "no") -> RefusalEntry:
    return RefusalEntry(
        sink="one", outbox_id=number, event_id=f"e{number}", run_id="r", payload="{}", error=error, refused_at=NOW
    )


def test_a_sink_begins_at_the_beginning_and_stays_where_it_is(sinks: Metastore) -> None:
    held = sinks.lineage_sinks.claim("one", claim())
    assert held is not None
    assert sinks.lineage_sinks.replace(held, replace(held, delivered_id=7)) is not None
    sinks.lineage_sinks.register(["one", "three"])
    found = {entry.sink: entry.delivered_id for entry in sinks.lineage_sinks.of(["one", "three", "unknown"])}
    assert found == {"one": 7, "three": 0}


def test_one_at_a_time_sends_to_a_sink_until_its_claim_ends(sinks: Metastore) -> None:
    held = sinks.lineage_sinks.claim("one", claim("a"))
    assert held is not None
    assert sinks.lineage_sinks.claim("one", claim("b")) is None
    assert sinks.lineage_sinks.claim("two", claim("b")) is not None
    assert sinks.lineage_sinks.claim("unknown", claim("b")) is None
    sinks.lineage_sinks.release(held)
    assert sinks.lineage_sinks.claim("one", claim("b")) is not None
    later = NOW + timedelta(seconds=90)
    assert sinks.lineage_sinks.claim("one", claim("c", at=later - timedelta(seconds=1))) is None
    assert sinks.lineage_sinks.claim("one", claim("c", at=later)) is not None


def test_whoever_lost_its_claim_changes_nothing_more(sinks: Metastore) -> None:
    mine = sinks.lineage_sinks.claim("one", claim("a"))
    other = sinks.lineage_sinks.claim("one", claim("b", at=NOW + timedelta(minutes=2)))
    assert mine is not None
    assert other is not None
    assert sinks.lineage_sinks.replace(mine, replace(mine, delivered_id=5)) is None
    sinks.lineage_sinks.release(mine)
    assert sinks.lineage_sinks.of(["one"]) == (other,)


def test_nobody_claims_a_sink_before_its_time_unless_it_is_urgent(sinks: Metastore) -> None:
    held = sinks.lineage_sinks.claim("one", claim())
    assert held is not None
    waiting = replace(held, failing_since=NOW, attempts=2, next_attempt_at=NOW + timedelta(seconds=4), error="why")
    moved = sinks.lineage_sinks.replace(held, waiting)
    assert moved == waiting
    sinks.lineage_sinks.release(waiting)
    assert sinks.lineage_sinks.claim("one", claim(at=NOW + timedelta(seconds=3))) is None
    urgent = sinks.lineage_sinks.claim("one", claim(at=NOW + timedelta(seconds=3), is_urgent=True))
    assert urgent is not None
    sinks.lineage_sinks.release(urgent)
    assert sinks.lineage_sinks.claim("one", claim(at=NOW + timedelta(seconds=4))) is not None


def test_a_released_sink_is_as_it_was(sinks: Metastore) -> None:
    held = sinks.lineage_sinks.claim("one", claim())
    assert held is not None
    sinks.lineage_sinks.release(held)
    assert sinks.lineage_sinks.of(["one"]) == (SinkEntry(sink="one"),)


def test_refusals_are_kept_by_sink_in_order_until_they_are_forgotten(metastore: Metastore) -> None:
    for number in (3, 1, 2):
        metastore.lineage_refusals.keep(refusal(number))
    metastore.lineage_refusals.keep(refusal(2, "still no"))
    metastore.lineage_refusals.keep(replace(refusal(9), sink="two"))
    found = metastore.lineage_refusals.of("one")
    assert [(one.outbox_id, one.error) for one in found] == [(1, "no"), (2, "still no"), (3, "no")]
    assert [one.outbox_id for one in metastore.lineage_refusals.of("one", after=1, limit=1)] == [2]
    metastore.lineage_refusals.forget(found[0])
    assert (metastore.lineage_refusals.count("one"), metastore.lineage_refusals.count("two")) == (2, 1)
    metastore.lineage_refusals.keep(replace(refusal(4), refused_at=NOW + timedelta(days=1)))
    assert metastore.lineage_refusals.prune(NOW + timedelta(seconds=1)) == 3
    assert [one.outbox_id for one in metastore.lineage_refusals.of("one")] == [4]


def test_the_backlog_is_what_lies_behind_a_place(metastore: Metastore) -> None:
    assert metastore.outbox.backlog(0) == Backlog(events=0, oldest_at=None)
    assert metastore.outbox.newest() == 0
    metastore.outbox.append(
        OutboxEntry(event_id=f"e{n}", run_id="r", created_at=NOW + timedelta(hours=n), payload="{}") for n in range(3)
    )
    first, second, third = metastore.outbox.after(0)
    assert metastore.outbox.after(first.place, limit=1) == (second,)
    assert metastore.outbox.backlog(first.place) == Backlog(events=2, oldest_at=NOW + timedelta(hours=1))
    assert metastore.outbox.newest() == third.place


def test_events_are_sent_up_to_a_place_and_unsent_again_for_a_new_sink(metastore: Metastore) -> None:
    metastore.outbox.append(OutboxEntry(event_id=f"e{n}", run_id="r", created_at=NOW, payload="{}") for n in range(3))
    metastore.outbox.mark_sent(metastore.outbox.after(0)[1].place, at=NOW)
    assert [one.event_id for one in metastore.outbox.pending()] == ["e2"]
    metastore.outbox.mark_sent(metastore.outbox.newest(), at=NOW + timedelta(hours=1))
    assert [one.sent_at for one in metastore.outbox.after(0)] == [NOW, NOW, NOW + timedelta(hours=1)]
    metastore.outbox.mark_unsent()
    assert len(metastore.outbox.pending()) == 3
