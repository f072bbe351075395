"""The facts of the catalog as its intake writes them: keys to ids, and the newest of each thing. Which of two facts is
newer is decided in `catalog`; here they are read and replaced. Everything happens inside one locked transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa

from data_platform.metastore.catalog_tables import FACET_HISTORY, FACETS, OUTPUTS, RUNS, VERSIONS
from data_platform.metastore.database import Transaction
from data_platform.metastore.repository import Repeat, insert, new_rows_of, rows_of, upsert

_CHUNK = 500
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetLine:
    """The newest body of one facet; None where it was deleted."""

    kind: str
    subject_id: int
    name: str
    event_time: datetime
    event_id: str
    digest: str
    body: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """One body that a facet of a dataset had, and the first event that said it."""

    dataset_id: int
    name: str
    digest: str
    event_time: datetime
    event_id: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionLine:
    """One version of a dataset that an event named as output."""

    dataset_id: int
    version: str
    event_time: datetime
    event_id: str
    run_id: str
    contract_version: str = ""
    rows: int | None = None
    size_bytes: int | None = None
    files: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One run of any producer.

    Attributes:
        rank: 2 for an ended run, 1 for one that goes on, 0 where nothing but OTHER was said.
        state_at, state_event: of the event that decided the state.
        inputs: (dataset id, version or empty).
        outputs: dataset ids.
    """

    run_id: str
    job_id: int
    rank: int
    state: str
    state_at: datetime
    state_event: str
    started_at: datetime
    ended_at: datetime | None
    error: str
    parent_run_id: str
    inputs: tuple[tuple[int, str], ...] = ()
    outputs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputLine:
    """That a job writes a dataset, and the newest event that said so."""

    job_id: int
    dataset_id: int
    event_time: datetime
    event_id: str
    run_id: str | None
    inputs: tuple[int, ...] = ()
    id: int = 0


class CatalogFacts:
    """Reads and replaces facts inside the transaction that it is made with."""

    def __init__(self, tx: Transaction) -> None:
        self._connection = tx.connection

    def ids(
        self, table: sa.Table, keys: Collection[tuple[str, str]], values: Mapping[str, Any]
    ) -> tuple[dict[Any, int], set[Any]]:
        """The ids of (namespace, name) keys; missing ones are made with `values` in the other columns, and named."""
        found = self.known_ids(table, keys)
        missing = [{"namespace": ns, "name": name, **values} for ns, name in sorted(set(keys) - found.keys())]
        if missing:
            self._connection.execute(insert(self._connection, table).on_conflict_do_nothing(), missing)
            found |= self.known_ids(table, [(row["namespace"], row["name"]) for row in missing])
        return found, {(row["namespace"], row["name"]) for row in missing}

    def facets(self, kind: str, subjects: Collection[int], *, bodies: bool = False) -> Iterator[FacetLine]:
        """The facets of subjects; without bodies unless asked for them."""
        columns = [column for column in FACETS.columns if bodies or column.name != "body"]
        for some in chunks(subjects):
            wanted = (FACETS.c.kind == kind, FACETS.c.subject_id.in_(some))
            for row in self._connection.execute(sa.select(*columns).where(*wanted)).mappings():
                yield FacetLine(**row)

    def put_facets(self, lines: Iterable[FacetLine]) -> None:
        """Replaces facets."""
        upsert(self._connection, FACETS, rows_of(lines), repeat=Repeat())

    def history(self, datasets: Collection[int]) -> dict[tuple[int, str, str], tuple[datetime, str]]:
        """The first (event time, event id) by dataset, facet and digest."""
        table, found = FACET_HISTORY.c, {}
        columns = (table.dataset_id, table.name, table.digest, table.event_time, table.event_id)
        for some in chunks(datasets):
            for row in self._connection.execute(sa.select(*columns).where(table.dataset_id.in_(some))):
                found[row[0], row[1], row[2]] = (row[3], row[4])
        return found

    def put_history(self, lines: Iterable[HistoryLine]) -> None:
        """Replaces lines of the history."""
        upsert(self._connection, FACET_HISTORY, rows_of(lines), repeat=Repeat())

    def versions(self, datasets: Collection[int], names: Collection[str]) -> dict[tuple[int, str], VersionLine]:
        """What is known of versions."""
        found = {}
        for some in chunks(datasets):
            for these in chunks(names):
                wanted = (VERSIONS.c.dataset_id.in_(some), VERSIONS.c.version.in_(these))
                for row in self._connection.execute(sa.select(VERSIONS).where(*wanted)).mappings():
                    found[row["dataset_id"], row["version"]] = VersionLine(**row)
        return found

    def put_versions(self, lines: Iterable[VersionLine]) -> None:
        """Replaces versions."""
        upsert(self._connection, VERSIONS, rows_of(lines), repeat=Repeat())

    def runs(self, run_ids: Collection[str]) -> dict[str, RunLine]:
        """Runs by id."""
        columns = [column for column in RUNS.columns if column.name != "id"]
        found = {}
        for some in chunks(run_ids):
            for row in self._connection.execute(sa.select(*columns).where(RUNS.c.run_id.in_(some))).mappings():
                found[row["run_id"]] = _run(row)
        return found

    def put_runs(self, lines: Sequence[RunLine]) -> None:
        """Replaces runs."""
        if not lines:
            return
        statement = insert(self._connection, RUNS)
        changes = {name: statement.excluded[name] for name in RunLine.__dataclass_fields__ if name != "run_id"}
        statement = statement.on_conflict_do_update(index_elements=["run_id"], set_=changes)
        self._connection.execute(statement, rows_of(lines))

    def outputs(
        self, *, datasets: Collection[int] = (), runs: Collection[str] = (), jobs: Collection[int] = ()
    ) -> dict[tuple[int, int], OutputLine]:
        """What jobs write, by (job, dataset): of these datasets, decided by these runs, or of these jobs."""
        found: dict[tuple[int, int], OutputLine] = {}
        wanted: tuple[tuple[sa.Column[Any], Collection[Any]], ...] = (
            (OUTPUTS.c.dataset_id, datasets),
            (OUTPUTS.c.run_id, runs),
            (OUTPUTS.c.job_id, jobs),
        )
        for column, values in wanted:
            for some in chunks(values):
                for row in self._connection.execute(sa.select(OUTPUTS).where(column.in_(some))).mappings():
                    found[row["job_id"], row["dataset_id"]] = OutputLine(**row)
        return found

    def put_outputs(self, lines: Sequence[OutputLine]) -> None:
        """Replaces outputs."""
        if not lines:
            return
        statement = insert(self._connection, OUTPUTS)
        changes = {name: statement.excluded[name] for name in ("event_time", "event_id", "run_id", "inputs")}
        statement = statement.on_conflict_do_update(index_elements=["job_id", "dataset_id"], set_=changes)
        rows = new_rows_of(lines)
        self._connection.execute(statement, rows)

    def known_ids(self, table: sa.Table, keys: Collection[tuple[str, str]]) -> dict[Any, int]:
        """The ids of those (namespace, name) keys that there are."""
        asked, found = set(keys), {}
        for some in chunks({name for _, name in asked}):
            for row in self._connection.execute(
                sa.select(table.c.id, table.c.namespace, table.c.name).where(table.c.name.in_(some))
            ):
                if (row[1], row[2]) in asked:
                    found[row[1], row[2]] = row[0]
        return found


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Parts that fit into one statement."""
    rest = iter(values)
    while some := list(islice(rest, _CHUNK)):
        yield some


def _run(row: Mapping[Any, Any]) -> RunLine:
    inputs = tuple((int(one), str(version)) for one, version in row["inputs"])
    return RunLine(**{**row, "inputs": inputs})
