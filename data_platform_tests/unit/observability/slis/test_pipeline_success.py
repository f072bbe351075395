from __future__ import annotations

from datetime import timedelta

import pytest

from data_platform.metastore.engine import Metastore
from data_platform.metastore.heartbeats import Heartbeat
from data_platform.metastore.objective_tables import SlotOutcome
from data_platform.metastore.run_slots import RunSlotEntry
from data_platform.metastore.tables import PartitionState, Phase, RunState
from data_platform_tests.unit.observability.slis.ledger import (
    CURATED,
    DAY,
    HOUR,
    NOON,
    RAW,
    TICK,
    Ledger,
    contract,
    of,
    sums,
)

PUBLISHED, BLOCKED = PartitionState.PUBLISHED, PartitionState.BLOCKED
ALL = {"all": PUBLISHED}


def naive(ledger: Ledger) -> float:
    """Successful runs over all runs, as the table of metrics has it."""
    runs = [run for run in ledger.metastore.runs.recent(limit=1000) if run.state is not RunState.RUNNING]
    return sum(run.state is RunState.SUCCEEDED for run in runs) / len(runs)


@pytest.fixture
def hourly(metastore: Metastore) -> Ledger:
    return Ledger(metastore, [contract(CURATED, every=HOUR)])


@pytest.fixture
def daily(metastore: Metastore) -> Ledger:
    """By day, each due at six in the morning after."""
    return Ledger(metastore, [contract(CURATED, every=DAY, latency=6 * HOUR, by_day=True)])


def slots(ledger: Ledger) -> list[RunSlotEntry]:
    return list(reversed(ledger.metastore.operations.run_slots.of(CURATED)))


def test_a_run_that_never_started_is_a_failure(hourly: Ledger) -> None:
    hourly.measure(NOON)
    hourly.run(CURATED, NOON + timedelta(minutes=10), version=1, lines=ALL)
    hourly.run(CURATED, NOON + timedelta(minutes=130), version=2, lines=ALL)
    values = of(hourly.measure(NOON + 3 * HOUR + TICK * 3), "pipeline_success")
    assert naive(hourly) == 1.0
    assert [slot.outcome for slot in slots(hourly)] == [SlotOutcome.MET, SlotOutcome.MISSED, SlotOutcome.MET]
    assert sums(values) == (2.0, 1.0, 0.0)


def test_a_short_run_over_the_partitions_that_work_does_not_hide_the_others(daily: Ledger) -> None:
    daily.measure(NOON - 7 * HOUR)
    at = NOON + 6 * HOUR
    days = [f"2026-03-{day}" for day in range(16, 21)]
    daily.run(CURATED, at, state=RunState.BLOCKED, lines=dict.fromkeys(days, BLOCKED))
    daily.run(CURATED, at + HOUR, version=1, lines=dict.fromkeys(days[2:], PUBLISHED))
    daily.run(CURATED, at + 2 * HOUR, version=2, lines={days[4]: PUBLISHED})
    values = of(daily.measure(NOON + 18 * HOUR + TICK * 3), "pipeline_success")
    assert naive(daily) == pytest.approx(2 / 3)
    (slot,) = slots(daily)
    assert (slot.outcome, slot.partitions_met, slot.partitions_due) == (SlotOutcome.PARTIAL, 3, 5)
    assert sums(values) == pytest.approx((0.6, 0.4, 0.0))


def test_a_crash_that_left_no_line_counts_the_days_it_was_about(daily: Ledger) -> None:
    daily.measure(NOON - 7 * HOUR)
    daily.run(CURATED, NOON + HOUR, state=RunState.FAILED, days=("2026-03-17", "2026-03-19"))
    daily.run(CURATED, NOON + 2 * HOUR, version=1, lines={"2026-03-20": PUBLISHED})
    daily.measure(NOON + 18 * HOUR + TICK * 3)
    assert [(slot.partitions_met, slot.partitions_due) for slot in slots(daily)] == [(1, 4)]


def test_running_an_old_day_is_not_the_run_that_was_due(daily: Ledger) -> None:
    daily.measure(NOON - 7 * HOUR)
    daily.run(CURATED, NOON + 15 * HOUR, version=1, lines={"2026-03-01": PUBLISHED})
    daily.measure(NOON + 18 * HOUR + TICK * 3)
    assert naive(daily) == 1.0
    (slot,) = slots(daily)
    assert (slot.outcome, slot.partitions_met, slot.partitions_due) == (SlotOutcome.PARTIAL, 1, 2)
    assert "2026-03-20" in slot.detail


def test_catching_up_does_not_repair_a_missed_slot(hourly: Ledger) -> None:
    hourly.measure(NOON)
    hourly.measure(NOON + HOUR + TICK * 3)
    hourly.run(CURATED, NOON + 90 * TICK * 3, version=1, lines=ALL)
    hourly.measure(NOON + 2 * HOUR + TICK * 3)
    assert [slot.outcome for slot in slots(hourly)] == [SlotOutcome.MISSED, SlotOutcome.MET]


def test_a_retry_that_succeeded_in_time_is_a_success(hourly: Ledger) -> None:
    hourly.measure(NOON)
    hourly.run(CURATED, NOON + timedelta(minutes=10), state=RunState.FAILED)
    hourly.run(CURATED, NOON + timedelta(minutes=20), version=1, lines=ALL)
    values = of(hourly.measure(NOON + HOUR + TICK * 3), "pipeline_success")
    assert naive(hourly) == 0.5
    assert sums(values) == (1.0, 0.0, 0.0)


def test_a_run_that_goes_on_at_its_deadline_failed_it(hourly: Ledger) -> None:
    hourly.measure(NOON)
    hourly.run(CURATED, NOON + HOUR, state=RunState.RUNNING, took=timedelta(minutes=30))
    hourly.measure(NOON + HOUR + TICK * 3)
    assert [(slot.outcome, slot.detail) for slot in slots(hourly)] == [
        (SlotOutcome.FAILED, "still running at the deadline")
    ]


def test_slots_that_came_due_while_nobody_watched_are_judged_from_the_ledger(hourly: Ledger) -> None:
    hourly.measure(NOON)
    for hour in (1, 2, 4, 5):
        hourly.run(CURATED, NOON + hour * HOUR - timedelta(minutes=1), version=hour, lines=ALL)
    values = of(hourly.measure(NOON + 5 * HOUR + TICK * 3), "pipeline_success")
    assert sums(values) == (4.0, 1.0, 0.0)


def test_of_more_slots_than_are_judged_at_once_the_rest_is_unknown(metastore: Metastore) -> None:
    ledger = Ledger(metastore, [contract(CURATED, every=timedelta(minutes=1))])
    ledger.measure(NOON)
    values = of(ledger.measure(NOON + 10 * HOUR + TICK * 3), "pipeline_success")
    assert sums(values) == (0.0, 200.0, 400.0)


def test_a_connector_that_found_nothing_new_met_its_slot_and_a_silent_one_missed_it(metastore: Metastore) -> None:
    ledger = Ledger(metastore, [contract(RAW, every=HOUR)])
    ledger.measure(NOON)
    at = NOON + timedelta(minutes=10)
    beat = Heartbeat(
        dataset=RAW,
        source="files",
        kind="file_drop",
        instance="host:1",
        phase=Phase.ENDED,
        started_at=at,
        beat_at=at,
        progressed_at=at,
        position={},
        ended_at=at,
    )
    metastore.heartbeats.beat(beat)
    ledger.measure(NOON + HOUR + TICK * 3)
    ledger.measure(NOON + 2 * HOUR + TICK * 3)
    found = reversed(metastore.operations.run_slots.of(RAW))
    assert [slot.outcome for slot in found] == [SlotOutcome.MET, SlotOutcome.MISSED]


def test_without_a_promised_frequency_every_run_counts_once(metastore: Metastore) -> None:
    ledger = Ledger(metastore, [contract(CURATED)])
    ledger.measure(NOON)
    ledger.run(CURATED, NOON + TICK / 2, version=1, lines=ALL)
    ledger.run(CURATED, NOON + TICK / 2, state=RunState.FAILED)
    first = of(ledger.measure(NOON + TICK), "pipeline_success")
    again = of(ledger.measure(NOON + 2 * TICK), "pipeline_success")
    assert (sums(first), again) == ((1.0, 1.0, 0.0), [])


def test_a_run_whose_end_became_readable_late_is_counted_all_the_same(metastore: Metastore) -> None:
    ledger = Ledger(metastore, [contract(CURATED)])
    ledger.measure(NOON)
    ledger.measure(NOON + TICK)
    ledger.run(CURATED, NOON + TICK / 2, version=1, lines=ALL)  # stamped before the measurement that did not see it
    assert sums(of(ledger.measure(NOON + 2 * TICK), "pipeline_success")) == (1.0, 0.0, 0.0)
