"""Counts the rows of the source's table at one place in its log: what was committed before the place, and nothing else.

A temporary slot says the place and lends the snapshot that belongs to it, as for the first copy. It needs a free slot
for a moment, waits for transactions under way for some seconds at most, and locks nothing.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from psycopg import sql
from pydantic import TypeAdapter

from data_platform.connectors.postgres_cdc.catalog import Catalog, TableName
from data_platform.connectors.postgres_cdc.lsn import lsn_number
from data_platform.connectors.postgres_cdc.options import NAME_LENGTH
from data_platform.connectors.postgres_cdc.slot import slot_state
from data_platform.connectors.postgres_cdc.source import PostgresSource


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCount:
    """Rows of the table by all that was committed before `lsn`, in the server of that identity."""

    lsn: int
    rows: int
    system: str


def count_table(source: PostgresSource, table: TableName, *, slot: str, within_seconds: int) -> TableCount:
    """Counts; raises psycopg's errors, also where it takes longer than `within_seconds`."""
    name = sql.Identifier(f"n_{slot}"[:NAME_LENGTH])
    with source.connect(within_seconds=within_seconds) as counting:
        with source.connect(replication=True, within_seconds=within_seconds) as maker:
            made = maker.execute(sql.SQL("CREATE_REPLICATION_SLOT {} TEMPORARY LOGICAL pgoutput").format(name))
            row = made.fetchone()
            assert row is not None
            counting.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            counting.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(row[2])))
        only = sql.SQL("" if Catalog(counting).is_partitioned(table) else "ONLY ")
        found = counting.execute(sql.SQL("SELECT count(*) FROM {}{}").format(only, table.quoted)).fetchone()
        assert found is not None
        counting.execute("COMMIT")
        return TableCount(lsn=lsn_number(row[1]), rows=found[0], system=slot_state(counting, slot).system)


@dataclass(frozen=True, slots=True)
class KeptCount:
    """A count that waits for the changes up to its place. Losing the file loses no more than the count."""

    file: Path

    def read(self) -> TableCount | None:
        """The count; None where there is none that can be read."""
        with suppress(OSError, ValueError):
            return TypeAdapter(TableCount).validate_json(self.file.read_bytes())
        return None

    def write(self, count: TableCount) -> None:
        """Keeps a count in the place of any before it."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        aside = self.file.with_suffix(".new")
        aside.write_text(json.dumps(asdict(count)))
        aside.replace(self.file)

    def drop(self) -> None:
        """Forgets it."""
        self.file.unlink(missing_ok=True)
