from __future__ import annotations

import pytest

from data_platform.metastore.checks import CheckEntry
from data_platform.metastore.engine import Metastore
from data_platform.metastore.tables import PartitionState
from data_platform_tests.unit.observability.slis.ledger import (
    CURATED,
    NOON,
    RAW,
    SERVED,
    TICK,
    Ledger,
    contract,
    of,
    sums,
)

DAY_LINE = {"2026-03-20": PartitionState.PUBLISHED}


@pytest.fixture
def ledger(metastore: Metastore) -> Ledger:
    return Ledger(metastore, [contract(RAW), contract(CURATED, by_day=True), contract(SERVED)])


def check(ledger: Ledger, run_id: str, rule: str, *, examined: int | None, failing: int | None, kind: str) -> None:
    verdict = "unknown" if examined is None else "passed" if not failing else "failed"
    ledger.metastore.checks.record(
        [
            CheckEntry(
                run_id=run_id,
                dataset=SERVED,
                rule=rule,
                kind=kind,
                reason="",
                severity="warn",
                verdict=verdict,
                rows_examined=examined,
                failing_rows=failing,
                tolerance="",
                engine="duckdb",
                data_version=1,
                contract_version="1.0.0",
                recorded_at=NOON,
            )
        ]
    )


def naive_rules(ledger: Ledger, run_id: str) -> float:
    """Passed checks over all checks."""
    checks = ledger.metastore.checks.of_run(run_id)
    return sum(one.verdict != "failed" for one in checks) / len(checks)


def naive_lines(ledger: Ledger) -> float:
    """Curated rows over all rows of every publish."""
    lines = ledger.metastore.partitions.history(CURATED)
    return sum(line.curated for line in lines) / sum(line.raw_rows for line in lines)


def test_publishing_the_same_day_again_does_not_thin_out_its_bad_rows(ledger: Ledger) -> None:
    ledger.measure(NOON)
    first = {"raw_rows": 100, "curated": 90, "quarantined": 10}
    more = {"raw_rows": 200, "curated": 150, "quarantined": 50}
    ledger.run(CURATED, NOON + TICK, version=1, lines=DAY_LINE, counts=first)
    values = of(ledger.measure(NOON + 2 * TICK), "validity", CURATED)
    for version in range(2, 9):
        ledger.run(CURATED, NOON + 3 * TICK, version=version, lines=DAY_LINE, counts=first)
    values += of(ledger.measure(NOON + 4 * TICK), "validity", CURATED)
    ledger.run(CURATED, NOON + 5 * TICK, version=9, lines=DAY_LINE, counts=more)
    values += of(ledger.measure(NOON + 6 * TICK), "validity", CURATED)
    assert naive_lines(ledger) == pytest.approx(0.87)
    assert [value.value for value in values] == [0.9, 0.6]
    assert sums(values) == (150.0, 50.0, 0.0)


def test_many_rules_that_hold_do_not_hide_the_one_that_most_rows_break(ledger: Ledger) -> None:
    ledger.measure(NOON)
    run_id = ledger.run(SERVED, NOON + TICK, version=1, inputs={CURATED: 1}, lines={"all": PartitionState.PUBLISHED})
    for number in range(9):
        check(ledger, run_id, f"fine_{number}", examined=100, failing=0, kind="bounds")
    check(ledger, run_id, "broken", examined=100, failing=60, kind="row_sql")
    (value,) = of(ledger.measure(NOON + 2 * TICK), "validity", SERVED)
    assert naive_rules(ledger, run_id) == 0.9
    assert value.value == pytest.approx(0.4)


def test_rules_that_saw_no_row_are_unknown(ledger: Ledger) -> None:
    ledger.measure(NOON)
    run_id = ledger.run(SERVED, NOON + TICK, version=1, inputs={CURATED: 1}, lines={"all": PartitionState.PUBLISHED})
    check(ledger, run_id, "one", examined=0, failing=0, kind="bounds")
    (value,) = of(ledger.measure(NOON + 2 * TICK), "validity", SERVED)
    assert naive_rules(ledger, run_id) == 1.0
    assert (value.value, sums([value])) == (None, (0.0, 0.0, 1.0))


def test_records_that_could_not_be_read_are_not_valid(ledger: Ledger) -> None:
    ledger.measure(NOON)
    ledger.batch(1, received=NOON + TICK, rows=75, rejected=25)
    (value,) = of(ledger.measure(NOON + 2 * TICK), "validity", RAW)
    assert value.value == 0.75


def test_duplicates_are_counted_where_they_are_taken_out(ledger: Ledger) -> None:
    ledger.measure(NOON)
    counts = {"raw_rows": 100, "curated": 70, "duplicate": 30}
    ledger.run(CURATED, NOON + TICK, version=1, lines=DAY_LINE, counts=counts)
    values = of(ledger.measure(NOON + 2 * TICK), "duplication", CURATED)
    ledger.run(CURATED, NOON + 3 * TICK, version=2, lines=DAY_LINE, counts=counts)
    values += of(ledger.measure(NOON + 4 * TICK), "duplication", CURATED)
    curated = list(range(70))  # the keys in the result
    naive = 1 - len(set(curated)) / len(curated)
    assert naive == 0.0
    assert [value.value for value in values] == [0.3]
    assert sums(values) == (70.0, 30.0, 0.0)


def test_a_rule_of_uniqueness_tells_of_a_computed_table(ledger: Ledger) -> None:
    ledger.measure(NOON)
    run_id = ledger.run(SERVED, NOON + TICK, version=1, inputs={CURATED: 1}, lines={"all": PartitionState.PUBLISHED})
    check(ledger, run_id, "key_unique", examined=50, failing=5, kind="unique")
    (value,) = of(ledger.measure(NOON + 2 * TICK), "duplication", SERVED)
    assert value.value == 0.1
