"""The lineage of runs as outbox lines: what receipts and contracts say, in OpenLineage's terms. What they say as facts
is in `lineage_facts`; building the events themselves is in `lineage`; sending them comes after the outbox.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from data_platform.clock import Clock
from data_platform.contracts.days import DayRange
from data_platform.contracts.model import Layer, Materialization
from data_platform.errors import PlatformError
from data_platform.lineage import events
from data_platform.lineage.event_text import digest
from data_platform.lineage.facts import Assertion, DatasetFacts, ParentRun, RunFacts
from data_platform.lineage.outbox import dataset_entry, job_entry, outbox_entry
from data_platform.metastore.lineage_told import ToldEntry, telling
from data_platform.metastore.outbox import OutboxEntry
from data_platform.publication.candidate import Run
from data_platform.publication.lineage_facts import FactsOf, statistics
from data_platform.publication.receipt import Receipt

WAREHOUSE_JOB = "warehouse.served"
_COPIES = "warehouse"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLineageWriter:
    """Composes OpenLineage events."""

    facts: FactsOf
    clock: Clock

    def started(self, dataset: str, run: Run) -> Sequence[OutboxEntry]:
        """The START event, with the inputs that its SELECT names; it names no outputs."""
        return [self._start(self.facts.run(dataset, run), run.started_at, self._named_inputs(dataset))]

    def completed(self, receipt: Receipt, *, version: int) -> Sequence[OutboxEntry]:
        """The COMPLETE event of a published commit; for a landed batch, which is a run of its own, the START too."""
        batch = receipt.batch
        facts = self.facts.run(receipt.dataset, _run_of(receipt), run_id=_batch_run(receipt))
        inputs = [
            replace(self.facts.dataset(name), version=used, statistics=statistics(receipt.input_sizes.get(name)))
            for name, used in sorted(receipt.inputs.items())
        ]
        if batch and (source := self.facts.source(receipt.dataset, batch.source)) is not None:
            inputs.append(source)
        event = events.complete(facts, at=receipt.finished_at, inputs=inputs, outputs=[self._output(receipt, version)])
        entry = outbox_entry(facts, event, at=receipt.finished_at)
        return [self._start(facts, receipt.started_at, inputs), entry] if batch else [entry]

    def failed(self, dataset: str, run: Run, error: BaseException, at: datetime) -> Sequence[OutboxEntry]:
        """The FAIL event; ABORT where somebody stopped the run."""
        return [self._ended(self.facts.run(dataset, run), error, at, self._named_inputs(dataset))]

    def batch_failed(
        self, dataset: str, run: Run, source: tuple[str, int], error: BaseException
    ) -> Sequence[OutboxEntry]:
        """START and FAIL, or ABORT, of a landed batch that could not be committed."""
        facts = self.facts.run(dataset, run, run_id=f"{run.id}/{source[0]}/{source[1]}")
        found = self.facts.source(dataset, source[0])
        inputs = [found] if found is not None else []
        return [self._start(facts, run.started_at, inputs), self._ended(facts, error, self.clock.now(), inputs)]

    def launched(self, run: Run) -> Sequence[OutboxEntry]:
        """The START event of a run that starts others."""
        return [self._start(self.facts.launch(run), run.started_at)]

    def landed(self, run: Run, error: BaseException | None, at: datetime) -> Sequence[OutboxEntry]:
        """The last event of a run that started others."""
        facts = self.facts.launch(run)
        if error is not None:
            return [self._ended(facts, error, at)]
        return [outbox_entry(facts, events.complete(facts, at=at), at=at)]

    def read(self, run: Run, tables: Mapping[str, int], *, sql: str) -> Sequence[OutboxEntry]:
        """START and COMPLETE of somebody's SELECT, which makes nothing."""
        facts = replace(self.facts.launch(run), job_type="query", engine="duckdb", sql=sql)
        inputs = [replace(self.facts.dataset(name), version=version) for name, version in sorted(tables.items())]
        now = self.clock.now()
        event = events.complete(facts, at=now, inputs=inputs)
        return [self._start(facts, run.started_at, inputs), outbox_entry(facts, event, at=now)]

    def exported(self, run: Run, versions: Mapping[str, int], rows: Mapping[str, int]) -> Sequence[OutboxEntry]:
        """START and COMPLETE of the warehouse file: each of its tables is a copy of a served dataset."""
        given = self.facts.launch(run)
        parent = ParentRun(run_id=run.id, namespace=given.namespace, job=run.job) if run.job else None
        facts = replace(given, job=WAREHOUSE_JOB, job_type="copy", engine="duckdb", parent=parent, openlineage_id=None)
        inputs = [replace(self.facts.dataset(name), version=version) for name, version in sorted(versions.items())]
        outputs = [self.facts.copy_of(name, rows=rows.get(name)) for name in sorted(versions)]
        now = self.clock.now()
        event = events.complete(facts, at=now, inputs=inputs, outputs=outputs)
        return [self._start(facts, run.started_at), outbox_entry(facts, event, at=now)]

    def altered(self, dataset: str, *, version: int) -> Sequence[OutboxEntry]:
        """A dataset was given the columns of a minor version of its contract."""
        known = replace(self.facts.dataset(dataset), version=version, lifecycle="ALTER")
        now = self.clock.now()
        return [dataset_entry(known, events.dataset_event(known, at=now), at=now)]

    def discovered(self, found: Sequence[DatasetFacts]) -> Sequence[OutboxEntry]:
        """What a scan found: of a dataset with a contract beside what that says, of others with all that is known."""
        entries = []
        for one in found:
            facts = replace(self._described(one), discovery=one.discovery)
            assert one.discovery is not None
            entries.append(dataset_entry(facts, events.dataset_event(facts, at=one.discovery.at), at=one.discovery.at))
        return entries

    def known(self, told: Mapping[str, ToldEntry]) -> Sequence[tuple[ToldEntry, OutboxEntry]]:
        """What contracts, SELECTs and connectors say of every dataset and job, run or not, where that is something else
        than what was told last.
        """
        now = self.clock.now()
        found: list[tuple[ToldEntry, OutboxEntry]] = []
        for name in map(str, self.facts.project.datasets):
            known = replace(self.facts.dataset(name), column_lineage=self.facts.column_lineage(name))
            found += self._known_dataset(known, told, now)
            found += self._known_job(known, told, now)
        return found

    def _known_dataset(
        self, known: DatasetFacts, told: Mapping[str, ToldEntry], now: datetime
    ) -> Iterator[tuple[ToldEntry, OutboxEntry]]:
        line = telling(f"dataset {known.name}", digest(events.dataset_event(known, at=now)), told)
        if line is not None:
            stated = replace(known, state=line.state)
            yield replace(line, told_at=now), dataset_entry(stated, events.dataset_event(stated, at=now), at=now)

    def _known_job(
        self, known: DatasetFacts, told: Mapping[str, ToldEntry], now: datetime
    ) -> Iterator[tuple[ToldEntry, OutboxEntry]]:
        inputs = [*self._named_inputs(known.name), *self.facts.sources(known.name)]
        if not inputs:
            return
        job = self.facts.run(known.name, Run(id="", started_at=now, code_version=""))
        said = digest(events.job_event(job, at=now, inputs=inputs, outputs=[known]))
        line = telling(f"job {known.name}", said, told)
        if line is not None:
            stated = replace(job, run_id=line.state)
            event = events.job_event(stated, at=now, inputs=inputs, outputs=[known])
            yield replace(line, told_at=now), job_entry(stated, event, at=now)

    def _start(self, facts: RunFacts, at: datetime, inputs: Sequence[DatasetFacts] = ()) -> OutboxEntry:
        return outbox_entry(facts, events.start(facts, at=at, inputs=inputs), at=at)

    def _ended(
        self, facts: RunFacts, error: BaseException, at: datetime, inputs: Sequence[DatasetFacts] = ()
    ) -> OutboxEntry:
        compose = events.fail if isinstance(error, Exception) else events.abort
        return outbox_entry(facts, compose(facts, at=at, error=told(error), inputs=inputs), at=at)

    def _named_inputs(self, dataset: str) -> list[DatasetFacts]:
        """The inputs by name alone: what they are is said where they have been read."""
        namespace = self.facts.namespace
        return [DatasetFacts(name=name, namespace=namespace) for name in self.facts.inputs(dataset)]

    def _described(self, found: DatasetFacts) -> DatasetFacts:
        if found.namespace != self.facts.namespace:
            return found
        if self.facts.find(found.name) is not None:
            return self.facts.dataset(found.name)
        served = found.name.replace(f"{_COPIES}.", f"{Layer.SERVED}.", 1)
        if found.name.startswith(f"{_COPIES}.") and self.facts.find(served) is not None:
            return replace(self.facts.copy_of(served, rows=None), lifecycle=None, column_lineage=found.column_lineage)
        return found

    def _output(self, receipt: Receipt, version: int) -> DatasetFacts:
        assertions = tuple(
            Assertion(rule=c.rule, success=c.verdict == "passed", severity=c.severity)
            for c in receipt.checks
            if c.verdict != "not_applicable"
        )
        return replace(
            self.facts.dataset(receipt.dataset),
            version=version,
            statistics=statistics(receipt.written),
            total=statistics(receipt.total, receipt.null_counts),
            lifecycle=_lifecycle(receipt, version),
            assertions=assertions,
            column_lineage=self.facts.column_lineage(receipt.dataset),
        )


def told(error: BaseException) -> str:
    """The error for people elsewhere: what the platform says itself; of any other error, which may quote data, the kind
    alone.
    """
    kind = type(error).__name__
    text = str(error).splitlines()
    quotes_another = error.__cause__ is not None and not isinstance(error.__cause__, PlatformError)
    if isinstance(error, PlatformError) and text and not quotes_another:
        return f"{kind}: {text[0]}"
    return kind


def _lifecycle(receipt: Receipt, version: int) -> str | None:
    if version <= 1:  # version 0 is the table's creation, in the same run
        return "CREATE"
    return "OVERWRITE" if receipt.materialization == Materialization.TABLE else None


def _run_of(receipt: Receipt) -> Run:
    days = None
    if receipt.range_from is not None and receipt.range_to is not None:
        days = DayRange(receipt.range_from, receipt.range_to)
    return Run(
        id=receipt.run_id,
        started_at=receipt.started_at,
        code_version=receipt.code_version,
        job=receipt.job,
        days=days,
        traceparent=receipt.traceparent,
    )


def _batch_run(receipt: Receipt) -> str | None:
    batch = receipt.batch
    return f"{receipt.run_id}/{batch.source}/{batch.n}" if batch else None
