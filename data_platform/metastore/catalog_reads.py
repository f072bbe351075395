"""What the catalog knows of one dataset, one job or one run. Lineage is in `catalog_graph`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from data_platform.metastore.catalog_derived import ColumnLine
from data_platform.metastore.catalog_facts import FacetLine, HistoryLine, VersionLine, chunks
from data_platform.metastore.catalog_tables import (
    COLUMNS,
    DATASETS,
    FACET_HISTORY,
    FACETS,
    JOBS,
    OUTPUTS,
    RUNS,
    VERSIONS,
)
from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.repository import Repository

_RUN_COLUMNS = (
    JOBS.c.namespace.label("job_namespace"),
    JOBS.c.name.label("job_name"),
    *(RUNS.c[name] for name in ("run_id", "state", "started_at", "ended_at", "error", "parent_run_id")),
    *(RUNS.c[name] for name in ("inputs", "outputs")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetLine:
    """One dataset.

    Attributes:
        standing: managed, external, stub, unmanaged or drifted.
        status, sunset: from its contract; empty and None where it says nothing.
        found: in what a scan of the store found it to differ, in words; None where it agrees.
        reads, writes: runs that read and wrote it.
        readers: datasets made from it.
    """

    id: int
    namespace: str
    name: str
    standing: str
    description: str
    tier: str
    owners: tuple[str, ...]
    tags: tuple[str, ...]
    contract_id: str
    contract_version: str
    status: str
    sunset: str | None
    found: str | None
    reads: int
    writes: int
    readers: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogRun:
    """One run with its job; inputs are (dataset id, version or empty)."""

    job_namespace: str
    job_name: str
    run_id: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    error: str
    parent_run_id: str
    inputs: tuple[tuple[int, str], ...]
    outputs: tuple[int, ...]


class CatalogReads(Repository[DatasetLine]):
    """Questions about single datasets, jobs and runs."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, DATASETS, DatasetLine)
        self._columns = Repository(database, COLUMNS, ColumnLine)
        self._facets = Repository(database, FACETS, FacetLine)
        self._history = Repository(database, FACET_HISTORY, HistoryLine)
        self._versions = Repository(database, VERSIONS, VersionLine)

    def dataset(self, namespace: str, *, name: str, tx: Transaction | None = None) -> DatasetLine | None:
        """One dataset by its whole key."""
        one = (DATASETS.c.namespace == namespace, DATASETS.c.name == name)
        return self._first(sa.select(DATASETS).where(*one), tx=tx)

    def of_keys(
        self, keys: Collection[tuple[str, str]], *, tx: Transaction | None = None
    ) -> dict[tuple[str, str], DatasetLine]:
        """Those datasets of the keys (namespace, name) that there are."""
        wanted, found = set(keys), {}
        for some in chunks({name for _, name in wanted}):
            for line in self._select(sa.select(DATASETS).where(DATASETS.c.name.in_(some)), tx=tx):
                if (line.namespace, line.name) in wanted:
                    found[line.namespace, line.name] = line
        return found

    def named(self, name: str, *, limit: int = 20, tx: Transaction | None = None) -> tuple[DatasetLine, ...]:
        """Datasets of any namespace with a name."""
        statement = sa.select(DATASETS).where(DATASETS.c.name == name)
        return self._select(statement.order_by(DATASETS.c.namespace).limit(limit), tx=tx)

    def datasets(self, ids: Collection[int], *, tx: Transaction | None = None) -> dict[int, DatasetLine]:
        """Datasets by id."""
        found: dict[int, DatasetLine] = {}
        for some in chunks(ids):
            lines = self._select(sa.select(DATASETS).where(DATASETS.c.id.in_(some)), tx=tx)
            found.update({line.id: line for line in lines})
        return found

    def page(
        self,
        *,
        namespace: str | None = None,
        prefix: str = "",
        after: tuple[str, str] | None = None,
        limit: int = 100,
        tx: Transaction | None = None,
    ) -> tuple[DatasetLine, ...]:
        """Datasets by (name, namespace), after a key (name, namespace); optionally of a namespace, by begin of name."""
        statement = sa.select(DATASETS)
        if namespace is not None:
            statement = statement.where(DATASETS.c.namespace == namespace)
        if prefix:
            statement = statement.where(DATASETS.c.name.startswith(prefix, autoescape=True))
        if after is not None:
            statement = statement.where(sa.tuple_(DATASETS.c.name, DATASETS.c.namespace) > sa.tuple_(*after))
        return self._select(statement.order_by(DATASETS.c.name, DATASETS.c.namespace).limit(limit), tx=tx)

    def columns(self, dataset_id: int, *, tx: Transaction | None = None) -> tuple[ColumnLine, ...]:
        """A dataset's columns in order."""
        statement = sa.select(COLUMNS).where(COLUMNS.c.dataset_id == dataset_id)
        return self._columns._select(statement.order_by(COLUMNS.c.position, COLUMNS.c.name), tx=tx)

    def columns_of(self, datasets: Collection[int], *, tx: Transaction | None = None) -> dict[int, list[str]]:
        """The names of columns by dataset, in order."""
        found: dict[int, list[str]] = {}
        with self._database.reading(tx) as connection:
            for some in chunks(datasets):
                statement = sa.select(COLUMNS.c.dataset_id, COLUMNS.c.name).where(COLUMNS.c.dataset_id.in_(some))
                for one, name in connection.execute(statement.order_by(COLUMNS.c.dataset_id, COLUMNS.c.position)):
                    found.setdefault(one, []).append(name)
        return found

    def facets(self, kind: str, *, subject_id: int, tx: Transaction | None = None) -> tuple[FacetLine, ...]:
        """The facets that a subject has now, by name; deleted ones are not among them."""
        wanted = (FACETS.c.kind == kind, FACETS.c.subject_id == subject_id, FACETS.c.body.is_not(None))
        return self._facets._select(sa.select(FACETS).where(*wanted).order_by(FACETS.c.name), tx=tx)

    def history(self, dataset_id: int, *, tx: Transaction | None = None) -> tuple[HistoryLine, ...]:
        """The bodies that facets of a dataset had, in order of their first event."""
        statement = sa.select(FACET_HISTORY).where(FACET_HISTORY.c.dataset_id == dataset_id)
        in_time = (FACET_HISTORY.c.event_time, FACET_HISTORY.c.event_id)
        return self._history._select(statement.order_by(*in_time), tx=tx)

    def versions(
        self, dataset_id: int, *, limit: int | None = None, tx: Transaction | None = None
    ) -> tuple[VersionLine, ...]:
        """A dataset's versions, newest first."""
        statement = sa.select(VERSIONS).where(VERSIONS.c.dataset_id == dataset_id)
        newest_first = (VERSIONS.c.event_time.desc(), VERSIONS.c.event_id.desc())
        return self._versions._select(statement.order_by(*newest_first).limit(limit), tx=tx)

    def versions_of_run(
        self, dataset_id: int, *, run_id: str, tx: Transaction | None = None
    ) -> tuple[VersionLine, ...]:
        """The versions of a dataset that one run wrote."""
        of_run = (VERSIONS.c.dataset_id == dataset_id, VERSIONS.c.run_id == run_id)
        return self._versions._select(sa.select(VERSIONS).where(*of_run).order_by(VERSIONS.c.version), tx=tx)

    def writers(self, dataset_id: int, *, tx: Transaction | None = None) -> tuple[tuple[int, str, str], ...]:
        """(id, namespace, name) of the jobs that write a dataset, by name."""
        joined = sa.select(JOBS).join(OUTPUTS, OUTPUTS.c.job_id == JOBS.c.id).where(OUTPUTS.c.dataset_id == dataset_id)
        with self._database.reading(tx) as connection:
            found = connection.execute(joined.order_by(JOBS.c.name, JOBS.c.namespace))
            return tuple((row[0], row[1], row[2]) for row in found)

    def outputs(self, dataset_id: int, *, tx: Transaction | None = None) -> tuple[tuple[int, tuple[str, str]], ...]:
        """(output id, job (namespace, name)) of what writes a dataset; the job is empty where the dataset said it."""
        joined = sa.select(OUTPUTS.c.id, JOBS.c.namespace, JOBS.c.name).join(
            JOBS, JOBS.c.id == OUTPUTS.c.job_id, isouter=True
        )
        with self._database.reading(tx) as connection:
            found = connection.execute(joined.where(OUTPUTS.c.dataset_id == dataset_id).order_by(OUTPUTS.c.id))
            return tuple((row[0], (row[1] or "", row[2] or "")) for row in found)

    def job(self, namespace: str, *, name: str, tx: Transaction | None = None) -> int | None:
        """The id of a job."""
        one = (JOBS.c.namespace == namespace, JOBS.c.name == name)
        with self._database.reading(tx) as connection:
            found: int | None = connection.execute(sa.select(JOBS.c.id).where(*one)).scalar()
            return found

    def runs_of_dataset(
        self, dataset_id: int, *, limit: int = 20, tx: Transaction | None = None
    ) -> tuple[CatalogRun, ...]:
        """The runs that named a dataset as output, and those of its writers that failed before they named any."""
        listed: sa.ColumnElement[str] = sa.type_coerce(RUNS.c.outputs, sa.Text)  # JSON: [1, 22]
        for old, new in ((" ", ""), ("[", ","), ("]", ",")):
            listed = sa.func.replace(listed, old, new)
        has_failed = sa.and_(RUNS.c.state.in_(("failed", "aborted")), listed == ",,")
        writers = sa.select(OUTPUTS.c.job_id).where(OUTPUTS.c.dataset_id == dataset_id)
        wanted = (RUNS.c.job_id.in_(writers), listed.contains(f",{dataset_id},") | has_failed)
        return self._runs(wanted, limit=limit, tx=tx)

    def run(self, run_id: str, *, tx: Transaction | None = None) -> CatalogRun | None:
        """One run."""
        return next(iter(self._runs((RUNS.c.run_id == run_id,), limit=1, tx=tx)), None)

    def counts(self, *, tx: Transaction | None = None) -> Mapping[str, int]:
        """Datasets by standing."""
        statement = sa.select(DATASETS.c.standing, sa.func.count()).group_by(DATASETS.c.standing)
        with self._database.reading(tx) as connection:
            return {standing: int(count) for standing, count in connection.execute(statement)}

    def _runs(
        self, wanted: Sequence[sa.ColumnElement[bool]], *, limit: int, tx: Transaction | None
    ) -> tuple[CatalogRun, ...]:
        statement = sa.select(*_RUN_COLUMNS).join(JOBS, JOBS.c.id == RUNS.c.job_id).where(*wanted)
        with self._database.reading(tx) as connection:
            rows = connection.execute(statement.order_by(RUNS.c.started_at.desc(), RUNS.c.run_id).limit(limit))
            return tuple(_run(row) for row in rows.mappings())


def _run(row: Mapping[Any, Any]) -> CatalogRun:
    return CatalogRun(**{**row, "inputs": tuple((one, version) for one, version in row["inputs"])})
