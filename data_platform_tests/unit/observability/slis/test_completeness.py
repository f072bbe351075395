from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from data_platform.metastore.batches import FileEntry
from data_platform.metastore.engine import Metastore
from data_platform.metastore.source_counts import SourceCountEntry
from data_platform.metastore.tables import FileOutcome
from data_platform.observability.slis.forecast import forecast
from data_platform_tests.unit.observability.slis.ledger import DAY, HOUR, NOON, RAW, TICK, Ledger, contract, of, sums

YESTERDAY = "2026-03-19"


@pytest.fixture
def ledger(metastore: Metastore) -> Ledger:
    return Ledger(metastore, [contract(RAW, every=DAY, latency=HOUR)])


def expect(
    ledger: Ledger,
    partition: str,
    rows: int,
    *,
    source: str = "files",
    provenance: str = "source",
    confidence: float = 1.0,
    at: datetime = NOON,
    arrived: int | None = None,
) -> None:
    entry = SourceCountEntry(
        dataset=RAW,
        source=source,
        partition=partition,
        provenance=provenance,
        expected_rows=rows,
        confidence=confidence,
        counted_at=at,
        arrived_rows=arrived,
    )
    ledger.metastore.operations.source_counts.record([entry])


def naive_reader(ledger: Ledger) -> float:
    """What arrived over what our own reader saw."""
    batches = ledger.metastore.batches.of(RAW)
    return sum(b.raw_rows + b.rejected_rows for b in batches) / sum(b.source_rows for b in batches)


def file(ledger: Ledger, batch: int, name: str, rows: int, *, rejected: int = 0) -> None:
    of_batch = ledger.metastore.batches.of(RAW)[0]
    assert of_batch.number == batch
    line = FileEntry(
        dataset=RAW,
        batch_id=of_batch.batch_id,
        position=0,
        name=name,
        sha256=f"{batch}",
        outcome=FileOutcome.READ,
        source_rows=rows + rejected,
        raw_rows=rows,
        rejected_rows=rejected,
    )
    ledger.metastore.batches.record(of_batch, files=[line])


def test_what_the_reader_did_not_see_is_missing_all_the_same(ledger: Ledger) -> None:
    ledger.measure(NOON - HOUR)
    ledger.batch(1, received=NOON - DAY, newest=NOON - DAY, rows=900)
    expect(ledger, YESTERDAY, 1000)
    (value,) = of(ledger.measure(NOON + TICK), "completeness")
    assert naive_reader(ledger) == 1.0
    assert (value.value, value.good, value.bad, value.provenance) == (0.9, 900.0, 100.0, "source")


def test_too_many_rows_of_one_day_do_not_make_up_for_another(ledger: Ledger) -> None:
    ledger.measure(NOON - HOUR)
    ledger.batch(1, received=NOON - DAY, newest=NOON - DAY, rows=1500)
    ledger.batch(2, received=NOON - 2 * DAY, newest=NOON - 2 * DAY, rows=500)
    expect(ledger, YESTERDAY, 1000)
    expect(ledger, "2026-03-18", 1000)
    values = of(ledger.measure(NOON + TICK), "completeness")
    naive = 2000 / 2000
    assert naive == 1.0
    assert sums(values) == (1500.0, 500.0, 0.0)


def test_a_file_is_held_against_its_manifest_as_soon_as_it_is_landed(ledger: Ledger) -> None:
    ledger.measure(NOON - HOUR)
    ledger.batch(1, received=NOON, rows=90, rejected=5)
    file(ledger, 1, "a.csv", 90, rejected=5)
    expect(ledger, "file:a.csv", 100, provenance="manifest")
    expect(ledger, "file:b.csv", 50, provenance="manifest")
    (first,) = of(ledger.measure(NOON + TICK), "completeness")
    assert (first.partition, first.value, first.evidence["rejected"]) == ("files/file:a.csv", 0.95, 5)
    (second,) = of(ledger.measure(NOON + HOUR + TICK), "completeness")
    assert (second.partition, second.value, second.bad) == ("files/file:b.csv", 0.0, 50.0)


def test_what_comes_later_is_told_and_the_breach_stays_counted(ledger: Ledger) -> None:
    ledger.measure(NOON - HOUR)
    expect(ledger, YESTERDAY, 100)
    first = of(ledger.measure(NOON + TICK), "completeness")
    ledger.batch(1, received=NOON + HOUR, newest=NOON - DAY, rows=100)
    later = of(ledger.measure(NOON + HOUR + TICK), "completeness")
    assert [value.value for value in (*first, *later)] == [0.0, 1.0]
    assert sums([*first, *later]) == (0.0, 100.0, 0.0)


def test_a_day_is_judged_when_it_is_over(ledger: Ledger) -> None:
    ledger.measure(NOON - HOUR)
    ledger.batch(1, received=NOON, newest=NOON, rows=60)
    expect(ledger, "2026-03-20", 100)
    assert of(ledger.measure(NOON + TICK), "completeness") == []
    (value,) = of(ledger.measure(NOON + 12 * HOUR + TICK), "completeness")
    assert value.value == 0.6


def test_what_was_compared_where_it_was_counted_is_believed_and_counted_once(ledger: Ledger) -> None:
    ledger.measure(NOON - HOUR)
    ledger.batch(
        1, received=NOON - DAY, newest=NOON - DAY, rows=5000
    )  # of which the ledger cannot say which came twice
    expect(ledger, "table:public.visits", 100, arrived=90)
    expect(ledger, "2026-03-20", 40, arrived=30)
    (table,) = of(ledger.measure(NOON + TICK), "completeness")
    assert (table.partition, table.value) == ("files/table:public.visits", 0.9)
    assert sums([table]) == (90.0, 10.0, 0.0)
    expect(ledger, "table:public.visits", 120, arrived=110, at=NOON + HOUR)
    (again,) = of(ledger.measure(NOON + HOUR + TICK), "completeness")
    assert sums([again]) == (10.0, 0.0, 0.0)
    (day,) = of(ledger.measure(NOON + 12 * HOUR + TICK), "completeness")  # it is over
    assert (day.partition, day.value) == ("files/2026-03-20", 0.75)


def test_a_guess_is_flagged_and_makes_nothing_bad(ledger: Ledger) -> None:
    ledger.measure(NOON - HOUR)
    expect(ledger, YESTERDAY, 1000, provenance="forecast", confidence=0.5)
    (value,) = of(ledger.measure(NOON + TICK), "completeness")
    assert (value.provenance, value.value, value.evidence["confidence"]) == ("forecast", 0.0, 0.5)
    assert sums([value]) == (0.0, 0.0, 1000.0)


def test_the_word_of_the_source_goes_before_a_guess(ledger: Ledger) -> None:
    ledger.measure(NOON - HOUR)
    expect(ledger, YESTERDAY, 400, provenance="forecast", confidence=0.9)
    expect(ledger, YESTERDAY, 0, provenance="manifest")
    (value,) = of(ledger.measure(NOON + TICK), "completeness")
    assert (value.provenance, value.value) == ("manifest", 1.0)


def test_a_guess_that_comes_later_leaves_what_was_proven(ledger: Ledger) -> None:
    ledger.measure(NOON - HOUR)
    expect(ledger, YESTERDAY, 100, provenance="manifest")
    (value,) = of(ledger.measure(NOON + TICK), "completeness")
    assert (value.provenance, value.bad) == ("manifest", 100.0)
    later = NOON + 3 * DAY + HOUR  # the manifest is older than what is looked at
    expect(ledger, YESTERDAY, 50, provenance="forecast", at=later)
    assert of(ledger.measure(later + TICK), "completeness") == []


def test_a_proof_that_comes_after_a_guess_of_the_same_counts_what_is_missing(ledger: Ledger) -> None:
    ledger.measure(NOON - HOUR)
    ledger.batch(1, received=NOON - DAY, newest=NOON - DAY, rows=90)
    expect(ledger, YESTERDAY, 100, provenance="forecast", confidence=0.9)
    (guess,) = of(ledger.measure(NOON + TICK), "completeness")
    assert sums([guess]) == (90.0, 0.0, 10.0)
    expect(ledger, YESTERDAY, 100, provenance="manifest")
    (proof,) = of(ledger.measure(NOON + 2 * TICK), "completeness")
    assert (proof.partition, proof.provenance, proof.value) == (guess.partition, "manifest", 0.9)
    assert sums([proof]) == (0.0, 10.0, 0.0)


def test_a_day_that_is_counted_after_all_takes_the_place_of_its_forecast(ledger: Ledger) -> None:
    day = NOON - 12 * HOUR - DAY
    for week, rows in enumerate((80, 100, 100, 100, 100)):
        ledger.batch(5 - week, received=day - week * 7 * DAY, newest=day - week * 7 * DAY, rows=rows)
    ledger.measure(NOON - 12 * HOUR + 30 * timedelta(minutes=1))
    (guess,) = of(ledger.measure(NOON - 11 * HOUR + TICK), "completeness")
    assert (guess.value, guess.good, guess.unknown) == (0.8, 80.0, 20.0)
    expect(ledger, YESTERDAY, 80)  # a slow day at the source, nothing is missing
    expect(ledger, YESTERDAY, 80, source="others")
    values = of(ledger.measure(NOON + TICK), "completeness")
    found = {value.partition: value for value in values}
    assert len(found) == len(values) == 3
    proof, instead = found["files/2026-03-19"], found[guess.partition]
    assert (proof.provenance, proof.value) == ("source", 1.0)
    assert sums([proof]) == (0.0, 0.0, 0.0)  # the forecast counted the 80 already
    assert (instead.value, instead.provenance) == (None, "source")
    assert of(ledger.measure(NOON + 2 * TICK), "completeness") == []


def test_without_any_count_the_same_weekdays_before_are_the_forecast(ledger: Ledger) -> None:
    day = NOON - 12 * HOUR - DAY  # the 19th
    for week, rows in enumerate((80, 100, 102, 98, 100)):
        ledger.batch(5 - week, received=day - week * 7 * DAY, newest=day - week * 7 * DAY, rows=rows)
    ledger.measure(NOON - 12 * HOUR + 30 * timedelta(minutes=1))
    (value,) = of(ledger.measure(NOON - 11 * HOUR + TICK), "completeness")  # the day and its latency are over
    assert (value.partition, value.provenance, value.value) == ("day:2026-03-19", "forecast", 0.8)
    assert (value.bad, value.unknown) == (0.0, 20.0)
    assert value.evidence["confidence"] < 1


def test_a_source_that_was_followed_to_its_end_may_still_have_had_less_than_usual(ledger: Ledger) -> None:
    day = NOON - 12 * HOUR - DAY
    for week, rows in enumerate((80, 100, 102, 98, 100)):
        ledger.batch(5 - week, received=day - week * 7 * DAY, newest=day - week * 7 * DAY, rows=rows)
    ledger.measure(NOON - 12 * HOUR + 30 * timedelta(minutes=1))
    expect(ledger, "batches:files/5-5", 80, arrived=80, at=NOON - 12 * HOUR)
    taken, usual = of(ledger.measure(NOON - 11 * HOUR + TICK), "completeness")
    assert (taken.provenance, taken.value, taken.good) == ("source", 1.0, 80.0)
    assert (usual.provenance, usual.value) == ("forecast", 0.8)
    assert sums([usual]) == (0.0, 0.0, 20.0)  # each record is good once


def test_too_little_history_is_no_forecast_and_noise_is_little_confidence() -> None:
    assert forecast([100, 0, 0, 0]) is None
    steady, noisy = forecast([100, 100, 100, 100]), forecast([10, 100, 300, 1000])
    assert steady is not None
    assert noisy is not None
    assert (steady, noisy[1] < 0.5) == ((100, 0.9), True)
