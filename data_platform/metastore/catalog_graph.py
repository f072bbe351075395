"""The edges of the catalog, one step at a time. Walking them is in `catalog.walks`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal, TypeAlias

import sqlalchemy as sa

from data_platform.metastore.catalog_derived import ColumnEdge
from data_platform.metastore.catalog_facts import chunks
from data_platform.metastore.catalog_tables import COLUMN_EDGES, EDGES, JOBS
from data_platform.metastore.database import Database, Transaction

Direction: TypeAlias = Literal["up", "down"]


class CatalogGraph:
    """Edges into and out of datasets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def edges(
        self, datasets: Collection[int], *, direction: Direction, tx: Transaction | None = None
    ) -> list[tuple[int, int, int]]:
        """(source, target, job) of all edges into (`up`) or out of (`down`) datasets."""
        column = EDGES.c.dst_id if direction == "up" else EDGES.c.src_id
        return self._found(sa.select(EDGES.c.src_id, EDGES.c.dst_id, EDGES.c.job_id), column, datasets, tx)

    def neighbours(
        self, datasets: Collection[int], *, direction: Direction, tx: Transaction | None = None
    ) -> list[tuple[int, int]]:
        """(source, target) of all edges into or out of datasets, each once."""
        column = EDGES.c.dst_id if direction == "up" else EDGES.c.src_id
        return self._found(sa.select(EDGES.c.src_id, EDGES.c.dst_id).distinct(), column, datasets, tx)

    def column_edges(
        self, datasets: Collection[int], *, direction: Direction, tx: Transaction | None = None
    ) -> list[ColumnEdge]:
        """Edges into or out of all columns of datasets."""
        column = COLUMN_EDGES.c.dst_id if direction == "up" else COLUMN_EDGES.c.src_id
        names = list(ColumnEdge.__dataclass_fields__)
        rows = self._found(sa.select(*(COLUMN_EDGES.c[name] for name in names)), column, datasets, tx)
        return [ColumnEdge(**dict(zip(names, row, strict=True))) for row in rows]

    def column_steps(
        self, datasets: Collection[int], *, direction: Direction, tx: Transaction | None = None
    ) -> list[tuple[int, str, int, str, str]]:
        """(source, its column, target, its column, kind) of the same edges, for walks over many."""
        table = COLUMN_EDGES.c
        column = table.dst_id if direction == "up" else table.src_id
        statement = sa.select(table.src_id, table.src_column, table.dst_id, table.dst_column, table.kind)
        return self._found(statement, column, datasets, tx)

    def traced(self, outputs: Collection[tuple[int, int]], *, tx: Transaction | None = None) -> frozenset[Any]:
        """Those (job, dataset) outputs whose columns are traced."""
        table = COLUMN_EDGES.c
        statement = sa.select(table.job_id, table.dst_id).distinct()
        found = self._found(statement, table.dst_id, {dataset for _, dataset in outputs}, tx)
        return frozenset((job, dataset) for job, dataset in found) & set(outputs)

    def jobs(self, ids: Collection[int], *, tx: Transaction | None = None) -> dict[int, tuple[str, str]]:
        """(namespace, name) of jobs by id."""
        rows = self._found(sa.select(JOBS.c.id, JOBS.c.namespace, JOBS.c.name), JOBS.c.id, ids, tx)
        return {row[0]: (row[1], row[2]) for row in rows}

    def _found(
        self, statement: sa.Select[Any], column: sa.Column[Any], values: Collection[int], tx: Transaction | None
    ) -> list[Any]:
        found: list[Any] = []
        with self._database.reading(tx) as connection:
            for some in chunks(values):
                found.extend(connection.execute(statement.where(column.in_(some))))
        return found
