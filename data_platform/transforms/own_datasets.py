"""Publishes what the platform measures of itself, as served datasets with contracts: audited, in Delta, with lineage.

Their SELECTs read `ledger.<table>`, tables of the metastore, of which what may have changed is streamed into DuckDB for
one publish. They are no part of a project: nothing runs them but this, and no team's plan, graph or count has them.
When they are published is decided in `own_publishing`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import pyarrow as pa
from duckdb import DuckDBPyConnection

from data_platform.contracts.days import DayRange
from data_platform.contracts.domains import Dataset, Project
from data_platform.contracts.model import DatasetName, Materialization
from data_platform.contracts.rules import rules_of
from data_platform.contracts.schema import arrow_schema
from data_platform.contracts.types import quote_identifier
from data_platform.costs.metering import Meter
from data_platform.errors import ContractViolation, PartlyPublished
from data_platform.lakehouse.duck import Engine
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.lakehouse.tables import Lake
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.tables import RunState
from data_platform.publication.candidate import Candidate, Change, Published, Run
from data_platform.publication.heads import Heads
from data_platform.publication.lease import Leases
from data_platform.publication.publish import Publisher
from data_platform.publication.receipt import PartitionCount
from data_platform.publication.recording import Recorder
from data_platform.publication.recovery import Recovery
from data_platform.publication.shape import ensure_shape, was_published
from data_platform.transforms.own_days import LedgerDays, days_to_look_at, difference, differing, over
from data_platform.transforms.query import Query, read_query
from data_platform.transforms.replacement import Target, replace_table

_LEDGER = "ledger"
_LOOK_BACK = 10  # commits among which the last publish is looked for: upkeep makes few between two of them


class Ledger(LedgerDays, Protocol):
    """Reads tables of the metastore."""

    def reading(
        self, table: str, days: Sequence[DayRange] | None = None
    ) -> AbstractContextManager[pa.RecordBatchReader]:
        """A table's rows, all or those of some days."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnDatasets:
    """Publishes the datasets of the platform's own project."""

    project: Project
    ledger: Ledger
    lake: Lake
    engine: Engine
    heads: Heads
    leases: Leases
    publisher: Publisher
    recorder: Recorder
    recovery: Recovery
    meter: Meter

    def publish_all(self, run: Run) -> list[Published]:
        """Publishes each of them that no longer says what the ledger says; gives what was published.

        Raises:
            PartlyPublished: some could not be published; the others were.
        """
        published: list[Published] = []
        failed: dict[str, Exception] = {}
        for name in self.project.datasets:
            try:
                one = self.publish(name, run=run)
            except Exception as error:  # noqa: BLE001 - one that fails must not hold up the others
                failed[str(name)] = error
            else:
                published += [one] if one is not None else []
        if failed:
            raise PartlyPublished(failed, published=published)
        return published

    def publish(self, name: DatasetName, *, run: Run) -> Published | None:
        """Publishes one of them, only the days that changed; None where it says what the ledger says already.

        Raises:
            PublishBlocked: the audit found something; the last good version keeps serving.
        """
        dataset = self.project.dataset(name)
        run = replace(run, started_at=self.recorder.clock.now())
        ref = TableRef.of(name, Zone.SERVED)
        with self.meter.run(str(name), run.id):
            try:
                with self.leases.hold(ref.path), self.engine.session() as con:
                    return self._publish(con, dataset, ref, run)
            except BaseException as error:
                self.recorder.failed(str(name), run, error, is_blocked=isinstance(error, ContractViolation))
                raise

    def _publish(self, con: DuckDBPyConnection, dataset: Dataset, ref: TableRef, run: Run) -> Published | None:
        assert dataset.sql_text is not None
        query = read_query(dataset.sql_text)
        table = self.lake.table(ref)
        head = self.heads.for_writing(table)
        self.recovery.catch_up(table)
        base = ensure_shape(table, arrow_schema(dataset.contract), head, recorder=self.recorder)
        target = Target(contract=dataset.contract, table=table, base=base)
        computed = self._compute(con, query, target, since=self._last(dataset, ref))
        if computed is None:
            self._note_current(str(dataset.name), run)
            return None
        change, partitions, days = computed
        run = replace(run, days=days)
        self.recorder.started(str(dataset.name), run)
        candidate = Candidate(
            contract=dataset.contract,
            run=run,
            main=change,
            fingerprint=_fingerprint(dataset),
            days=days,
            rules=rules_of(dataset.contract),
            partitions=partitions,
        )
        return self.publisher.publish(con, candidate)

    def _compute(
        self, con: DuckDBPyConnection, query: Query, target: Target, *, since: datetime | None
    ) -> tuple[Change, tuple[PartitionCount, ...], DayRange | None] | None:
        """What is to be committed; None where nothing differs from what is published. `since` is when the last publish
        of the same contract and query began; None where there is none.
        """
        tables = [name.removeprefix(f"{_LEDGER}.") for name in query.unknown_tables]
        base, is_new = target.base, not was_published(target.base)
        if target.contract.materialization is not Materialization.PARTITION:
            self._load(con, tables, None)
            con.execute(f"CREATE TEMP TABLE computed AS {query.sql}")
            if is_new or _differs(con, target):
                return (*replace_table(con, query, target), None)
            return None
        now = self.recorder.clock.now()
        looked = days_to_look_at(self.ledger, tables, target.contract, since=since, now=now)
        self._load(con, tables, [looked])
        con.execute(f"CREATE TEMP TABLE computed AS {query.sql}")
        found = differing(con, target, [*over(target, now=now), looked])
        if found is not None:
            return found.change, found.partitions, DayRange.of(found.days[0], found.days[-1])
        return (Change(table=target.table, base=base), (), None) if is_new else None

    def _load(self, con: DuckDBPyConnection, tables: Iterable[str], days: Sequence[DayRange] | None) -> None:
        con.execute(f"CREATE SCHEMA {_LEDGER}")
        for number, table in enumerate(tables):
            with self.ledger.reading(table, days) as rows:
                con.register(f"rows_{number}", rows)
                con.execute(f"CREATE TABLE {_LEDGER}.{quote_identifier(table)} AS SELECT * FROM rows_{number}")
                con.unregister(f"rows_{number}")

    def _last(self, dataset: Dataset, ref: TableRef) -> datetime | None:
        """When the last publish began; None where it was of another contract or query, or there is none."""
        metastore = self.recorder.metastore
        commits = metastore.commits.history(ref.path.removeprefix("tables/"), limit=_LOOK_BACK)
        newest = next((commit for commit in commits if "fingerprint" in commit.metadata), None)
        if newest is None or newest.run_id is None or newest.metadata["fingerprint"] != _fingerprint(dataset):
            return None
        run = metastore.runs.get(newest.run_id, dataset=str(dataset.name))
        return run.started_at if run is not None else None

    def _note_current(self, dataset: str, run: Run) -> None:
        """A dataset whose last publish failed, and that turns out to be current, is no failure any more."""
        runs = self.recorder.metastore.runs
        latest = runs.latest(dataset)
        if latest is not None and latest.state is not RunState.SUCCEEDED:
            now = self.recorder.clock.now()
            entry = RunEntry(
                run_id=run.id,
                dataset=dataset,
                started_at=run.started_at,
                ended_at=now,
                state=RunState.SUCCEEDED,
                code_version=run.code_version,
                seconds=(now - run.started_at).total_seconds(),
            )
            runs.record([entry])


def _fingerprint(dataset: Dataset) -> str:
    return hashlib.sha256(f"{dataset.contract.sha256} {dataset.sql_text}".encode()).hexdigest()


def _differs(con: DuckDBPyConnection, target: Target) -> bool:
    """Whether the table `computed` holds other rows than those that are published."""
    names = ", ".join(map(quote_identifier, target.base.schema.names))
    one, other = f"SELECT {names} FROM computed", f"SELECT {names} FROM ({target.base.scan()})"
    return bool(con.execute(f"SELECT EXISTS ({difference(one, other)})").fetchall()[0][0])
