"""Pulls rows of a database table: those from the overlap before a cursor on, or all of them each time.

How rows are asked for and read is `sql_rows`; what is new among them is told in `pull`. A row that was committed behind
the cursor is found as long as its transaction took no longer than the overlap: the position never passes the database's
own time. Rows without a cursor (NULL) are read in every poll.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, field_validator, model_validator

from data_platform.connectors.day_counts import arrived_of_day
from data_platform.connectors.options import Options, read_options
from data_platform.connectors.protocol import IsKnown, Place, Poll, Promise, Taken
from data_platform.connectors.pull.connector import Pull, reader
from data_platform.connectors.pull.cursors import CursorKind, CursorRule, overlap_fault
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.credentials import Credential, CredentialRef
from data_platform.lakehouse.landing import Identity, Json
from data_platform.metastore.source_counts import SOURCE

COUNTED_DAYS = 2


class SqlTableOptions(Options):
    """The options of `sql_table`.

    Attributes:
        url: as SQLAlchemy writes it, without the password; the path of an SQLite file is relative to the source.
        table: `table` or `schema.table`; a view will do.
        cursor: a column that rises with every change: a timestamp, a date or a number; in SQLite a number or ISO 8601.
        overlap: how far behind the last cursor each poll begins: at least as long as the longest transaction.
        key: what orders rows of the same cursor; the primary key where it is not given.
        columns: what is read besides cursor and key; everything where it is not given.
        full: there is no cursor: the whole table is read each time, and told by its content.
        chunk_rows: how many rows are held in memory.
        count_by: a column of event time; rows of the last full days are counted by it, to be held against what arrived.
    """

    url: str
    password: CredentialRef | None = None
    table: str = Field(min_length=1)
    cursor: str | None = None
    overlap: timedelta | int | Decimal | None = None
    key: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    full: bool = False
    chunk_rows: int = Field(default=10_000, ge=1)
    count_by: str | None = None

    @property
    def rule(self) -> CursorRule | None:
        """How the table's cursors are read."""
        if self.cursor is None:
            return None
        if not isinstance(self.overlap, timedelta):
            return CursorRule(kind=CursorKind.NUMBER, overlap=self.overlap)
        # SQLite has no type for moments: they are texts there, and ordered as such.
        return CursorRule(kind=CursorKind.TEXT if self.is_sqlite else CursorKind.TIMESTAMP, overlap=self.overlap)

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file."""
        return self.url.startswith("sqlite")

    @field_validator("url")
    @classmethod
    def _has_no_password(cls, url: str) -> str:
        parts = urlsplit(url)
        if not parts.scheme or "://" not in url:
            raise ValueError("write it like postgresql+psycopg://user@host/database or sqlite:///file")
        if parts.password is not None or {"password", "sslpassword"} & {name.lower() for name in parse_qs(parts.query)}:
            raise ValueError("write the password under password, by reference")
        return url

    @model_validator(mode="after")
    def _fit_together(self) -> SqlTableOptions:
        if self.full == (self.cursor is not None):
            raise ValueError("write either cursor, with an overlap, or full: true")
        if self.full and self.overlap is not None:
            raise ValueError("overlap needs a cursor")
        if self.rule is not None:
            if self.overlap is None:
                raise ValueError("write an overlap: at least the length of the longest transaction, e.g. PT10M")
            kind = CursorKind.TIMESTAMP if self.rule.kind is CursorKind.TEXT else self.rule.kind
            if fault := overlap_fault(kind, self.overlap):
                raise ValueError(fault)
        return self


class SqlTable:
    """The kind `sql_table`."""

    version = "sql_table/1"
    identity = Identity.POSITION
    count_every = timedelta(0)

    def __init__(self, entry: ConnectorEntry, place: Place) -> None:
        self._options = read_options(SqlTableOptions, entry)
        password = self._options.password
        self.credential = Credential(password, place.clock) if password else None
        self._place = place
        self._pull = Pull(
            source=entry.name,
            dataset=entry.dataset,
            place=place,
            limit_bytes=self._options.max_batch_bytes,
            rule=self._options.rule,
        )
        self._current: Json = None  # the content of which a poll has found that nothing came after it

    def poll(self, position: Mapping[str, Json], is_known: IsKnown) -> Poll | None:
        """The next rows, ordered by the cursor; see `protocol`.

        Raises:
            ConfigurationError: table or columns are not there, or the cursor is none.
        """
        with self._rows() as rows:
            if self._options.rule is not None:
                return self._pull.after(position, rows.records, now=rows.now(), is_ordered=True)
            poll = self._pull.whole(position, rows.records(None))
            self._current = position.get("sha256", "") if poll is None else None
            return poll

    def peek(self, position: Mapping[str, Json], is_known: IsKnown) -> tuple[str, ...]:
        """A mark of the first new row. Without a cursor only a poll can tell, so there always seems to be one."""
        if self._options.rule is None:
            digest = position.get("sha256", "")
            return () if digest == self._current else (f"after/{digest}",)
        with self._rows() as rows:
            return self._pull.peek(position, rows.records)

    def promises(self, taken: Taken) -> Iterable[Promise]:
        """How many rows the table has of each of the last full days, by `count_by`."""
        column, now = self._options.count_by, self._place.clock.now()
        if column is None:
            return ()
        with self._rows() as rows:
            counts = rows.by_day(column, now.date() - timedelta(days=COUNTED_DAYS), now.date())
            key = rows.key_names
        return [
            Promise(
                partition=day.isoformat(),
                rows=count,
                provenance=SOURCE,
                confidence=1.0,
                said_at=now,
                arrived=arrived_of_day(taken, day, rows=count, identity=key),
            )
            for day, count in counts
        ]

    def acknowledge(self, position: Mapping[str, Json]) -> None:
        """The database is not told; what no later poll needs goes."""
        self._pull.acknowledge(position)

    def position_at(self, where: str) -> Mapping[str, Json]:
        """`start`, or a cursor; see `protocol`."""
        return self._pull.position_at(where)

    def close(self) -> None:
        """Nothing stays open between polls."""

    @contextmanager
    def _rows(self) -> Iterator[Any]:
        secret = self.credential.value() if self.credential else None
        rows = reader("sql_rows").SqlRows(self._options, self._place, secret)
        try:
            yield rows
        finally:
            rows.close()
