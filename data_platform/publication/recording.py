"""Records what was published, blocked or failed: ledger, checks, runs, acknowledged commits and lineage, in one
transaction. Everything about a published commit comes from its receipt, so recovery records it the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from data_platform.clock import Clock
from data_platform.lakehouse.tables import Commit
from data_platform.metastore.batches import BatchEntry, FileEntry
from data_platform.metastore.checks import CheckEntry
from data_platform.metastore.commits import CommitEntry
from data_platform.metastore.database import Transaction
from data_platform.metastore.engine import Metastore
from data_platform.metastore.event_dates import EventDateEntry
from data_platform.metastore.outbox import OutboxEntry
from data_platform.metastore.partitions import PartitionEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.tables import FileOutcome, PartitionState, RunState
from data_platform.publication.candidate import Candidate, Run
from data_platform.publication.receipt import CheckCount, PartitionCount, Receipt
from data_platform.quality.verdicts import RuleResult


class LineageWriter(Protocol):
    """Composes the lineage events of a run; `noop` composes none."""

    def started(self, dataset: str, run: Run) -> Sequence[OutboxEntry]:
        """The START event."""
        ...

    def completed(self, receipt: Receipt, *, version: int) -> Sequence[OutboxEntry]:
        """The COMPLETE event of a published commit."""
        ...

    def failed(self, dataset: str, run: Run, error: str, at: datetime) -> Sequence[OutboxEntry]:
        """The FAIL event."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """Writes the metastore's lines about runs and commits."""

    metastore: Metastore
    clock: Clock
    lineage: LineageWriter

    def started(self, dataset: str, run: Run) -> None:
        """Notes that a run over a dataset began."""
        with self.metastore.transaction() as tx:
            entry = RunEntry(
                run_id=run.id,
                dataset=dataset,
                started_at=run.started_at,
                state=RunState.RUNNING,
                code_version=run.code_version,
            )
            self.metastore.runs.record([entry], tx=tx)
            self.metastore.outbox.append(self.lineage.started(dataset, run), tx=tx)

    def record(self, commit: Commit, receipt: Receipt, checks: Sequence[RuleResult] = ()) -> None:
        """Records a published commit; recording it again changes nothing."""
        with self.metastore.transaction() as tx:
            self.metastore.commits.record([_commit_entry(commit, receipt)], tx=tx)
            self.metastore.runs.record([_run_entry(receipt, commit.version)], tx=tx)
            self.metastore.partitions.record(_partition_entries(receipt, commit.version), tx=tx)
            self.metastore.checks.record(_check_entries(receipt, commit.version, checks), tx=tx)
            self._record_batch(receipt, commit.version, tx)
            self.metastore.outbox.append(self.lineage.completed(receipt, version=commit.version), tx=tx)

    def acknowledge(self, commit: Commit, *, run_id: str | None = None) -> None:
        """Acknowledges a commit that has no receipt (side tables, decisions, compaction)."""
        now = self.clock.now()
        entry = CommitEntry(
            table=_path(commit),
            version=commit.version,
            digest=commit.digest,
            rows=commit.rows_added,
            files=commit.files_added,
            size_bytes=0,
            run_id=run_id,
            committed_at=now,
        )
        self.metastore.commits.record([entry])

    def blocked(self, candidate: Candidate, checks: Sequence[RuleResult]) -> None:
        """Records a blocked publish: its verdicts with redacted samples, and every row of its range as pending."""
        now = self.clock.now()
        dataset = str(candidate.contract.name)
        run = candidate.run
        waiting = [
            PartitionCount(partition=p.partition, source=p.source, fates={"pending": p.source})
            for p in candidate.partitions
        ]
        raw_dataset, raw_version = _raw_input(candidate.inputs)
        with self.metastore.transaction() as tx:
            self.metastore.partitions.record(
                [
                    _partition(
                        p,
                        dataset=dataset,
                        raw=(raw_dataset, raw_version),
                        run_id=run.id,
                        at=now,
                        version=candidate.main.base.version,
                        state=PartitionState.BLOCKED,
                    )
                    for p in waiting
                ],
                tx=tx,
            )
            self.metastore.checks.record(
                [
                    _check(
                        CheckCount.of(c),
                        c,
                        dataset=dataset,
                        run_id=run.id,
                        at=now,
                        version=None,
                        contract_version=candidate.contract.version,
                    )
                    for c in checks
                ],
                tx=tx,
            )

    def failed(self, dataset: str, run: Run, error: BaseException, *, is_blocked: bool) -> None:
        """Notes that a run ended without publishing."""
        now = self.clock.now()
        text = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        entry = RunEntry(
            run_id=run.id,
            dataset=dataset,
            started_at=run.started_at,
            ended_at=now,
            state=RunState.BLOCKED if is_blocked else RunState.FAILED,
            code_version=run.code_version,
            error=text,
            seconds=(now - run.started_at).total_seconds(),
        )
        with self.metastore.transaction() as tx:
            self.metastore.runs.record([entry], tx=tx)
            self.metastore.outbox.append(self.lineage.failed(dataset, run, text, now), tx=tx)

    def _record_batch(self, receipt: Receipt, version: int, tx: Transaction) -> None:
        batch = receipt.batch
        if batch is None:
            return
        dataset, batch_id = receipt.dataset, f"{batch.source}/{batch.n}"
        entry = BatchEntry(
            dataset=dataset,
            source=batch.source,
            number=batch.n,
            batch_id=batch_id,
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
        )
        files = [
            FileEntry(
                dataset=dataset,
                batch_id=batch_id,
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
        dates = [
            EventDateEntry(
                dataset=dataset,
                batch_id=batch_id,
                event_date=day,
                rows=rows,
                newest_event_time=batch.newest_event_time,
                version=version,
            )
            for day, rows in batch.event_dates.items()
        ]
        self.metastore.batches.record(entry, files=files, reasons=batch.rejected_reasons, tx=tx)
        self.metastore.event_dates.record(dates, tx=tx)
        self.metastore.deliveries.advance(dataset, source=batch.source, number=batch.n, tx=tx)
        newest = dict(batch.newest_by_partition)
        if not newest and batch.newest_event_time is not None:
            newest = {"": batch.newest_event_time}
        for partition, watermark in newest.items():
            self.metastore.event_dates.advance_watermark(
                dataset, source=batch.source, source_partition=partition, watermark=watermark, tx=tx
            )


def _path(commit: Commit) -> str:
    return commit.ref.path.removeprefix("tables/")


def _commit_entry(commit: Commit, receipt: Receipt) -> CommitEntry:
    return CommitEntry(
        table=_path(commit),
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


def _run_entry(receipt: Receipt, version: int) -> RunEntry:
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
    )


def _partition_entries(receipt: Receipt, version: int) -> Iterable[PartitionEntry]:
    raw = _raw_input(receipt.inputs)
    return [
        _partition(
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


def _partition(
    count: PartitionCount,
    *,
    dataset: str,
    raw: tuple[str, int],
    run_id: str,
    at: datetime,
    version: int,
    state: PartitionState,
) -> PartitionEntry:
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


def _check_entries(receipt: Receipt, version: int, checks: Sequence[RuleResult]) -> Iterable[CheckEntry]:
    samples = {check.rule: check for check in checks}
    return [
        _check(
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


def _check(
    count: CheckCount,
    result: RuleResult | None,
    *,
    dataset: str,
    run_id: str,
    at: datetime,
    version: int | None,
    contract_version: str,
) -> CheckEntry:
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


def _raw_input(inputs: dict[str, int] | object) -> tuple[str, int]:
    """The raw dataset that a ledger is about, and its version; empty where a dataset reads no raw data."""
    assert isinstance(inputs, dict)
    raw = sorted((name, version) for name, version in inputs.items() if name.startswith("raw."))
    return raw[0] if len(raw) == 1 else ("", -1)
