"""What is derived from the facts of the catalog: cards and columns of datasets, edges, counters. It is replaced by
whole subjects in the transaction that changed the facts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data_platform.metastore.catalog_facts import chunks
from data_platform.metastore.catalog_tables import COLUMN_EDGES, COLUMNS, DATASETS, EDGES
from data_platform.metastore.database import Transaction
from data_platform.metastore.repository import rows_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a dataset's facets say of it, apart from its columns."""

    standing: str
    description: str = ""
    tier: str = ""
    owners: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    contract_id: str = ""
    contract_version: str = ""
    status: str = ""
    sunset: str | None = None
    found: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnLine:
    """One column; nested ones are named `outer.inner`."""

    dataset_id: int
    name: str
    position: int
    type: str = ""
    description: str = ""
    classification: str = ""
    tags: tuple[str, ...] = ()
    term: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnEdge:
    """That one column comes from another.

    Attributes:
        dst_column: empty where all of the dataset depends on the source.
        src_id: 0 for a column made of constants.
        kind: `direct` or `indirect`.
    """

    dst_id: int
    dst_column: str
    job_id: int
    src_id: int
    src_column: str
    kind: str
    subtype: str = ""
    description: str = ""
    masking: int = 0


class CatalogDerived:
    """Replaces derived lines inside the transaction that it is made with."""

    def __init__(self, tx: Transaction) -> None:
        self._connection = tx.connection

    def touch(self, seen: Mapping[int, tuple[datetime, datetime, int, int]]) -> None:
        """Widens (first seen, last seen) of datasets, and adds to their reads and writes by runs."""
        changed = DATASETS.update().where(DATASETS.c.id == sa.bindparam("of"))
        moment = DATASETS.c.first_seen_at.type
        first, last = sa.bindparam("first", type_=moment), sa.bindparam("last", type_=moment)
        statement = changed.values(
            first_seen_at=sa.case((first < DATASETS.c.first_seen_at, first), else_=DATASETS.c.first_seen_at),
            last_seen_at=sa.case((last > DATASETS.c.last_seen_at, last), else_=DATASETS.c.last_seen_at),
            reads=DATASETS.c.reads + sa.bindparam("more_reads", type_=sa.BigInteger),
            writes=DATASETS.c.writes + sa.bindparam("more_writes", type_=sa.BigInteger),
        )
        names = ("first", "last", "more_reads", "more_writes")
        rows = [{"of": one, **dict(zip(names, values, strict=True))} for one, values in sorted(seen.items())]
        if rows:
            self._connection.execute(statement, rows)

    def put_cards(self, cards: Mapping[int, Card]) -> None:
        """Replaces what is said of datasets."""
        statement = DATASETS.update().where(DATASETS.c.id == sa.bindparam("of"))
        for (one, _), row in zip(cards.items(), rows_of(cards.values()), strict=True):
            self._connection.execute(statement.values(row), {"of": one})

    def put_columns(self, datasets: Collection[int], lines: Iterable[ColumnLine]) -> None:
        """Replaces the columns of datasets."""
        for some in chunks(datasets):
            self._connection.execute(COLUMNS.delete().where(COLUMNS.c.dataset_id.in_(some)))
        if rows := rows_of(lines):
            self._connection.execute(COLUMNS.insert(), rows)

    def put_edges(
        self, outputs: Iterable[tuple[int, int]], edges: Sequence[tuple[int, int, int]], columns: Sequence[ColumnEdge]
    ) -> None:
        """Replaces all edges of (job, dataset) outputs; `edges` are (source, target, job)."""
        of = [{"job": job, "dst": dst} for job, dst in outputs]
        if not of:
            return
        for table in (EDGES, COLUMN_EDGES):
            ours = (table.c.dst_id == sa.bindparam("dst"), table.c.job_id == sa.bindparam("job"))
            self._connection.execute(table.delete().where(*ours), of)
        if edges:
            rows = [{"src_id": src, "dst_id": dst, "job_id": job} for src, dst, job in edges]
            self._connection.execute(EDGES.insert(), rows)
        if columns:
            self._connection.execute(COLUMN_EDGES.insert(), rows_of(columns))

    def count_readers(self, datasets: Collection[int]) -> None:
        """Counts anew how many datasets are made from these."""
        readers = sa.select(sa.func.count(EDGES.c.dst_id.distinct())).where(EDGES.c.src_id == DATASETS.c.id)
        for some in chunks(datasets):
            self._connection.execute(
                DATASETS.update().where(DATASETS.c.id.in_(some)).values(readers=readers.scalar_subquery())
            )

    def edges_of(self, outputs: Collection[int]) -> dict[tuple[int, int], frozenset[int]]:
        """The sources of edges into datasets, by (job, dataset)."""
        found: dict[tuple[int, int], set[int]] = {}
        for some in chunks(outputs):
            for src, dst, job in self._connection.execute(sa.select(EDGES).where(EDGES.c.dst_id.in_(some))):
                found.setdefault((job, dst), set()).add(src)
        return {key: frozenset(sources) for key, sources in found.items()}
