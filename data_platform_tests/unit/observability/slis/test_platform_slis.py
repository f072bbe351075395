from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from data_platform.contracts.model import DatasetName
from data_platform.metastore.catalog_findings import FindingEntry, ScanEntry
from data_platform.metastore.contract_checks import ContractCheckEntry
from data_platform.metastore.engine import Metastore
from data_platform.metastore.queued_runs import QueuedRunEntry
from data_platform_tests.unit.observability.slis.ledger import (
    CURATED,
    HOUR,
    NOON,
    RAW,
    TICK,
    Ledger,
    changed,
    contract,
    of,
    sums,
)

MINUTE = timedelta(minutes=1)
OLD, NEW = "a" * 64, "b" * 64


@pytest.fixture
def ledger(metastore: Metastore) -> Ledger:
    return Ledger(metastore, [contract(RAW), contract(CURATED)])


def scan(ledger: Ledger, at: datetime, *, discovered: int, cataloged: int) -> None:
    entry = ScanEntry(
        started_at=at,
        ended_at=at,
        discovered=discovered,
        cataloged=cataloged,
        managed=cataloged,
        drifted=0,
        unmanaged=discovered - cataloged,
        missing=0,
        undecided=discovered - cataloged,
    )
    ledger.metastore.catalog.scans.record(entry)


def drifted(ledger: Ledger, name: str) -> None:
    finding = FindingEntry(
        name=name,
        kind="delta",
        place=name,
        dataset_namespace="data_platform",
        dataset_name=name,
        standing="drifted",
        differences=(),
        fingerprint="1",
        version=1,
        rows=1,
        size_bytes=1,
        first_seen_at=NOON,
        changed_at=NOON,
        last_seen_at=NOON,
    )
    ledger.metastore.catalog.findings.put([finding])


def verdict(ledger: Ledger, before: str, after: str, *, is_allowed: bool = True) -> None:
    entry = ContractCheckEntry(
        dataset=CURATED,
        before_sha256=before,
        after_sha256=after,
        verdict="compatible",
        is_allowed=is_allowed,
        at=NOON,
        who="ci",
    )
    ledger.metastore.operations.contract_checks.record([entry])


def queued(ledger: Ledger, run_id: str, enqueued: datetime, *, started: datetime | None = None, reason: str) -> None:
    entry = QueuedRunEntry(
        run_id=run_id,
        job="make",
        lane="default",
        enqueued_at=enqueued,
        started_at=started,
        reason=reason,
        sampled_at=max(enqueued, started or enqueued),
    )
    ledger.metastore.operations.queued_runs.record([entry])


def naive_checks(ledger: Ledger) -> float:
    """Passed checks over all checks that ran."""
    checks = ledger.metastore.operations.contract_checks.all()
    return sum(check.is_allowed for check in checks) / len(checks)


def test_a_change_that_bypassed_the_check_counts_against_it(ledger: Ledger) -> None:
    ledger.measure(NOON)
    verdict(ledger, OLD, NEW)
    changed(ledger, CURATED, sha256=NEW)
    checked = of(ledger.measure(NOON + TICK), "schema_compatibility", "platform")
    changed(ledger, CURATED, sha256="c" * 64)  # nobody compared this one
    bypassed = of(ledger.measure(NOON + 2 * TICK), "schema_compatibility")
    assert naive_checks(ledger) == 1.0
    assert sums(checked) == (1.0, 0.0, 0.0)
    assert {(value.subject, value.value, value.bad) for value in bypassed} == {
        ("platform", 0.5, 1.0),
        (CURATED, 0.0, 1.0),
    }


def test_a_verdict_that_did_not_allow_the_change_is_no_excuse(ledger: Ledger) -> None:
    ledger.measure(NOON)
    verdict(ledger, OLD, NEW, is_allowed=False)
    changed(ledger, CURATED, sha256=NEW)
    assert sums(of(ledger.measure(NOON + TICK), "schema_compatibility", CURATED)) == (0.0, 1.0, 0.0)


def test_a_change_made_while_the_contract_could_not_be_read_is_seen_when_it_can(ledger: Ledger) -> None:
    ledger.measure(NOON)
    ledger.unread = frozenset({DatasetName.parse(CURATED)})
    ledger.measure(NOON + TICK)
    ledger.unread = frozenset()
    changed(ledger, CURATED, sha256=NEW)
    assert sums(of(ledger.measure(NOON + 2 * TICK), "schema_compatibility", CURATED)) == (0.0, 1.0, 0.0)


def test_a_table_that_drifted_in_the_store_is_a_change_nobody_checked_and_counts_once(ledger: Ledger) -> None:
    ledger.measure(NOON)
    drifted(ledger, CURATED)
    values = [*ledger.measure(NOON + TICK), *ledger.measure(NOON + 2 * TICK)]
    assert sums(of(values, "schema_compatibility", CURATED)) == (0.0, 1.0, 0.0)


def test_coverage_is_of_what_the_scan_found_and_not_of_what_the_catalog_knows(ledger: Ledger) -> None:
    scan(ledger, NOON, discovered=10, cataloged=7)
    (value,) = of(ledger.measure(NOON + TICK), "catalog_coverage")
    naive = len(ledger.contracts) / len(ledger.contracts)  # every dataset that it knows is in it
    assert naive == 1.0
    assert (value.value, value.good, value.bad) == (0.7, 7.0, 3.0)


def test_without_a_scan_or_with_an_old_one_coverage_is_unknown(ledger: Ledger) -> None:
    (none,) = of(ledger.measure(NOON), "catalog_coverage")
    scan(ledger, NOON, discovered=10, cataloged=10)
    (fresh,) = of(ledger.measure(NOON + TICK), "catalog_coverage")
    (old,) = of(ledger.measure(NOON + 60 * HOUR), "catalog_coverage")
    assert [(v.value, v.unknown) for v in (none, fresh, old)] == [(None, 1.0), (1.0, 0.0), (None, 10.0)]


def test_runs_that_still_wait_count_where_those_that_started_look_fine(ledger: Ledger) -> None:
    ledger.measure(NOON)
    for number in range(10):
        queued(ledger, f"quick-{number}", NOON, started=NOON + TICK, reason="slot")
    for number in range(5):
        queued(ledger, f"stuck-{number}", NOON, reason="quota")
    values = of(ledger.watch(NOON + TICK, NOON + 20 * MINUTE), "task_age")
    ages = [15.0] * 10
    naive = sorted(ages)[int(0.95 * len(ages))]  # of runs that started
    assert naive == 15.0
    assert sums(values) == (10.0, 5.0, 0.0)
    assert values[-1].value is not None
    assert values[-1].value > 600
    assert values[-1].evidence["reasons"] == {"quota": 5}


def test_a_run_that_was_late_counts_once_also_when_it_starts_after_all(ledger: Ledger) -> None:
    ledger.measure(NOON)
    queued(ledger, "slow", NOON, reason="upstream")
    values = ledger.watch(NOON + TICK, NOON + 10 * MINUTE)
    queued(ledger, "slow", NOON, started=NOON + 10 * MINUTE, reason="upstream")
    values += ledger.watch(NOON + 11 * MINUTE, NOON + 15 * MINUTE)
    assert sums(of(values, "task_age")) == (0.0, 1.0, 0.0)
