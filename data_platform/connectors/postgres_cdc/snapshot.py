"""The first copy: all rows of the table as they were when the slot was made, so that the stream goes on from there.

The copy begins with a truncation, so that what an interrupted copy before it has brought is gone. Its sequence stands
just below the slot's first LSN: records of the log begin at multiples of 8, so no commit has that place, every commit
that the copy already shows comes before it, and every commit that the stream will show after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import pq, sql

from data_platform.connectors.postgres_cdc.catalog import Catalog, TableName
from data_platform.connectors.postgres_cdc.changes import layout_of
from data_platform.connectors.postgres_cdc.copy_data import CopyData
from data_platform.connectors.postgres_cdc.envelopes import Layout, Moment, Origin, change
from data_platform.connectors.postgres_cdc.lsn import lsn_number
from data_platform.connectors.postgres_cdc.source import PostgresSource
from data_platform.connectors.postgres_cdc.values import copied_rows
from data_platform.connectors.spool_file import SpoolFile

_STALL_SECONDS = 600.0  # of silence in the middle of the copy: a swollen table can be read for long without a row


@dataclass(slots=True, kw_only=True)
class Snapshot:
    """A copy under way.

    Attributes:
        lsn: where the slot begins: the copy shows what was committed before it.
        rows: how many rows have been given out.
    """

    origin: Origin
    lsn: int
    at: datetime
    layout: Layout
    copied: CopyData
    rows: int = 0

    def read(self, spool: SpoolFile, *, max_rows: int, max_bytes: int) -> bool:
        """Writes the next rows; whether they were the last. Raises psycopg's errors."""
        if not self.rows:
            spool.write(change(self.origin, self._moment(0), "t"))
        upto = self.rows + max_rows
        while True:  # at least one row for each batch, whatever the limits
            block = self.copied.receive(_STALL_SECONDS)
            if block is None:
                raise psycopg.OperationalError("the copy of the table stands still")
            if not block:
                return True
            for row in copied_rows(block):
                self.rows += 1
                spool.write(change(self.origin, self._moment(self.rows), "r", after=self.layout.fields(row)))
            if self.rows >= upto or spool.size_bytes >= max_bytes:
                return False

    def close(self) -> None:
        """Lets go of the connection, and so of the copy."""
        self.copied.close()

    def _moment(self, number: int) -> Moment:
        return Moment(commit_lsn=self.lsn - 1, number=number, lsn=self.lsn, at=self.at, is_snapshot=True)


def begin_snapshot(source: PostgresSource, origin: Origin, *, slot: str, publication: str, now: datetime) -> Snapshot:
    """Makes the slot, and a copy that shows exactly what was committed before it. Raises psycopg's errors."""
    table = TableName(schema=origin.schema, name=origin.table)
    with ExitStack() as unless_whole:
        connection = unless_whole.enter_context(source.connect())
        # The snapshot can be taken over only while the connection that made the slot does nothing else.
        with source.connect(replication=True) as maker:
            made = maker.execute(sql.SQL("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput").format(sql.Identifier(slot)))
            row = made.fetchone()
            assert row is not None
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(row[2])))
        catalog = Catalog(connection)
        names, type_oids = catalog.columns(table, publication)
        copied = CopyData(connection)
        copied.start(_copy(table, names, is_partitioned=catalog.is_partitioned(table)), pq.ExecStatus.COPY_OUT)
        unless_whole.pop_all()
        return Snapshot(
            origin=origin, lsn=lsn_number(row[1]), at=now, layout=layout_of(names, type_oids), copied=copied
        )


def _copy(table: TableName, names: Sequence[str], *, is_partitioned: bool) -> sql.Composed:
    # Tables that inherit from this one are tables of their own in the stream, so they are not read here either.
    only = sql.SQL("" if is_partitioned else "ONLY ")
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    return sql.SQL("COPY (SELECT {} FROM {}{}) TO STDOUT").format(columns, only, table.quoted)
