"""Findings as Dagster's check results, with their evidence. Which checks there are is in `checks`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from data_platform.contracts.domains import Dataset
from data_platform.metastore.batches import BatchEntry
from data_platform.metastore.checks import CheckEntry
from data_platform.orchestration.checks import CONSERVATION, READABLE, SCALE, DeclaredCheck
from data_platform.orchestration.location import asset_key
from data_platform.publication.receipt import PartitionCount
from data_platform.quality.verdicts import RuleResult, Verdict

NOTHING_TO_CHECK = "Nothing to check: no rows, and none expected."


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is known about one check after a step."""

    verdict: Verdict
    rows_examined: int = 0
    failing_rows: int = 0
    engine: str = "duckdb"
    data_version: str = ""
    detail: str = ""
    sample: tuple[Mapping[str, object], ...] = ()


def check_results(
    dataset: Dataset, declared: Sequence[DeclaredCheck], findings: Mapping[str, Finding], *, missing: str
) -> Iterator[dg.AssetCheckResult]:
    """One result for every declared check; one without a finding is unknown, and `missing` says why."""
    for check in declared:
        finding = findings.get(check.name) or Finding(verdict=Verdict.UNKNOWN, detail=missing, engine="")
        yield _result(dataset, check, finding)


def rule_findings(checks: Iterable[object]) -> dict[str, Finding]:
    """The findings of an audit, by rule."""
    return {
        check.rule: Finding(
            verdict=check.verdict,
            rows_examined=check.rows_examined,
            failing_rows=check.failing_rows,
            engine=check.engine,
            data_version=check.data_version,
            detail=check.detail,
            sample=check.sample,
        )
        for check in checks
        if isinstance(check, RuleResult)
    }


def ledger_finding(partitions: Sequence[PartitionCount], data_version: str) -> Finding:
    """Whether every raw row of the partitions has one fate."""
    source = sum(count.source for count in partitions)
    open_rows = sum(abs(count.residual) for count in partitions)
    detail = f"{len(partitions)} partitions, residual {open_rows}"
    return _counted(source, open_rows, data_version=data_version, detail=detail)


def batch_findings(batches: Sequence[BatchEntry], data_version: str) -> dict[str, Finding]:
    """Whether every batch of the ledger closes, and whether all records of each source's newest batch could be read.

    Args:
        batches: every batch of the dataset, newest first.
        data_version: of raw.
    """
    open_rows = sum(abs(batch.residual) for batch in batches)
    detail = f"{len(batches)} batches, residual {open_rows}"
    newest = {batch.source: batch for batch in sorted(batches, key=lambda batch: batch.number)}.values()
    named = ", ".join(sorted(batch.batch_id for batch in newest))
    return {
        CONSERVATION: _counted(
            sum(b.source_rows for b in batches), open_rows, data_version=data_version, detail=detail
        ),
        READABLE: _counted(
            sum(b.source_rows for b in newest),
            sum(b.rejected_rows for b in newest),
            data_version=data_version,
            detail=f"newest batches: {named}" if named else "",
        ),
    }


def scale_finding(verdicts: Iterable[CheckEntry], data_version: str) -> dict[str, Finding]:
    """Whether the numbers of each source's newest batch are as large as before.

    Args:
        verdicts: the newest of each rule of the dataset.
        data_version: of raw.
    """
    found = [entry for entry in verdicts if entry.kind == SCALE]
    failed = [entry for entry in found if entry.verdict == Verdict.FAILED]
    finding = _counted(
        sum(entry.rows_examined or 0 for entry in found),
        sum(entry.failing_rows or 0 for entry in failed),
        data_version=data_version,
        detail="; ".join(f"{entry.rule.partition('/')[2]}: {entry.detail}" for entry in failed),
    )
    return {SCALE: finding}


def _counted(examined: int, failing: int, *, data_version: str, detail: str) -> Finding:
    verdict = Verdict.FAILED if failing else Verdict.PASSED if examined else Verdict.NOT_APPLICABLE
    return Finding(
        verdict=verdict, rows_examined=examined, failing_rows=failing, data_version=data_version, detail=detail
    )


def _result(dataset: Dataset, check: DeclaredCheck, finding: Finding) -> dg.AssetCheckResult:
    is_empty = finding.verdict is Verdict.NOT_APPLICABLE
    return dg.AssetCheckResult(
        asset_key=asset_key(dataset.name),
        check_name=check.name,
        passed=is_empty or finding.verdict is Verdict.PASSED,
        severity=dg.AssetCheckSeverity.ERROR if check.is_blocking else dg.AssetCheckSeverity.WARN,
        description=NOTHING_TO_CHECK if is_empty else finding.detail,
        metadata=_evidence(dataset, check, finding),
    )


def _evidence(dataset: Dataset, check: DeclaredCheck, finding: Finding) -> dict[str, Any]:
    evidence: dict[str, Any] = {
        "verdict": finding.verdict.value,
        "rows_examined": finding.rows_examined,
        "failing_rows": finding.failing_rows,
        "rule": check.kind,
        "reason": check.reason,
        "engine": finding.engine,
        "data_version": finding.data_version,
        "contract_version": dataset.contract.version,
    }
    if finding.sample:
        evidence["sample"] = dg.MetadataValue.json([plain(row) for row in finding.sample])
    return evidence


def plain(row: Mapping[str, object]) -> dict[str, object]:
    """A row in types that Dagster's metadata can hold; everything else as its text."""
    return {name: v if isinstance(v, (str, bool, int, type(None))) else str(v) for name, v in row.items()}
