"""What receipts say as lines of the ledger. Pure; writing them, all in one transaction, is in `recording`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from data_platform.lakehouse.tables import Commit
from data_platform.metastore.batches import BatchEntry, FileEntry
from data_platform.metastore.checks import CheckEntry
from data_platform.metastore.commits import CommitEntry
from data_platform.metastore.event_dates import EventDateEntry
from data_platform.metastore.partitions import PartitionEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.tables import FileOutcome, PartitionState, RunState
from data_platform.publication.candidate import Candidate
from data_platform.publication.receipt import BatchCount, CheckCount, PartitionCount, Receipt
from data_platform.quality.verdicts import RuleResult


def batch_entry(receipt: Receipt, batch: BatchCount, *, version: int) -> BatchEntry:
    """The ledger line of a batch."""
    return BatchEntry(
        dataset=receipt.dataset,
        source=batch.source,
        number=batch.n,
        batch_id=f"{batch.source}/{batch.n}",
        manifest_sha256=batch.manifest_sha256,
        received_at=batch.received_at,
        contract_version=receipt.contract_version,
        source_rows=batch.source_rows,
        raw_rows=batch.raw_rows,
        rejected_rows=batch.rejected_rows,
        raw_version=version,
        rejected_version=batch.rejected_version,
        run_id=receipt.run_id,
        recorded_at=receipt.finished_at,
        traceparent=receipt.traceparent,
    )


def file_entries(receipt: Receipt, batch: BatchCount) -> list[FileEntry]:
    """One line for each file of a batch."""
    return [
        FileEntry(
            dataset=receipt.dataset,
            batch_id=f"{batch.source}/{batch.n}",
            position=f.position,
            name=f.name,
            sha256=f.sha256,
            outcome=FileOutcome(f.outcome),
            reason=f.reason,
            source_rows=f.source_rows,
            raw_rows=f.raw_rows,
            rejected_rows=f.rejected_rows,
            first_batch=f.first_batch,
        )
        for f in batch.files
    ]


def event_date_entries(receipt: Receipt, batch: BatchCount, *, version: int) -> list[EventDateEntry]:
    """One line for each event date of a batch."""
    return [
        EventDateEntry(
            dataset=receipt.dataset,
            batch_id=f"{batch.source}/{batch.n}",
            event_date=day,
            rows=rows,
            newest_event_time=batch.newest_event_time,
            version=version,
        )
        for day, rows in batch.event_dates.items()
    ]


def path(commit: Commit) -> str:
    """The table of a commit as the ledger names it."""
    return commit.ref.path.removeprefix("tables/")


def commit_entry(commit: Commit, receipt: Receipt) -> CommitEntry:
    """The line of an acknowledged commit."""
    return CommitEntry(
        table=path(commit),
        version=commit.version,
        digest=commit.digest,
        rows=receipt.rows,
        files=commit.files_added,
        size_bytes=0,
        run_id=receipt.run_id,
        committed_at=receipt.finished_at,
        metadata={
            "inputs": dict(receipt.inputs),
            "fingerprint": receipt.fingerprint,
            "decisions_version": receipt.decisions_version,
            "side_version": receipt.side_version,
        },
    )


def run_entry(receipt: Receipt, version: int) -> RunEntry:
    """The line of a run that published."""
    seconds = (receipt.finished_at - receipt.started_at).total_seconds()
    return RunEntry(
        run_id=receipt.run_id,
        dataset=receipt.dataset,
        started_at=receipt.started_at,
        ended_at=receipt.finished_at,
        state=RunState.SUCCEEDED,
        inputs=dict(receipt.inputs),
        contract_version=receipt.contract_version,
        code_version=receipt.code_version,
        output_version=version,
        seconds=seconds,
        range_from=receipt.range_from.isoformat() if receipt.range_from else None,
        range_to=receipt.range_to.isoformat() if receipt.range_to else None,
        traceparent=receipt.traceparent,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt to publish a dataset.

    Attributes:
        state: what became of its partitions.
        version: of the table that was published; of the one that stays where the publish was blocked.
    """

    dataset: str
    inputs: Mapping[str, int]
    contract_version: str
    run_id: str
    ended_at: datetime
    state: PartitionState
    version: int

    @classmethod
    def published(cls, receipt: Receipt, version: int) -> Attempt:
        """One that was published."""
        return cls(
            dataset=receipt.dataset,
            inputs=receipt.inputs,
            contract_version=receipt.contract_version,
            run_id=receipt.run_id,
            ended_at=receipt.finished_at,
            state=PartitionState.PUBLISHED,
            version=version,
        )

    @classmethod
    def blocked(cls, candidate: Candidate, at: datetime) -> Attempt:
        """One that a verdict stopped."""
        return cls(
            dataset=str(candidate.contract.name),
            inputs=candidate.inputs,
            contract_version=candidate.contract.version,
            run_id=candidate.run.id,
            ended_at=at,
            state=PartitionState.BLOCKED,
            version=candidate.main.base.version,
        )


def partition_entries(attempt: Attempt, counts: Iterable[PartitionCount]) -> list[PartitionEntry]:
    """One line for each partition of an attempt."""
    raw_dataset, raw_version = raw_input(attempt.inputs)
    return [
        PartitionEntry(
            dataset=attempt.dataset,
            partition=count.partition,
            raw_dataset=raw_dataset,
            raw_version=raw_version,
            table_version=attempt.version,
            run_id=attempt.run_id,
            state=attempt.state,
            raw_rows=count.source,
            recorded_at=attempt.ended_at,
            **count.fates,
        )
        for count in counts
    ]


def check_entries(attempt: Attempt, counts: Iterable[CheckCount], checks: Iterable[RuleResult]) -> list[CheckEntry]:
    """The verdicts of an attempt, with samples of rows where `checks` has them."""
    results = {check.rule: check for check in checks}
    return [_check_entry(attempt, count, results.get(count.rule)) for count in counts]


def _check_entry(attempt: Attempt, count: CheckCount, result: RuleResult | None) -> CheckEntry:
    return CheckEntry(
        run_id=attempt.run_id,
        dataset=attempt.dataset,
        rule=count.rule,
        kind=count.kind,
        reason=count.reason,
        severity=count.severity,
        verdict=count.verdict,
        rows_examined=count.rows_examined,
        failing_rows=count.failing_rows,
        tolerance="",
        engine=count.engine,
        data_version=attempt.version if attempt.state is PartitionState.PUBLISHED else None,
        contract_version=attempt.contract_version,
        sample=tuple(dict(r) for r in result.sample) if result else (),
        detail=count.detail,
        recorded_at=attempt.ended_at,
    )


def raw_input(inputs: Mapping[str, int]) -> tuple[str, int]:
    """The raw dataset that a ledger is about, and its version; empty where a dataset reads no raw data."""
    raw = sorted((name, version) for name, version in inputs.items() if name.startswith("raw."))
    return raw[0] if len(raw) == 1 else ("", -1)
