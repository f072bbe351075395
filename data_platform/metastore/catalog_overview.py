"""The catalog as a whole: what was written last, what changed, what asks for attention."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data_platform.metastore.catalog_reads import DatasetLine
from data_platform.metastore.catalog_tables import DATASETS, FACET_HISTORY, VERSIONS
from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.repository import Repository

WANTING = ("drifted", "unmanaged")  # standings that a person has to settle


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A dataset and when its newest version was written."""

    dataset: DatasetLine
    at: datetime


class CatalogOverview(Repository[DatasetLine]):
    """Questions over all datasets."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, DATASETS, DatasetLine)

    def written_last(self, *, limit: int = 12, tx: Transaction | None = None) -> tuple[Written, ...]:
        """The datasets written last, the newest first."""
        newest = sa.func.max(VERSIONS.c.event_time, type_=VERSIONS.c.event_time.type).label("at")
        statement = sa.select(VERSIONS.c.dataset_id, newest).group_by(VERSIONS.c.dataset_id)
        with self._database.reading(tx) as connection:
            found = connection.execute(statement.order_by(newest.desc(), VERSIONS.c.dataset_id).limit(limit)).all()
        ids = [row[0] for row in found]
        lines = {line.id: line for line in self._select(sa.select(DATASETS).where(DATASETS.c.id.in_(ids)), tx=tx)}
        return tuple(Written(dataset=lines[one], at=at) for one, at in found)

    def changed_last(self, *, limit: int = 50, tx: Transaction | None = None) -> tuple[DatasetLine, ...]:
        """Datasets whose schema or contract had a new body, those of the newest change first; first bodies are none."""
        newest = sa.func.max(FACET_HISTORY.c.event_time)
        statement = (
            sa.select(FACET_HISTORY.c.dataset_id, newest)
            .group_by(FACET_HISTORY.c.dataset_id)
            .having(sa.func.count() > sa.func.count(FACET_HISTORY.c.name.distinct()))
        )
        with self._database.reading(tx) as connection:
            ids = [row[0] for row in connection.execute(statement.order_by(newest.desc()).limit(limit))]
        lines = {line.id: line for line in self._select(sa.select(DATASETS).where(DATASETS.c.id.in_(ids)), tx=tx)}
        return tuple(lines[one] for one in ids)

    def wanting(self, *, limit: int = 20, tx: Transaction | None = None) -> tuple[DatasetLine, ...]:
        """Datasets that are drifted, unmanaged or deprecated, by name."""
        wanted = DATASETS.c.standing.in_(WANTING) | DATASETS.c.sunset.is_not(None)
        return self._select(sa.select(DATASETS).where(wanted).order_by(DATASETS.c.name).limit(limit), tx=tx)

    def names(self, namespace: str, *, tx: Transaction | None = None) -> tuple[str, ...]:
        """The names of all datasets of a namespace, in order."""
        statement = sa.select(DATASETS.c.name).where(DATASETS.c.namespace == namespace).order_by(DATASETS.c.name)
        with self._database.reading(tx) as connection:
            return tuple(connection.execute(statement).scalars())
