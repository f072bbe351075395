from __future__ import annotations

from datetime import timedelta

from data_platform.metastore.engine import Metastore, open_metastore
from data_platform.metastore.source_counts import SourceCountEntry
from data_platform.metastore.tables import PartitionState, RunState
from data_platform_tests.unit.observability.slis.ledger import (
    CURATED,
    DAY,
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

PUBLISHED = PartitionState.PUBLISHED


def test_an_hour_of_a_small_project_measures_the_same_on_every_database(metastore: Metastore) -> None:
    promised = [contract(name, every=HOUR, latency=HOUR, by_day=name == CURATED) for name in (RAW, CURATED, SERVED)]
    ledger = Ledger(metastore, promised)
    ledger.batch(1, received=NOON - HOUR, newest=NOON - HOUR, rows=80)
    ledger.measure(NOON - HOUR)
    ledger.measure(NOON)
    ledger.batch(2, received=NOON + TICK, newest=NOON + TICK, rows=20, rejected=5)
    ledger.run(CURATED, NOON + 2 * TICK, version=1, inputs={RAW: 2}, lines={"2026-03-20": PUBLISHED})
    ledger.run(SERVED, NOON + 3 * TICK, version=1, inputs={CURATED: 1}, lines={"all": PUBLISHED})
    ledger.run(CURATED, NOON + 4 * TICK, state=RunState.FAILED, days=("2026-03-01", "2026-03-02"))
    metastore.operations.source_counts.record(
        [
            SourceCountEntry(
                dataset=RAW,
                source="files",
                partition="batch:files/2",
                provenance="source",
                expected_rows=30,
                confidence=1.0,
                counted_at=NOON,
            )
        ]
    )
    values = ledger.watch(NOON + 5 * TICK, NOON + 2 * HOUR + 4 * TICK, every=timedelta(minutes=1))
    assert sums(of(values, "processing_lag")) == (3.0, 2.0, 0.0)  # the first batch waited an hour for readers
    assert sums(of(values, "completeness")) == (25.0, 5.0, 0.0)
    assert sums(of(values, "freshness", SERVED))[2] == 0.0
    # three hours: raw had a batch in two of them, served a run in one
    assert sums(of(values, "pipeline_success", RAW)) == (2.0, 1.0, 0.0)
    assert sums(of(values, "pipeline_success", SERVED)) == (1.0, 2.0, 0.0)


def test_two_processes_that_watch_at_once_count_once(metastore: Metastore, url: str) -> None:
    other = open_metastore(url)
    try:
        one, two = Ledger(metastore, [contract(RAW)]), Ledger(other, [contract(RAW)])
        one.measure(NOON)
        values = [*one.measure(NOON + TICK), *two.measure(NOON + TICK), *two.measure(NOON + 2 * TICK)]
    finally:
        other.close()
    assert sums(of(values, "watched")) == (30.0, 0.0, 0.0)


def test_old_values_are_forgotten_and_the_newest_of_each_indicator_stays(metastore: Metastore) -> None:
    ledger = Ledger(metastore, [contract(RAW)])
    for day in range(3):
        ledger.measure(NOON + day * DAY)
    values = metastore.operations.sli_values
    chunks = [len(chunk) for chunk in values.chunks(upto=NOON + 3 * DAY, size=2)]
    assert sum(chunks) == 3 + 3 + 1 + 3  # watched, freshness, contracts in force, coverage
    assert metastore.prune(NOON + 9 * DAY)["sli_values"] == 6
    assert values.cursor("watched") == NOON + 2 * DAY
    assert ledger.measure(NOON + 2 * DAY) == ()
