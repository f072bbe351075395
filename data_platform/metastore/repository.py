"""What every repository shares: entries in, entries out, idempotent upserts. Each table's questions are in its file."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_platform.metastore.database import Database, Transaction

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Entry = TypeVar("Entry", bound=DataclassInstance)
else:
    Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """What recording the same key again does; columns named in neither are replaced.

    Attributes:
        keep: columns that stay as they were first recorded.
        fill: columns that stay as they were unless the new entry knows a value.
        only_if: columns of which the new entry's values, compared as a row, must not be smaller; else nothing changes.
    """

    keep: tuple[str, ...] = ()
    fill: tuple[str, ...] = ()
    only_if: tuple[str, ...] = ()


class Repository(Generic[Entry]):
    """Reads and writes the entries of one table."""

    def __init__(self, database: Database, table: sa.Table, entry: type[Entry]) -> None:
        self._database = database
        self._table = table
        self._entry = entry

    def _select(self, statement: sa.Select[Any], *, tx: Transaction | None) -> tuple[Entry, ...]:
        """The entries that `statement`, a selection of this table's columns, finds."""
        with self._database.reading(tx) as connection:
            found = connection.execute(statement)
            names, rows = tuple(found.keys()), found.all()
        return tuple(self._entry(**dict(zip(names, row, strict=True))) for row in rows)  # a mapping for each is slower

    def _first(self, statement: sa.Select[Any], *, tx: Transaction | None) -> Entry | None:
        return next(iter(self._select(statement.limit(1), tx=tx)), None)

    def _upsert(self, entries: Iterable[Entry], *, repeat: Repeat, tx: Transaction | None) -> None:
        with self._database.writing(tx) as connection:
            upsert(connection, self._table, rows_of(entries), repeat=repeat)

    def _append(self, entries: Iterable[Entry], *, tx: Transaction | None) -> None:
        """Adds lines, which the database numbers."""
        rows = new_rows_of(entries)
        if rows:
            with self._database.writing(tx) as connection:
                connection.execute(self._table.insert(), rows)

    def _delete(self, *conditions: sa.ColumnElement[bool], tx: Transaction | None) -> int:
        """Deletes the matching rows and gives their number."""
        with self._database.writing(tx) as connection:
            return connection.execute(self._table.delete().where(*conditions)).rowcount


def rows_of(entries: Iterable[DataclassInstance]) -> list[dict[str, Any]]:
    """Each entry's fields by name."""
    return [{field.name: getattr(entry, field.name) for field in fields(entry)} for entry in entries]


def new_rows_of(entries: Iterable[DataclassInstance]) -> list[dict[str, Any]]:
    """Each entry's fields by name, but for the number that the database gives."""
    return [{name: value for name, value in row.items() if name != "id"} for row in rows_of(entries)]


def upsert(connection: Connection, table: sa.Table, rows: Sequence[dict[str, Any]], *, repeat: Repeat) -> None:
    """Inserts rows; where the primary key stands already, does what `repeat` says."""
    if not rows:
        return
    key = [column.name for column in table.primary_key]
    # every writer locks rows in the same order, so that two of them cannot wait for each other
    ordered = sorted(rows, key=lambda row: [row[name] for name in key])
    statement = insert(connection, table)
    new = statement.excluded
    changes: dict[str, Any] = {}
    for column in table.columns:
        if column.name in repeat.fill:
            changes[column.name] = sa.func.coalesce(new[column.name], column)
        elif column.name not in (*key, *repeat.keep):
            changes[column.name] = new[column.name]
    condition = None
    if repeat.only_if:
        newer = sa.tuple_(*(new[name] for name in repeat.only_if))
        condition = newer >= sa.tuple_(*(table.c[name] for name in repeat.only_if))
    if changes:
        statement = statement.on_conflict_do_update(index_elements=key, set_=changes, where=condition)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=key)
    connection.execute(statement, ordered)


def insert(connection: Connection, table: sa.Table) -> Any:
    """The database's own INSERT, which knows ON CONFLICT; the other database's dialect is never loaded."""
    dialect = importlib.import_module(f"sqlalchemy.dialects.{connection.dialect.name}")
    return dialect.insert(table)
