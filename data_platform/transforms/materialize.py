"""Materializes one dataset: pin inputs, compute aside, audit, publish; again from fresh snapshots when another writer
was first. What each materialization computes is in `admit`, `keep_history` and `replacement`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date

from duckdb import DuckDBPyConnection
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from data_platform.contracts.days import DayRange
from data_platform.contracts.domains import Dataset, Project
from data_platform.contracts.model import Contract, DatasetName, Delivery, Materialization, Severity
from data_platform.contracts.rules import Rule, rules_of
from data_platform.contracts.schema import arrow_schema
from data_platform.costs.metering import Meter
from data_platform.costs.usage import count
from data_platform.errors import (
    CommitConflict,
    ConfigurationError,
    ContractViolation,
    PlatformError,
)
from data_platform.governance.redaction import redactor
from data_platform.lakehouse.duck import Engine, register_snapshot
from data_platform.lakehouse.snapshots import Snapshot
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.lakehouse.tables import Lake
from data_platform.metastore.engine import Metastore
from data_platform.observability.tracing.finding import news_of
from data_platform.observability.tracing.spans import current, span
from data_platform.observability.tracing.tracer import UNTRACED, Tracer
from data_platform.publication.candidate import Candidate, Change, Published, Run
from data_platform.publication.heads import Heads
from data_platform.publication.lease import Leases
from data_platform.publication.publish import Publisher
from data_platform.publication.receipt import PartitionCount
from data_platform.publication.recording import Recorder
from data_platform.publication.recovery import Recovery
from data_platform.publication.shape import HELD_TABLE, ensure_shape, was_published
from data_platform.quality.verdicts import Counts, Evidence, RuleResult, conclude, judge
from data_platform.transforms.admit import AdmitPlan, Held, Outcome, admit, ledger
from data_platform.transforms.amend_history import amend_history
from data_platform.transforms.basis import Wanted, find_basis
from data_platform.transforms.complete_days import complete_days
from data_platform.transforms.keep_history import history_ledger, keep_history
from data_platform.transforms.lint import ONE_TO_ONE
from data_platform.transforms.pinned import Pinned, pin, refuse_blocked
from data_platform.transforms.projection import raw_rules
from data_platform.transforms.query import Query
from data_platform.transforms.recipe import completed, fingerprint, query_of
from data_platform.transforms.relations import qualified
from data_platform.transforms.replacement import Target, replace_partitions, replace_table

_DECISIONS = "decided_rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """What one attempt works with.

    Attributes:
        dataset: its contract completed with what follows from its inputs.
        target: its table as it stands.
    """

    dataset: Dataset
    query: Query
    target: Target
    pinned: Pinned
    days: DayRange | None


@dataclass(frozen=True, slots=True)
class _Computed:
    """What a computation staged."""

    main: Change
    side: Change | None = None
    partitions: tuple[PartitionCount, ...] = ()
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Materializer:
    """Materializes curated and served datasets of a project."""

    project: Project
    lake: Lake
    engine: Engine
    heads: Heads
    leases: Leases
    publisher: Publisher
    recorder: Recorder
    recovery: Recovery
    metastore: Metastore
    meter: Meter
    tracer: Tracer = UNTRACED

    def materialize(self, name: DatasetName, *, run: Run, days: DayRange | None = None) -> Published:
        """Computes and publishes one dataset.

        Args:
            name: a curated or served dataset.
            run: the identity under which everything is recorded.
            days: the partitions to publish, all or nothing; None for every partition.

        Raises:
            PublishBlocked: a blocking check said no; the last good version keeps serving.
            UpstreamBlocked: an input partition in range is blocked, or an input was never published.
            CommitConflict: other writers were first five times in a row.
        """
        dataset = self.project.dataset(name)
        about = {"run_id": run.id, "dataset": str(name), **({"partition": str(days)} if days else {})}
        with (
            self.meter.run(str(name), run.id),
            self.tracer.span("step", parent=run.traceparent, follow=self._news(dataset), **about) as step,
        ):
            # One run may cover several datasets.
            run = replace(run, started_at=self.recorder.clock.now(), days=days, traceparent=step.traceparent)
            self.recorder.started(str(name), run)
            try:
                with self.leases.hold(TableRef.of(name).path):
                    return self._attempt(dataset, run, days)
            except BaseException as error:
                self.recorder.failed(str(name), run, error, is_blocked=isinstance(error, ContractViolation))
                raise

    def _news(self, dataset: Dataset) -> tuple[str, ...]:
        """The traceparents of what the step goes on from; a run around it in this process goes on from it already."""
        if current() is not None or not self.tracer.sinks:
            return ()
        with suppress(PlatformError):  # a query that cannot be read is told by the attempt
            return news_of(self.metastore, str(dataset.name), map(str, query_of(dataset).inputs))
        return ()

    @retry(
        retry=retry_if_exception_type(CommitConflict),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        stop=stop_after_attempt(5),
        reraise=True,
    )
    def _attempt(self, dataset: Dataset, run: Run, days: DayRange | None) -> Published:
        query = query_of(dataset)
        dataset = completed(self.project, dataset, query)
        with span("pin"):
            pinned = pin(dataset, query, lake=self.lake, heads=self.heads)
            refuse_blocked(dataset, query, days, metastore=self.metastore)
        came_in = pinned.bytes_to_read(days)
        count(read=came_in)
        with self.engine.session() as con:
            with span("compute"):
                for name, snapshot in pinned.snapshots.items():
                    register_snapshot(con, str(name), snapshot)
                target = self._target(dataset)
                attempt = _Attempt(dataset=dataset, query=query, target=target, pinned=pinned, days=days)
                computed = self._compute(con, attempt)
            outcome = computed.outcome or Outcome()
            candidate = Candidate(
                contract=dataset.contract,
                run=run,
                main=computed.main,
                side=computed.side,
                fingerprint=fingerprint(self.project, dataset),
                inputs=pinned.versions,
                decisions_version=pinned.decisions.version,
                days=days,
                rules=rules_of(dataset.contract),
                waived=dict(outcome.waived),
                fates=self._fate_results(dataset, query, outcome),
                partitions=computed.partitions,
                targets=self._targets(dataset, pinned),
                input_sizes=pinned.sizes,
            )
            published = self.publisher.publish(con, candidate)
        count(logical_in=came_in)
        return published

    def _target(self, dataset: Dataset) -> Target:
        table = self.lake.table(TableRef.of(dataset.name))
        head = self.heads.for_writing(table)  # first: a torn head that nobody acknowledged has to be out of the way
        self.recovery.catch_up(table)
        base = ensure_shape(table, arrow_schema(dataset.contract), head, recorder=self.recorder)
        return Target(contract=dataset.contract, table=table, base=base)

    def _compute(self, con: DuckDBPyConnection, attempt: _Attempt) -> _Computed:
        dataset, query, target = attempt.dataset, attempt.query, attempt.target
        match dataset.contract.materialization:
            case Materialization.ADMIT:
                plan = self._plan(con, attempt)
                main, side, outcome = admit(con, plan)
                return _Computed(main, side, ledger(con, plan, outcome), outcome)
            case Materialization.MERGE | Materialization.SCD2:
                return self._keep_history(con, replace(attempt, days=None))
            case Materialization.PARTITION:
                if attempt.days is None:
                    raise ConfigurationError(f"{dataset.name} is materialized by partition: name a range of days")
                return _Computed(*_without_side(replace_partitions(con, query, target, attempt.days)))
            case _:
                return _Computed(*_without_side(replace_table(con, query, target)))

    def _keep_history(self, con: DuckDBPyConnection, attempt: _Attempt) -> _Computed:
        plan, dataset, pinned = self._plan(con, attempt), attempt.dataset, attempt.pinned
        raw = pinned.snapshots[plan.raw.name]
        wanted = Wanted(fingerprint=fingerprint(self.project, dataset), raw=raw, decisions=pinned.decisions)
        basis = find_basis(self.metastore, self.lake.table(TableRef.of(dataset.name, Zone.DECISIONS)), plan, wanted)
        amended = amend_history(con, plan, basis) if basis else None
        main, side, outcome = amended or keep_history(con, plan, self._complete_days(plan.raw, raw))
        return _Computed(main, side, history_ledger(outcome), outcome)

    def _plan(self, con: DuckDBPyConnection, attempt: _Attempt) -> AdmitPlan:
        raw, target, decided = attempt.query.inputs[0], attempt.target, attempt.pinned.decisions
        side = self.lake.table(TableRef.of(target.contract.name, Zone.HELD))
        held = ensure_shape(side, HELD_TABLE, self.heads.side_for_writing(side, target.base), recorder=self.recorder)
        decisions = None
        if decided.version >= 0:
            con.execute(f"CREATE OR REPLACE TEMP VIEW {_DECISIONS} AS {decided.scan()}")
            decisions = _DECISIONS
        return AdmitPlan(
            query=attempt.query,
            raw=self.project.dataset(raw).contract,
            target=target,
            held=Held(table=side, base=held),
            days=attempt.days if target.day else None,
            raw_table=qualified(raw),
            decisions=decisions,
        )

    def _complete_days(self, raw: Contract, snapshot: Snapshot) -> tuple[date, ...]:
        if raw.delivery is not Delivery.SNAPSHOT:
            return ()
        table = self.lake.table(TableRef.of(raw.name))
        if table.version() == snapshot.version:
            self.recovery.catch_up(table)  # the ledger of a commit that a crash left unrecorded
        return complete_days(self.metastore, raw, version=snapshot.version)

    def _targets(self, dataset: Dataset, pinned: Pinned) -> dict[DatasetName, str]:
        targets: dict[DatasetName, str] = {}
        for rule in rules_of(dataset.contract):
            if rule.reference is not None:
                name = rule.reference.target
                snapshot = pinned.snapshots.get(name) or self.heads.for_reading(self.lake.table(TableRef.of(name)))
                if was_published(snapshot):
                    targets[name] = snapshot.scan(rule.reference.target_columns)
        return targets

    def _fate_results(self, dataset: Dataset, query: Query, outcome: Outcome) -> tuple[RuleResult, ...]:
        """What the fates found of every quarantine rule, over the raw rows of the range."""
        if dataset.contract.materialization not in ONE_TO_ONE:
            return ()
        raw = self.project.dataset(query.inputs[0]).contract
        own = [rule for rule in rules_of(dataset.contract) if rule.kind.is_row_kind]
        rules = [rule for rule in (*raw_rules(raw), *own) if rule.severity is Severity.QUARANTINE]
        examined = outcome.source.total() if outcome.examined is None else outcome.examined
        evidence = Evidence(
            contract_version=dataset.contract.version, expected_rows=examined, redact=redactor(dataset.contract)
        )
        return tuple(_fate_result(rule, examined, outcome.broken[rule.name], evidence) for rule in rules)


def _fate_result(rule: Rule, examined: int, failing: int, evidence: Evidence) -> RuleResult:
    judgement = judge(rule, rows_examined=examined, failing_rows=failing, expected_rows=examined)
    return conclude(rule, judgement, evidence, engine="duckdb", counts=Counts(examined=examined, failing=failing))


def _without_side(
    computed: tuple[Change, tuple[PartitionCount, ...]],
) -> tuple[Change, None, tuple[PartitionCount, ...]]:
    return computed[0], None, computed[1]
