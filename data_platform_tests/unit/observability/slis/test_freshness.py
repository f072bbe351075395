from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from data_platform.metastore.engine import Metastore
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.metastore.tables import PartitionState, RunState
from data_platform_tests.unit.observability.slis.ledger import (
    CURATED,
    HOUR,
    NOON,
    RAW,
    SERVED,
    TICK,
    Ledger,
    contract,
    of,
    sums,
)

PUBLISHED, BLOCKED = PartitionState.PUBLISHED, PartitionState.BLOCKED
MINUTE = timedelta(minutes=1)
TODAY = "2026-03-20"


def naive(ledger: Ledger, dataset: str, now: datetime) -> float:
    """Seconds since something was processed last, as the table of metrics has it."""
    run = ledger.metastore.runs.latest(dataset, state=RunState.SUCCEEDED)
    assert run is not None
    assert run.ended_at is not None
    return (now - run.ended_at).total_seconds()


def naive_maximum(ledger: Ledger, now: datetime) -> float:
    """Seconds since the newest event time of any source."""
    newest = ledger.metastore.event_dates.newest(RAW)
    assert newest is not None
    return (now - newest).total_seconds()


@pytest.fixture
def ledger(metastore: Metastore) -> Ledger:
    promised = [contract(name, latency=HOUR, by_day=name == CURATED) for name in (RAW, CURATED, SERVED)]
    return Ledger(metastore, promised)


def age(values: tuple[SliValueEntry, ...], dataset: str) -> float | None:
    (value,) = of(values, "freshness", dataset)
    return value.value


def state(values: tuple[SliValueEntry, ...], dataset: str) -> object:
    (value,) = of(values, "freshness", dataset)
    return value.evidence["state"]


def test_computing_an_old_day_again_does_not_make_a_late_dataset_fresh(ledger: Ledger) -> None:
    ledger.batch(1, received=NOON, newest=NOON - MINUTE)
    ledger.run(CURATED, NOON, version=1, inputs={RAW: 1}, lines={TODAY: PUBLISHED})
    ledger.measure(NOON)
    late = NOON + 3 * HOUR
    ledger.batch(2, received=late, newest=late)  # raw is fresh, and an old day is computed from it
    ledger.run(CURATED, late, version=2, inputs={RAW: 2}, lines={"2026-03-01": PUBLISHED})
    values = ledger.measure(late)
    assert naive(ledger, CURATED, late) == 0.0
    assert age(values, CURATED) == (late - NOON + MINUTE).total_seconds()
    assert (state(values, CURATED), state(values, RAW)) == ("bad", "good")


def test_also_when_it_is_the_first_thing_that_anybody_measures(ledger: Ledger) -> None:
    ledger.batch(1, received=NOON, newest=NOON - MINUTE)
    ledger.run(CURATED, NOON, version=1, inputs={RAW: 1}, lines={TODAY: PUBLISHED})
    late = NOON + 3 * HOUR
    ledger.batch(2, received=late, newest=late)
    ledger.run(CURATED, late, version=2, inputs={RAW: 2}, lines={"2026-03-01": PUBLISHED})
    assert age(ledger.measure(late), CURATED) == (late - NOON + MINUTE).total_seconds()


def test_a_source_that_stopped_is_not_hidden_by_another_that_goes_on(ledger: Ledger) -> None:
    ledger.batch(1, received=NOON - 5 * HOUR, newest=NOON - 5 * HOUR, source="north")
    ledger.batch(2, received=NOON, newest=NOON, source="south")
    assert naive_maximum(ledger, NOON) == 0.0
    assert age(ledger.measure(NOON), RAW) == 5 * 3600


def test_a_blocked_day_stops_the_clock_before_it(ledger: Ledger) -> None:
    ledger.batch(1, received=NOON, newest=NOON)
    ledger.run(CURATED, NOON, state=RunState.BLOCKED, inputs={RAW: 1}, lines={"2026-03-18": BLOCKED})
    ledger.run(CURATED, NOON, version=1, inputs={RAW: 1}, lines={"2026-03-19": PUBLISHED, TODAY: PUBLISHED})
    assert naive(ledger, CURATED, NOON) == 0.0
    assert age(ledger.measure(NOON), CURATED) == 60 * 3600  # since the end of the 17th


def test_a_dataset_two_steps_away_is_as_new_as_what_its_input_was_computed_from(ledger: Ledger) -> None:
    ledger.batch(1, received=NOON - 2 * HOUR, newest=NOON - 2 * HOUR)
    ledger.run(CURATED, NOON - 2 * HOUR, version=1, inputs={RAW: 1}, lines={TODAY: PUBLISHED})
    ledger.batch(2, received=NOON, newest=NOON)
    ledger.run(SERVED, NOON, version=1, inputs={CURATED: 1}, lines={"all": PUBLISHED})
    values = ledger.measure(NOON)
    assert naive(ledger, SERVED, NOON) == 0.0
    assert [age(values, name) for name in (RAW, CURATED, SERVED)] == [0.0, 7200.0, 7200.0]


def test_what_was_never_published_is_unknown_and_never_good(ledger: Ledger) -> None:
    ledger.batch(1, received=NOON, newest=NOON)
    values = ledger.measure(NOON)
    assert (age(values, CURATED), state(values, CURATED)) == (None, "unknown")


def test_of_a_source_without_event_time_a_batch_without_rows_says_nothing_new(metastore: Metastore) -> None:
    ledger = Ledger(metastore, [contract(RAW, latency=HOUR, event_time=False)])
    ledger.batch(1, received=NOON, day=NOON.date())
    assert age(ledger.measure(NOON), RAW) == 0.0
    later = NOON + 5 * HOUR
    ledger.batch(2, received=later, rows=0, day=NOON.date())
    assert age(ledger.measure(later), RAW) in (0.0, 5 * 3600.0)


def test_seconds_are_good_until_the_bound_and_bad_after_it(ledger: Ledger) -> None:
    ledger.batch(1, received=NOON, newest=NOON)
    values = of(ledger.watch(NOON, NOON + 2 * HOUR + MINUTE, every=MINUTE), "freshness", RAW)
    good, bad, unknown = sums(values)
    assert (good + bad, unknown) == (7260.0, 0.0)
    assert good == 3600.0


def test_the_last_run_is_shown_apart(ledger: Ledger) -> None:
    ledger.batch(1, received=NOON, newest=NOON - HOUR)
    (value,) = of(ledger.measure(NOON + TICK), "freshness", RAW)
    assert (value.value, value.evidence["last_run_at"]) == (3615.0, NOON.isoformat())
