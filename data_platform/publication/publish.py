"""Write, audit, publish: the one way in which a computed result becomes visible.

The main table's commit is the only commit point. The side table (held) is committed just before it and named in it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from data_platform.clock import Clock
from data_platform.costs.usage import count
from data_platform.errors import CommitConflict, ConservationBroken, PublishBlocked
from data_platform.lakehouse.staging import discard
from data_platform.lakehouse.table_ref import TableRef
from data_platform.observability.logs.logger import RUNS, get_logger
from data_platform.observability.tracing.spans import span
from data_platform.publication.candidate import Candidate, Change, Published
from data_platform.publication.receipt import CheckCount, Receipt
from data_platform.publication.recording import Recorder
from data_platform.quality.verdicts import RuleResult

_LOG = get_logger(RUNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Audits candidates and commits those that pass."""

    recorder: Recorder
    clock: Clock

    def publish(self, con: DuckDBPyConnection, candidate: Candidate) -> Published:
        """Publishes the candidate, or deletes what was staged and raises.

        Raises:
            PublishBlocked: a blocking rule failed or could not be judged; the last good version keeps serving.
            ConservationBroken: the ledger does not close, or SQL fates and Pandera disagree.
            CommitConflict: another writer committed first; compute again from a fresh snapshot.
        """
        _count_staged(candidate)
        try:
            from data_platform.publication.audit import audit  # loads Polars and Pandera, which readers never need

            with span("checks") as checking:
                checks = audit(con, candidate)
                if checking is not None:
                    checking.set(checks=len(checks), rows=candidate.main.staged_rows)
                self._refuse(candidate, checks)
        except BaseException:
            _discard(candidate.main, candidate.side)
            raise
        with span("publish") as publishing:
            published = self._commit(candidate, checks)
            if publishing is not None:
                publishing.set(version=published.commit.version, rows=published.rows)
        _LOG.info("a dataset was published", version=published.commit.version, rows=published.rows)
        return published

    def _refuse(self, candidate: Candidate, checks: Sequence[RuleResult]) -> None:
        name = candidate.contract.name
        open_ledgers = [count for count in candidate.partitions if count.residual]
        if open_ledgers:
            self.recorder.blocked(candidate, checks)
            first = open_ledgers[0]
            raise ConservationBroken(
                f"{name}: the ledger of {first.partition} does not close: {first.source} raw rows, "
                f"fates {dict(first.fates)}; nothing was published"
            )
        disagreeing = [check.rule for check in checks if check.is_disagreement]
        if disagreeing:
            self.recorder.blocked(candidate, checks)
            raise ConservationBroken(
                f"{name}: SQL let rows through that Pandera refuses ({', '.join(disagreeing)}); "
                "nothing was published: please report this with the contract"
            )
        blocking = [check for check in checks if check.is_blocking]
        if blocking:
            self.recorder.blocked(candidate, checks)
            raise PublishBlocked(_blocked_message(candidate, blocking), checks=checks)

    def _commit(self, candidate: Candidate, checks: Sequence[RuleResult]) -> Published:
        main, side = candidate.main, candidate.side
        side_version = -1
        transactions: dict[str, int] = {}
        if side is not None:
            try:
                side_version = self._commit_side(side, candidate.run.id)
            except CommitConflict:
                _discard(main, side)
                raise
            transactions[side_transaction(side.base.ref)] = side_version
        receipt = self._receipt(candidate, checks, side_version)
        # Only a conflict is known to have committed nothing. After any other error the files may be a version's: they
        # stay, and what no version names is removed as an orphan later.
        try:
            commit = main.table.commit(
                main.base, adds=main.adds, removes=main.removes, transactions=transactions, metadata=receipt.metadata()
            )
        except CommitConflict:
            _discard(main)
            raise
        self.recorder.record(commit, receipt, checks)
        kept = main.kept
        return Published(
            commit=commit,
            rows=receipt.rows,
            checks=tuple(checks),
            partitions=candidate.partitions,
            size_bytes=sum(f.size_bytes for f in kept) + sum(f.size_bytes for f in main.adds),
            inputs=candidate.inputs,
            side_version=side_version,
        )

    def _commit_side(self, side: Change, run_id: str) -> int:
        if not side.adds and not side.removes:
            return side.base.version
        commit = side.table.commit(side.base, adds=side.adds, removes=side.removes)
        self.recorder.acknowledge(commit, run_id=run_id)
        return commit.version

    def _receipt(self, candidate: Candidate, checks: Sequence[RuleResult], side_version: int) -> Receipt:
        return Receipt(
            dataset=str(candidate.contract.name),
            run_id=candidate.run.id,
            materialization=candidate.contract.materialization.value,
            started_at=candidate.run.started_at,
            finished_at=self.clock.now(),
            contract_version=candidate.contract.version,
            contract_sha256=candidate.contract.sha256,
            code_version=candidate.run.code_version,
            fingerprint=candidate.fingerprint,
            rows=candidate.main.staged_rows + sum(f.rows for f in candidate.main.kept),
            inputs=candidate.inputs,
            decisions_version=candidate.decisions_version,
            range_from=candidate.days.start if candidate.days else None,
            range_to=candidate.days.end if candidate.days else None,
            side_version=side_version,
            partitions=candidate.partitions,
            checks=tuple(CheckCount.of(check) for check in checks),
            job=candidate.run.job,
            traceparent=candidate.run.traceparent,
            input_sizes=candidate.input_sizes,
            written=candidate.main.written,
            total=candidate.main.total,
            null_counts=candidate.main.null_counts,
        )


def _count_staged(candidate: Candidate) -> None:
    changes = [change for change in (candidate.main, candidate.side) if change is not None]
    rewritten = [change for change in changes if change.carried_rows]
    count(
        read=sum(file.size_bytes for change in rewritten for file in change.removes),
        written=sum(change.written.size_bytes for change in changes),
    )


def _discard(*changes: Change | None) -> None:
    for change in changes:
        if change is not None:
            discard(change.table, change.adds)


def side_transaction(side: TableRef) -> str:
    """The transaction id under which a main table names its side table's version."""
    return f"side/{side.path}"


def new_file_name() -> str:
    """An unguessable file name stem, so that staged files cannot be found before they are committed."""
    return uuid.uuid4().hex


def _blocked_message(candidate: Candidate, blocking: Sequence[RuleResult]) -> str:
    name = candidate.contract.name
    findings = "\n".join(
        f"  {c.rule} ({c.reason}): {c.verdict}, {c.failing_rows} of {c.rows_examined} rows. {c.detail}"
        for c in blocking
    )
    where = f" for {candidate.days}" if candidate.days else ""
    look = f"`data-platform quarantine list {name}`, " if candidate.side is not None else ""
    return (
        f"{name}{where}: {len(blocking)} blocking checks did not pass, nothing was published and the last good version "
        f"keeps serving:\n{findings}\n  next: {look}"
        "mend the source or the contract, run again"
    )
