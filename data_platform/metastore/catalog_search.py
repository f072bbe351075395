"""Full text over the catalog: FTS5 on SQLite, tsvector on PostgreSQL. What people type is read in `catalog.search`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_platform.metastore.catalog_facts import chunks
from data_platform.metastore.database import Database, Transaction

FIELDS = ("name", "columns", "description", "tags", "owners")
_COLUMNS = "name, columns, description, tags, owners"
_USE = "(1 + (d.reads + 10 * d.readers) / (d.reads + 10 * d.readers + 50.0))"  # at most twice as high
_SQLITE = f"""
SELECT d.id, d.namespace, d.name, round(-bm25(catalog_search, 10.0, 4.0, 3.0, 5.0, 2.0) * {_USE}, 6) AS score
FROM catalog_search JOIN catalog_datasets d ON d.id = catalog_search.rowid
WHERE catalog_search MATCH :words
"""
_POSTGRESQL = f"""
SELECT d.id, d.namespace, d.name, round((
    10 * ts_rank(s.name, q) + 4 * ts_rank(s.columns, q) + 3 * ts_rank(s.description, q) + 5 * ts_rank(s.tags, q)
    + 2 * ts_rank(s.owners, q) + 0.001)::numeric * {_USE}::numeric, 6)::float8 AS score
FROM catalog_search s JOIN catalog_datasets d ON d.id = s.rowid, CAST(:words AS tsquery) q
WHERE {{condition}}
"""
_PAGE = """
SELECT id, score FROM ({found}) AS found
WHERE CAST(:after_score AS double precision) IS NULL OR score < :after_score
   OR (score = :after_score AND (name > :after_name OR (name = :after_name AND namespace > :after_namespace)))
ORDER BY score DESC, name, namespace LIMIT :most
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What of a dataset can be searched, as lower-case words with one space between two."""

    name: str
    columns: str = ""
    description: str = ""
    tags: str = ""
    owners: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One word to be found; lower-case letters and digits only.

    Attributes:
        field: one of FIELDS, or None for any.
        is_prefix: words that begin so are found too.
    """

    word: str
    field: str | None = None
    is_prefix: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The last line of a page: the next one begins after it."""

    score: float
    namespace: str
    name: str


class CatalogSearch:
    """Words to datasets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def index(self, documents: Mapping[int, Document], *, tx: Transaction) -> None:
        """Replaces the documents of datasets."""
        if not documents:
            return
        for some in chunks(documents):
            statement = sa.text("DELETE FROM catalog_search WHERE rowid IN :ids")
            tx.connection.execute(statement.bindparams(sa.bindparam("ids", some, expanding=True)))
        rows = [
            {"id": one, **{field: getattr(document, field) for field in FIELDS}} for one, document in documents.items()
        ]
        tx.connection.execute(sa.text(_insert(tx.connection)), rows)

    def find(
        self, terms: Sequence[Term], *, limit: int, after: Place | None = None, tx: Transaction | None = None
    ) -> tuple[tuple[int, float], ...]:
        """Datasets that have every term, the best first, with their scores; ties by name."""
        with self._database.reading(tx) as connection:
            statement, values = _query(connection, terms)
            values |= {
                "most": limit,
                "after_score": after.score if after else None,
                "after_name": after.name if after else "",
                "after_namespace": after.namespace if after else "",
            }
            double = sa.bindparam("after_score", type_=sa.Double)
            found = connection.execute(sa.text(_PAGE.format(found=statement)).bindparams(double), values)
            return tuple((row[0], float(row[1])) for row in found)


def _insert(connection: Connection) -> str:
    if connection.dialect.name != "postgresql":
        return f"INSERT INTO catalog_search (rowid, {_COLUMNS}) VALUES (:id, {', '.join(f':{f}' for f in FIELDS)})"
    # the words are words already: PostgreSQL's own parser would see hosts and files in them
    vectors = [f"array_to_tsvector(string_to_array(:{field}, ' '))" for field in FIELDS]
    together = " || ".join(vectors)
    return f"INSERT INTO catalog_search (rowid, {_COLUMNS}, everything) VALUES (:id, {', '.join(vectors)}, {together})"


def _query(connection: Connection, terms: Sequence[Term]) -> tuple[str, dict[str, object]]:
    if connection.dialect.name != "postgresql":
        words = [f'{f"{term.field} : " if term.field else ""}"{term.word}"{"*" * term.is_prefix}' for term in terms]
        return _SQLITE, {"words": " AND ".join(words)}
    conditions: list[str] = []
    values: dict[str, object] = {"words": " | ".join(map(_lexeme, terms))}
    for number, term in enumerate(terms):
        field = term.field if term.field in FIELDS else "everything"
        conditions.append(f"s.{field} @@ CAST(:term_{number} AS tsquery)")
        values[f"term_{number}"] = _lexeme(term)
    return _POSTGRESQL.format(condition=" AND ".join(conditions)), values


def _lexeme(term: Term) -> str:
    return f"'{term.word}'{':*' if term.is_prefix else ''}"
