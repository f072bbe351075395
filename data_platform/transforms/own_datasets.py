"""Publishes what the platform measures of itself, as served datasets with contracts: audited, in Delta, with lineage.

Their SELECTs read `ledger.<table>`, tables of the metastore, which are streamed into DuckDB for one publish. They are
no part of a project: nothing runs them but this, and no team's plan, graph or count has them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TypeAlias

import pyarrow as pa
from duckdb import DuckDBPyConnection

from data_platform.contracts.domains import Dataset, Project
from data_platform.contracts.model import DatasetName
from data_platform.contracts.rules import rules_of
from data_platform.contracts.schema import arrow_schema
from data_platform.errors import ContractViolation
from data_platform.lakehouse.duck import Engine
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.lakehouse.tables import Lake
from data_platform.publication.candidate import Candidate, Published, Run
from data_platform.publication.heads import Heads
from data_platform.publication.lease import Leases
from data_platform.publication.publish import Publisher
from data_platform.publication.recording import Recorder
from data_platform.publication.recovery import Recovery
from data_platform.publication.shape import ensure_shape
from data_platform.transforms.query import Query, read_query
from data_platform.transforms.replacement import Target, replace_table

ReadTable: TypeAlias = Callable[[str], AbstractContextManager[pa.RecordBatchReader]]
_LEDGER = "ledger"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnDatasets:
    """Publishes the datasets of the platform's own project.

    Attributes:
        read: opens a table of the metastore.
    """

    project: Project
    read: ReadTable
    lake: Lake
    engine: Engine
    heads: Heads
    leases: Leases
    publisher: Publisher
    recorder: Recorder
    recovery: Recovery

    def publish_all(self, run: Run) -> list[Published]:
        """Publishes every one of them as of now."""
        return [self.publish(name, run=run) for name in self.project.datasets]

    def publish(self, name: DatasetName, *, run: Run) -> Published:
        """Publishes one of them.

        Raises:
            PublishBlocked: the audit found something; the last good version keeps serving.
        """
        dataset = self.project.dataset(name)
        run = replace(run, started_at=self.recorder.clock.now())
        ref = TableRef(Zone.SERVED, name.domain, name.name)
        self.recorder.started(str(name), run)
        try:
            with self.leases.hold(ref.path), self.engine.session() as con:
                return self._publish(con, dataset, ref, run)
        except BaseException as error:
            self.recorder.failed(str(name), run, error, is_blocked=isinstance(error, ContractViolation))
            raise

    def _publish(self, con: DuckDBPyConnection, dataset: Dataset, ref: TableRef, run: Run) -> Published:
        assert dataset.sql_text is not None
        query = read_query(dataset.sql_text)
        self._load(con, query)
        table = self.lake.table(ref)
        head = self.heads.for_writing(table)
        self.recovery.catch_up(table)
        base = ensure_shape(table, arrow_schema(dataset.contract), head, recorder=self.recorder)
        change, partitions = replace_table(con, query, Target(contract=dataset.contract, table=table, base=base))
        candidate = Candidate(
            contract=dataset.contract,
            run=run,
            main=change,
            side=None,
            fingerprint=hashlib.sha256(f"{dataset.contract.sha256} {dataset.sql_text}".encode()).hexdigest(),
            inputs={},
            decisions_version=-1,
            days=None,
            rules=rules_of(dataset.contract),
            waived={},
            fates=(),
            partitions=partitions,
            targets={},
            input_sizes={},
        )
        return self.publisher.publish(con, candidate)

    def _load(self, con: DuckDBPyConnection, query: Query) -> None:
        con.execute(f"CREATE SCHEMA {_LEDGER}")
        for number, name in enumerate(query.unknown_tables):
            table = name.removeprefix(f"{_LEDGER}.")
            with self.read(table) as rows:
                con.register(f"rows_{number}", rows)
                con.execute(f'CREATE TABLE {_LEDGER}."{table}" AS SELECT * FROM rows_{number}')
                con.unregister(f"rows_{number}")
