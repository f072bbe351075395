"""Records what was published, blocked or failed: ledger, checks, runs, acknowledged commits and lineage, in one
transaction. Everything about a published commit comes from its receipt, so recovery records it the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from data_platform.clock import Clock
from data_platform.contracts.model import DatasetName, Layer
from data_platform.errors import PlatformError
from data_platform.governance.error_text import said
from data_platform.lakehouse.tables import Commit
from data_platform.metastore.commits import CommitEntry
from data_platform.metastore.database import Transaction
from data_platform.metastore.engine import Metastore
from data_platform.metastore.lineage_told import ToldEntry
from data_platform.metastore.outbox import OutboxEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.tables import RunState
from data_platform.observability.logs.logger import RUNS, get_logger
from data_platform.observability.tracing.context import run_span_id
from data_platform.observability.tracing.tracer import UNTRACED, Tracer
from data_platform.publication import ledger_entries
from data_platform.publication.candidate import Candidate, Run
from data_platform.publication.ledger_entries import Attempt
from data_platform.publication.receipt import CheckCount, PartitionCount, Receipt
from data_platform.quality.verdicts import RuleResult

if TYPE_CHECKING:
    from data_platform.lineage.facts import DatasetFacts

_LOG = get_logger(RUNS)


class LineageWriter(Protocol):
    """Composes the lineage events of a run; `noop` composes none."""

    def started(self, dataset: str, run: Run) -> Sequence[OutboxEntry]:
        """The START event."""
        ...

    def completed(self, receipt: Receipt, *, version: int) -> Sequence[OutboxEntry]:
        """The COMPLETE event of a published commit."""
        ...

    def failed(self, dataset: str, run: Run, error: BaseException, at: datetime) -> Sequence[OutboxEntry]:
        """The FAIL event, or the ABORT event of a run that somebody stopped."""
        ...

    def batch_failed(
        self, dataset: str, run: Run, source: tuple[str, int], error: BaseException
    ) -> Sequence[OutboxEntry]:
        """The events of a landed batch, `source` and number, that could not be committed."""
        ...

    def launched(self, run: Run) -> Sequence[OutboxEntry]:
        """The START event of a run that starts others."""
        ...

    def landed(self, run: Run, error: BaseException | None, at: datetime) -> Sequence[OutboxEntry]:
        """The last event of a run that started others; without an error it is COMPLETE."""
        ...

    def read(self, run: Run, tables: Mapping[str, int], *, sql: str) -> Sequence[OutboxEntry]:
        """The events of somebody's SELECT over tables at versions."""
        ...

    def exported(self, run: Run, versions: Mapping[str, int], rows: Mapping[str, int]) -> Sequence[OutboxEntry]:
        """The events of a warehouse file that holds served datasets at versions."""
        ...

    def altered(self, dataset: str, *, version: int) -> Sequence[OutboxEntry]:
        """The event of a dataset that was given columns."""
        ...

    def discovered(self, found: Sequence[DatasetFacts]) -> Sequence[OutboxEntry]:
        """The events of what a scan of the store found."""
        ...

    def known(self, told: Mapping[str, ToldEntry]) -> Sequence[tuple[ToldEntry, OutboxEntry]]:
        """The events that contracts, queries and connectors alone give rise to, after what was told before."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """Writes the metastore's lines about runs and commits."""

    metastore: Metastore
    clock: Clock
    lineage: LineageWriter
    tracer: Tracer = UNTRACED

    def started(self, dataset: str, run: Run) -> None:
        """Notes that a run over a dataset began."""
        _LOG.info("a dataset is being made")
        with self.metastore.transaction() as tx:
            entry = RunEntry(
                run_id=run.id,
                dataset=dataset,
                started_at=run.started_at,
                state=RunState.RUNNING,
                code_version=run.code_version,
                traceparent=run.traceparent,
            )
            self.metastore.runs.record([entry], tx=tx)
            self.metastore.outbox.append(self.lineage.started(dataset, run), tx=tx)

    def launched(self, run: Run) -> None:
        """Notes in the lineage that a run began which starts others."""
        self.metastore.outbox.append(self.lineage.launched(run))

    def landed(self, run: Run, error: BaseException | None = None) -> None:
        """Notes in the lineage how a run ended that started others."""
        self.metastore.outbox.append(self.lineage.landed(run, error, self.clock.now()))

    @contextmanager
    def launch(self, run: Run, *, follow: Sequence[str] = ()) -> Iterator[Run]:
        """A run that starts others, from its first event to its last; without a job's name it has none.

        `follow` are the traceparents of what it goes on from, the newest first.
        """
        if not run.job:
            yield run
            return
        whole = {"span_id": run_span_id(run.id), "run_id": run.id, "job": run.job}
        with self.tracer.span("run", parent=run.traceparent, follow=follow, **whole) as span:
            run = replace(run, traceparent=span.traceparent)
            _LOG.info("a run began", job=run.job)
            self.launched(run)
            try:
                yield run
            except BaseException as error:
                _tell(error, "a run failed")
                self.landed(run, error)
                raise
            _LOG.info("a run ended", job=run.job)
            self.landed(run)

    def register(self) -> int:
        """Tells the lineage of what contracts and queries say now, run or not; how many events say it."""
        found = self.lineage.known(self.metastore.lineage_told.all())
        with self.metastore.transaction() as tx:
            self.metastore.lineage_told.record([line for line, _ in found], tx=tx)
            self.metastore.outbox.append([entry for _, entry in found], tx=tx)
        return len(found)

    def record(self, commit: Commit, receipt: Receipt, checks: Sequence[RuleResult] = ()) -> None:
        """Records a published commit; recording it again changes nothing."""
        attempt = Attempt.published(receipt, commit.version)
        with self.metastore.transaction() as tx:
            self.metastore.commits.record([ledger_entries.commit_entry(commit, receipt)], tx=tx)
            self.metastore.runs.record([ledger_entries.run_entry(receipt, commit.version)], tx=tx)
            self.metastore.partitions.record(ledger_entries.partition_entries(attempt, receipt.partitions), tx=tx)
            self.metastore.checks.record(ledger_entries.check_entries(attempt, receipt.checks, checks), tx=tx)
            self._record_batch(receipt, commit.version, tx)
            self.metastore.outbox.append(self.lineage.completed(receipt, version=commit.version), tx=tx)

    def acknowledge(self, commit: Commit, *, run_id: str | None = None) -> None:
        """Acknowledges a commit that has no receipt (side tables, decisions, compaction)."""
        now = self.clock.now()
        entry = CommitEntry(
            table=ledger_entries.path(commit),
            version=commit.version,
            digest=commit.digest,
            rows=commit.rows_added,
            files=commit.files_added,
            size_bytes=0,
            run_id=run_id,
            committed_at=now,
        )
        self.metastore.commits.record([entry])

    def altered(self, commit: Commit) -> None:
        """Acknowledges a commit that gave a table columns, and tells the lineage where the table is a dataset."""
        self.acknowledge(commit)
        ref = commit.ref
        if ref.zone.value in set(Layer):
            dataset = str(DatasetName(Layer(ref.zone.value), ref.domain, ref.name))
            self.metastore.outbox.append(self.lineage.altered(dataset, version=commit.version))

    def discovered(self, found: Sequence[DatasetFacts], *, tx: Transaction) -> None:
        """Tells the lineage what a scan of the store found, in the transaction that keeps it."""
        self.metastore.outbox.append(self.lineage.discovered(found), tx=tx)

    def blocked(self, candidate: Candidate, checks: Sequence[RuleResult]) -> None:
        """Records a blocked publish: its verdicts with redacted samples, and every row of its range as pending."""
        attempt = Attempt.blocked(candidate, self.clock.now())
        waiting = [
            PartitionCount(partition=p.partition, source=p.source, fates={"pending": p.source})
            for p in candidate.partitions
        ]
        found = [CheckCount.of(check) for check in checks]
        with self.metastore.transaction() as tx:
            self.metastore.partitions.record(ledger_entries.partition_entries(attempt, waiting), tx=tx)
            self.metastore.checks.record(ledger_entries.check_entries(attempt, found, checks), tx=tx)

    def failed(self, dataset: str, run: Run, error: BaseException, *, is_blocked: bool) -> None:
        """Notes that a run ended without publishing."""
        _tell(error, "a publish was blocked" if is_blocked else "a dataset was not made")
        now = self.clock.now()
        text = f"{type(error).__name__}: {said(error)}"
        entry = RunEntry(
            run_id=run.id,
            dataset=dataset,
            started_at=run.started_at,
            ended_at=now,
            state=RunState.BLOCKED if is_blocked else RunState.FAILED,
            code_version=run.code_version,
            range_from=run.days.start.isoformat() if run.days else None,
            range_to=run.days.last.isoformat() if run.days else None,
            error=text,
            seconds=(now - run.started_at).total_seconds(),
            traceparent=run.traceparent,
        )
        with self.metastore.transaction() as tx:
            self.metastore.runs.record([entry], tx=tx)
            self.metastore.outbox.append(self.lineage.failed(dataset, run, error, now), tx=tx)

    def exported(self, run: Run, versions: Mapping[str, int], rows: Mapping[str, int]) -> None:
        """Tells the lineage that the warehouse file was built: from which versions, and how many rows of each."""
        self.metastore.outbox.append(self.lineage.exported(run, versions, rows))

    def batch_failed(self, dataset: str, run: Run, source: tuple[str, int], error: BaseException) -> None:
        """Tells the lineage that a landed batch, by source and number, could not be committed."""
        _tell(error, "a batch was not committed")
        self.metastore.outbox.append(self.lineage.batch_failed(dataset, run, source, error))

    def _record_batch(self, receipt: Receipt, version: int, tx: Transaction) -> None:
        batch = receipt.batch
        if batch is None:
            return
        dataset = receipt.dataset
        files = ledger_entries.file_entries(receipt, batch)
        entry = ledger_entries.batch_entry(receipt, batch, version=version)
        self.metastore.batches.record(entry, files=files, reasons=batch.rejected_reasons, tx=tx)
        dates = ledger_entries.event_date_entries(receipt, batch, version=version)
        self.metastore.event_dates.record(dates, tx=tx)
        self.metastore.deliveries.advance(dataset, source=batch.source, number=batch.n, tx=tx)
        newest = dict(batch.newest_by_partition)
        if not newest and batch.newest_event_time is not None:
            newest = {"": batch.newest_event_time}
        for partition, watermark in newest.items():
            self.metastore.event_dates.advance_watermark(
                dataset, source=batch.source, source_partition=partition, watermark=watermark, tx=tx
            )


def _tell(error: BaseException, event: str) -> None:
    """An error that the platform raises on purpose, or a person's stop, is expected; any other is nobody's plan."""
    kind = type(error).__name__
    if isinstance(error, PlatformError):
        _LOG.warning(event, error=kind, message=next(iter(str(error).splitlines()), ""))
    elif isinstance(error, Exception):
        _LOG.error(event, error=kind, exc_info=error)
    else:
        _LOG.warning(event, error=kind)
