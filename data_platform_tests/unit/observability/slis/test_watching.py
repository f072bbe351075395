from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from data_platform.metastore.engine import Metastore
from data_platform.observability.standings import ConnectorStanding
from data_platform_tests.unit.observability.slis.ledger import HOUR, NOON, RAW, TICK, Ledger, contract, of, sums

LIVE = ConnectorStanding(dataset=RAW, source="feed", state="live", detail="", is_healthy=True, beat_at=NOON)
DEAD = replace(LIVE, state="dead", detail="no beat for 61 s", is_healthy=False)
RESTART = replace(LIVE, state="maintenance", detail="silent until 12:10 UTC: release")


@pytest.fixture
def ledger(metastore: Metastore) -> Ledger:
    return Ledger(metastore, [contract(RAW, latency=10 * HOUR)], standings=(LIVE,))


def naive_age(standing: ConnectorStanding, seconds: float = 60) -> bool:
    """Whether the newest beat is young enough, as the table of metrics has it; NOON + 5 minutes is now."""
    assert standing.beat_at is not None
    return (NOON + timedelta(minutes=5) - standing.beat_at).total_seconds() < seconds


def test_measuring_twice_at_one_moment_changes_nothing(ledger: Ledger) -> None:
    ledger.batch(1, received=NOON, newest=NOON)
    first = ledger.measure(NOON + TICK)
    assert first
    assert ledger.measure(NOON + TICK) == ()
    stored = ledger.metastore.operations.sli_values.since("freshness", since=NOON)
    assert [value.measured_at for value in stored] == [NOON + TICK]


def test_a_clock_that_goes_back_measures_nothing_until_it_is_there_again(ledger: Ledger) -> None:
    ledger.batch(1, received=NOON, newest=NOON)
    ledger.measure(NOON + TICK)
    assert ledger.measure(NOON - HOUR) == ()
    assert ledger.measure(NOON + TICK) == ()
    assert sums(of(ledger.measure(NOON + 2 * TICK), "watched")) == (15.0, 0.0, 0.0)


def test_time_that_nobody_watched_is_unknown_and_never_good(ledger: Ledger) -> None:
    ledger.batch(1, received=NOON, newest=NOON)
    values = ledger.watch(NOON, NOON + timedelta(minutes=4))
    values += ledger.watch(NOON + 2 * HOUR, NOON + 2 * HOUR + timedelta(minutes=5))
    naive = sum(value.value is not None and value.value < 36_000 for value in of(values, "freshness"))
    assert naive == len(of(values, "freshness")) > 0  # every sample was good
    for sli in ("freshness", "connector_heartbeat"):
        good, bad, unknown = sums(of(values, sli))
        assert (good, bad, unknown) == (240.0 + 300.0, 0.0, 116 * 60.0)


def test_a_restart_in_between_loses_no_second(ledger: Ledger) -> None:
    ledger.batch(1, received=NOON, newest=NOON)
    values = ledger.watch(NOON, NOON + timedelta(minutes=3))
    again = Ledger(ledger.metastore, ledger.contracts, standings=ledger.standings)  # another process
    values += again.watch(NOON + timedelta(minutes=4), NOON + timedelta(minutes=10))
    assert sums(of(values, "freshness")) == (600.0, 0.0, 0.0)


def test_of_two_watches_at_once_only_one_counts(ledger: Ledger) -> None:
    ledger.measure(NOON)
    values = ledger.metastore.operations.sli_values
    entries = of(ledger.measure(NOON + TICK), "watched")
    late = [replace(entry, measured_at=NOON + 2 * TICK) for entry in entries]
    assert values.append(late, sli="watched", after=NOON) is False
    assert values.cursor("watched") == NOON + TICK


def test_a_state_that_stays_is_written_every_five_minutes_and_a_change_at_once(ledger: Ledger) -> None:
    beats = of(ledger.watch(NOON, NOON + timedelta(minutes=11)), "connector_heartbeat")
    assert [(value.measured_at - NOON).total_seconds() for value in beats] == [0, 300, 600]
    ledger.standings = (DEAD,)
    (value,) = of(ledger.measure(NOON + timedelta(minutes=11) + TICK), "connector_heartbeat")
    assert (value.good, value.bad, value.evidence["state"]) == (60.0, 15.0, "bad")


def test_a_planned_restart_counts_for_nothing_where_the_age_of_a_beat_would_alarm(ledger: Ledger) -> None:
    ledger.measure(NOON)
    ledger.standings = (RESTART,)
    values = ledger.watch(NOON + TICK, NOON + timedelta(minutes=5))
    assert not naive_age(RESTART)
    assert sums(of(values, "connector_heartbeat")) == (0.0, 0.0, 0.0)


def test_a_connector_that_beats_and_stands_still_is_bad_where_the_age_of_a_beat_says_good(ledger: Ledger) -> None:
    stuck = replace(LIVE, state="stuck", is_healthy=False, backlog=9, beat_at=NOON + timedelta(minutes=5) - TICK)
    ledger.standings = (stuck,)
    values = ledger.watch(NOON, NOON + timedelta(minutes=5))
    assert naive_age(stuck)
    assert sums(of(values, "connector_heartbeat")) == (0.0, 300.0, 0.0)


def test_a_dead_connector_is_bad_at_the_first_look(ledger: Ledger) -> None:
    ledger.measure(NOON)
    ledger.standings = (DEAD,)
    (value,) = of(ledger.measure(NOON + TICK), "connector_heartbeat")
    assert (value.bad, value.evidence["standing"]) == (15.0, "dead")
