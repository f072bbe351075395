"""The lineage of runs as outbox lines: what receipts and contracts say, in OpenLineage's terms. Building the events
themselves is in `lineage`; sending them comes after the outbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time

import duckdb

from data_platform.clock import Clock
from data_platform.contracts.domains import Dataset, Project
from data_platform.contracts.model import DatasetName
from data_platform.lineage import events
from data_platform.lineage.facts import Assertion, ContractFacts, DatasetFacts, Field, RunFacts
from data_platform.lineage.outbox import outbox_entry
from data_platform.metastore.outbox import OutboxEntry
from data_platform.publication.candidate import Run
from data_platform.publication.receipt import Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLineageWriter:
    """Composes OpenLineage events. `namespace` is that of all datasets and jobs of the platform."""

    project: Project
    namespace: str
    clock: Clock

    def started(self, dataset: str, run: Run) -> Sequence[OutboxEntry]:
        """The START event; it names no outputs."""
        facts = self._run(dataset, run.id)
        return [outbox_entry(facts, events.start(facts, at=run.started_at), at=run.started_at)]

    def completed(self, receipt: Receipt, *, version: int) -> Sequence[OutboxEntry]:
        """The COMPLETE event of a published commit; for a landed batch, which is a run of its own, the START too."""
        batch = receipt.batch
        run_id = f"{receipt.run_id}/{batch.source}/{batch.n}" if batch else receipt.run_id
        facts = self._run(receipt.dataset, run_id, receipt.range_from, receipt.range_to)
        inputs = [self._dataset(name, version=used) for name, used in sorted(receipt.inputs.items())]
        event = events.complete(facts, at=receipt.finished_at, inputs=inputs, outputs=[self._output(receipt, version)])
        entries = [outbox_entry(facts, event, at=receipt.finished_at)]
        if batch:
            entries.insert(0, outbox_entry(facts, events.start(facts, at=receipt.started_at), at=receipt.started_at))
        return entries

    def failed(self, dataset: str, run: Run, error: str, at: datetime) -> Sequence[OutboxEntry]:
        """The FAIL event."""
        facts = self._run(dataset, run.id)
        return [outbox_entry(facts, events.fail(facts, at=at, error=error), at=at)]

    def _run(self, dataset: str, run_id: str, start: date | None = None, end: date | None = None) -> RunFacts:
        found = self._find(dataset)
        return RunFacts(
            run_id=run_id,
            namespace=self.namespace,
            job=dataset,
            job_type=found.contract.materialization.value if found else "unknown",
            nominal_start=datetime.combine(start, time(), UTC) if start else None,
            nominal_end=datetime.combine(end, time(), UTC) if end else None,
            engine_version=duckdb.__version__,
            sql=found.sql_text if found else None,
            owners=(found.contract.owner.team,) if found else (),
        )

    def _dataset(self, name: str, *, version: int) -> DatasetFacts:
        found = self._find(name)
        if found is None:
            return DatasetFacts(name=name, namespace=self.namespace, version=version)
        contract = found.contract
        return DatasetFacts(
            name=name,
            namespace=self.namespace,
            version=version,
            owners=(contract.owner.team,),
            fields=tuple(Field(name=c.name, type=str(c.type), description=c.description) for c in contract.columns),
            contract=ContractFacts(id=str(contract.name), version=contract.version, sha256=contract.sha256),
        )

    def _output(self, receipt: Receipt, version: int) -> DatasetFacts:
        assertions = tuple(
            Assertion(rule=c.rule, success=c.verdict == "passed", severity=c.severity) for c in receipt.checks
        )
        return replace(self._dataset(receipt.dataset, version=version), rows=receipt.rows, assertions=assertions)

    def _find(self, name: str) -> Dataset | None:
        return self.project.datasets.get(DatasetName.parse(name))
