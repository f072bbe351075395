"""What receipts say as lines of the ledger. Pure; writing them, all in one transaction, is in `recording`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from data_platform.lakehouse.tables import Commit
from data_platform.metastore.batches import BatchEntry, FileEntry
from data_platform.metastore.checks import CheckEntry
from data_platform.metastore.commits import CommitEntry
from data_platform.metastore.event_dates import EventDateEntry
from data_platform.metastore.partitions import PartitionEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.tables import FileOutcome, PartitionState, RunState
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


def partition_entries(receipt: Receipt, version: int) -> Iterable[PartitionEntry]:
    """The ledger lines of the partitions that a run published."""
    raw = raw_input(receipt.inputs)
    return [
        partition(
            p,
            dataset=receipt.dataset,
            raw=raw,
            run_id=receipt.run_id,
            at=receipt.finished_at,
            version=version,
            state=PartitionState.PUBLISHED,
        )
        for p in receipt.partitions
    ]


def partition(
    count: PartitionCount,
    *,
    dataset: str,
    raw: tuple[str, int],
    run_id: str,
    at: datetime,
    version: int,
    state: PartitionState,
) -> PartitionEntry:
    """The ledger line of one partition."""
    return PartitionEntry(
        dataset=dataset,
        partition=count.partition,
        raw_dataset=raw[0],
        raw_version=raw[1],
        table_version=version,
        run_id=run_id,
        state=state,
        raw_rows=count.source,
        recorded_at=at,
        **count.fates,
    )


def check_entries(receipt: Receipt, version: int, checks: Sequence[RuleResult]) -> Iterable[CheckEntry]:
    """The verdicts of a run, with samples of rows where `checks` has them."""
    samples = {check.rule: check for check in checks}
    return [
        check(
            count,
            samples.get(count.rule),
            dataset=receipt.dataset,
            run_id=receipt.run_id,
            at=receipt.finished_at,
            version=version,
            contract_version=receipt.contract_version,
        )
        for count in receipt.checks
    ]


def check(
    count: CheckCount,
    result: RuleResult | None,
    *,
    dataset: str,
    run_id: str,
    at: datetime,
    version: int | None,
    contract_version: str,
) -> CheckEntry:
    """One verdict as the ledger keeps it."""
    return CheckEntry(
        run_id=run_id,
        dataset=dataset,
        rule=count.rule,
        kind=count.kind,
        reason=count.reason,
        severity=count.severity,
        verdict=count.verdict,
        rows_examined=count.rows_examined,
        failing_rows=count.failing_rows,
        tolerance="",
        engine=count.engine,
        data_version=version,
        contract_version=contract_version,
        sample=tuple(dict(r) for r in result.sample) if result else (),
        detail=count.detail,
        recorded_at=at,
    )


def raw_input(inputs: dict[str, int] | object) -> tuple[str, int]:
    """The raw dataset that a ledger is about, and its version; empty where a dataset reads no raw data."""
    assert isinstance(inputs, dict)
    raw = sorted((name, version) for name, version in inputs.items() if name.startswith("raw."))
    return raw[0] if len(raw) == 1 else ("", -1)
