"""Findings as Dagster shows them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest

from data_platform.contracts.domains import Dataset
from data_platform.contracts.model import Contract, DatasetName, Materialization, Owner, Severity
from data_platform.errors import CommitConflict, PublishBlocked, SourceUnavailable, TamperedObject
from data_platform.metastore.batches import BatchEntry
from data_platform.orchestration.checks import CONSERVATION, READABLE, DeclaredCheck
from data_platform.orchestration.failures import failure
from data_platform.orchestration.verdicts import Finding, batch_findings, check_results, ledger_finding
from data_platform.publication.receipt import PartitionCount
from data_platform.quality.verdicts import Verdict

DATASET = Dataset(
    Contract(
        name=DatasetName.parse("curated.shop.orders"),
        version="1.2.0",
        status="active",
        path="orders.odcs.yaml",
        sha256="",
        columns=(),
        owner=Owner(team="Shop"),
        materialization=Materialization.TABLE,
    )
)


def check(severity: Severity) -> DeclaredCheck:
    return DeclaredCheck(name="amount_bounds", kind="bounds", reason="RANGE", severity=severity)


def result(severity: Severity, finding: Finding | None) -> dg.AssetCheckResult:
    findings = {} if finding is None else {"amount_bounds": finding}
    [only] = check_results(DATASET, [check(severity)], findings, missing="not judged")
    return only


@pytest.mark.parametrize(
    ("verdict", "passed"),
    [(Verdict.PASSED, True), (Verdict.FAILED, False), (Verdict.UNKNOWN, False), (Verdict.NOT_APPLICABLE, True)],
)
def test_only_a_failed_or_unknown_verdict_is_not_passed(verdict: Verdict, passed: bool) -> None:
    shown = result(Severity.BLOCK, Finding(verdict=verdict))
    assert shown.passed is passed
    assert shown.metadata["verdict"].value == verdict.value


@pytest.mark.parametrize(
    ("severity", "shown"),
    [
        (Severity.BLOCK, dg.AssetCheckSeverity.ERROR),
        (Severity.QUARANTINE, dg.AssetCheckSeverity.WARN),
        (Severity.WARN, dg.AssetCheckSeverity.WARN),
    ],
)
def test_a_breach_is_an_error_only_where_it_blocks(severity: Severity, shown: dg.AssetCheckSeverity) -> None:
    assert result(severity, Finding(verdict=Verdict.UNKNOWN)).severity is shown


def test_nothing_to_check_says_so() -> None:
    shown = result(Severity.BLOCK, Finding(verdict=Verdict.NOT_APPLICABLE))
    assert shown.description == "Nothing to check: no rows, and none expected."
    assert shown.metadata["rows_examined"].value == 0


def test_a_check_without_a_finding_is_unknown_and_says_why() -> None:
    shown = result(Severity.BLOCK, None)
    assert (shown.passed, shown.metadata["verdict"].value, shown.description) == (False, "unknown", "not judged")


def test_a_sample_is_shown_in_types_that_metadata_can_hold() -> None:
    row = {"amount": Decimal("-1.50"), "day": date(2026, 3, 1), "count": 2, "note": None}
    shown: Any = result(Severity.BLOCK, Finding(verdict=Verdict.FAILED, sample=(row,))).metadata["sample"].value
    assert json.loads(json.dumps(shown)) == [{"amount": "-1.50", "day": "2026-03-01", "count": 2, "note": None}]


def test_the_ledger_passes_only_where_every_raw_row_has_one_fate() -> None:
    closed = PartitionCount(partition="2026-03-01", source=3, fates={"curated": 2, "late": 1})
    lost = PartitionCount(partition="2026-03-02", source=3, fates={"curated": 2})
    twice = PartitionCount(partition="2026-03-03", source=2, fates={"curated": 3})
    assert ledger_finding([closed], "v").verdict is Verdict.PASSED
    # One row too few and one too many must not cancel out.
    found = ledger_finding([closed, lost, twice], "v")
    assert (found.verdict, found.failing_rows, found.rows_examined) == (Verdict.FAILED, 2, 8)
    assert ledger_finding([], "v").verdict is Verdict.NOT_APPLICABLE


def batch(number: int, *, source: int, raw: int, rejected: int) -> BatchEntry:
    now = datetime(2026, 3, number, tzinfo=UTC)
    return BatchEntry(
        dataset="raw.shop.orders",
        source="drop",
        number=number,
        batch_id=f"drop/{number}",
        manifest_sha256="",
        received_at=now,
        contract_version="1.0.0",
        source_rows=source,
        raw_rows=raw,
        rejected_rows=rejected,
        raw_version=number,
        rejected_version=number,
        recorded_at=now,
    )


def test_readable_judges_the_newest_batch_and_conservation_all_of_them() -> None:
    found = batch_findings([batch(2, source=5, raw=5, rejected=0), batch(1, source=4, raw=3, rejected=1)], "v")
    assert found[READABLE].verdict is Verdict.PASSED
    assert (found[CONSERVATION].verdict, found[CONSERVATION].rows_examined) == (Verdict.PASSED, 9)
    found = batch_findings([batch(1, source=4, raw=2, rejected=1)], "v")
    assert (found[READABLE].verdict, found[READABLE].failing_rows) == (Verdict.FAILED, 1)
    assert (found[CONSERVATION].verdict, found[CONSERVATION].failing_rows) == (Verdict.FAILED, 1)


@pytest.mark.parametrize(
    ("error", "retries"),
    [
        (SourceUnavailable("no answer"), True),
        (CommitConflict("another"), True),
        (PublishBlocked("no"), False),
        (TamperedObject("no"), False),
        (KeyError("bug"), False),
    ],
)
def test_only_what_may_pass_is_tried_again(error: Exception, retries: bool) -> None:
    assert failure(error).allow_retries is retries
