from __future__ import annotations

from datetime import timedelta
from statistics import mean

import pytest

from data_platform.metastore.engine import Metastore
from data_platform.metastore.tables import PartitionState
from data_platform.observability.slis.processing_lag import drift, percentile, slope
from data_platform_tests.unit.observability.slis.ledger import (
    CURATED,
    DAY,
    NOON,
    RAW,
    SERVED,
    TICK,
    Ledger,
    contract,
    of,
    sums,
)

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
ALL = {"all": PartitionState.PUBLISHED}


@pytest.fixture
def ledger(metastore: Metastore) -> Ledger:
    return Ledger(metastore, [contract(name) for name in (RAW, CURATED, SERVED)])


def test_a_batch_counts_once_for_the_publish_that_first_held_it(ledger: Ledger) -> None:
    ledger.measure(NOON)
    ledger.batch(1, received=NOON + SECOND, recorded=NOON + 3 * SECOND)
    ledger.batch(2, received=NOON + 2 * SECOND, recorded=NOON + 3 * SECOND)
    for version, after in ((1, 11), (2, 100), (3, 1000)):  # published three times
        ledger.run(CURATED, NOON + after * SECOND, version=version, inputs={RAW: 2}, lines=ALL)
    (value,) = of(ledger.measure(NOON + 20 * MINUTE), "processing_lag", CURATED)
    runs = [run.ended_at for run in ledger.metastore.runs.published(CURATED) if run.ended_at]
    naive = mean((ended - NOON).total_seconds() for ended in runs)  # from every publish
    assert naive == pytest.approx(370.3, abs=0.1)
    assert (value.evidence["batches"], value.evidence["p50"], value.value) == (2, 9.0, 10.0)


def test_the_way_through_other_datasets_counts_from_receipt(ledger: Ledger) -> None:
    ledger.measure(NOON)
    ledger.batch(1, received=NOON)
    ledger.run(CURATED, NOON + 10 * MINUTE, version=1, inputs={RAW: 1}, lines=ALL)
    ledger.run(SERVED, NOON + 11 * MINUTE, version=1, inputs={CURATED: 1}, lines=ALL)
    (value,) = of(ledger.measure(NOON + 12 * MINUTE), "processing_lag", SERVED)
    naive = 60.0  # how long its own run took
    assert (naive <= 120, value.value, value.good, value.bad) == (True, 660.0, 0.0, 1.0)


def test_nothing_is_counted_again(ledger: Ledger) -> None:
    ledger.measure(NOON)
    ledger.batch(1, received=NOON + SECOND)
    ledger.run(CURATED, NOON + 2 * SECOND, version=1, inputs={RAW: 1}, lines=ALL)
    values = ledger.watch(NOON + TICK, NOON + 12 * MINUTE)
    assert sums(of(values, "processing_lag")) == (2.0, 0.0, 0.0)


def test_a_slow_drift_shows_where_the_average_stays_the_same(ledger: Ledger) -> None:
    """Outliers shrink while everything else gets slower: the mean stands still, the slope of the p95 does not."""
    daily = []
    ledger.measure(NOON - TICK)
    number = 0
    for day in range(8):
        start = NOON + day * DAY
        usual = 10 + 6 * day
        outlier = 2000 - 20 * 6 * day
        waits = [usual] * 40 + [outlier] * 2
        daily.append(mean(waits))
        for wait in waits:
            number += 1
            ledger.batch(number, received=start, recorded=start + wait * SECOND)
        ledger.measure(start + DAY - TICK)
    assert max(daily) - min(daily) < 1  # what a dashboard of averages shows
    found = drift(ledger.metastore, RAW, now=NOON + 8 * DAY)
    assert found is not None
    assert found > 0


def test_the_slope_and_the_rank_are_those_of_textbooks() -> None:
    assert slope([(0, 1.0), (1, 3.0), (2, 5.0)]) == pytest.approx(2.0)
    assert slope([(0, 1.0), (1, 3.0)]) is None
    assert [percentile([1, 2, 3, 4], share) for share in (0.25, 0.5, 0.95)] == [1, 2, 4]
