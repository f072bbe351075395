"""Events as they came, and those that could not be taken. What they say together is in the other catalog tables."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data_platform.metastore.catalog_facts import chunks
from data_platform.metastore.catalog_tables import EVENTS, REFUSED
from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.repository import Repository, insert, rows_of


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    """One event; `payload` is the text as it came."""

    event_id: str
    kind: str
    event_type: str | None
    event_time: datetime
    run_id: str | None
    job_namespace: str | None
    job_name: str | None
    producer: str
    received_at: datetime
    payload: str
    id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedLine:
    """One text that is no event; `times` is how often it came, `received_at` when last."""

    received_at: datetime
    error: str
    pointer: str
    detail: str
    payload: str
    digest: str = ""
    times: int = 1
    id: int | None = None


class CatalogEvents(Repository[EventLine]):
    """Events by id, and the refused ones."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, EVENTS, EventLine)
        self._refused = Repository(database, REFUSED, RefusedLine)

    def known(self, event_ids: Collection[str], *, tx: Transaction | None = None) -> frozenset[str]:
        """Those of the ids that were taken before."""
        found: set[str] = set()
        with self._database.reading(tx) as connection:
            for some in chunks(event_ids):
                found.update(connection.scalars(sa.select(EVENTS.c.event_id).where(EVENTS.c.event_id.in_(some))))
        return frozenset(found)

    def append(self, lines: Sequence[EventLine], *, tx: Transaction) -> None:
        """Keeps events whose ids are not known."""
        if lines:
            rows = [{name: value for name, value in row.items() if name != "id"} for row in rows_of(lines)]
            tx.connection.execute(EVENTS.insert(), rows)

    def refuse(self, lines: Sequence[RefusedLine], *, tx: Transaction) -> None:
        """Keeps texts for inspection; a text that is kept counts up."""
        for line in lines:
            digest = hashlib.sha256(line.payload.encode("utf-8", "backslashreplace")).hexdigest()
            row = {name: value for name, value in rows_of([line])[0].items() if name != "id"} | {"digest": digest}
            changes = {"times": REFUSED.c.times + 1, "received_at": line.received_at}
            statement = insert(tx.connection, REFUSED).values(row)
            tx.connection.execute(statement.on_conflict_do_update(index_elements=["digest"], set_=changes))

    def get(self, event_id: str, *, tx: Transaction | None = None) -> EventLine | None:
        """One event."""
        return self._first(sa.select(EVENTS).where(EVENTS.c.event_id == event_id), tx=tx)

    def of_run(self, run_id: str, *, limit: int = 1_000, tx: Transaction | None = None) -> tuple[EventLine, ...]:
        """A run's events in order of their time."""
        statement = sa.select(EVENTS).where(EVENTS.c.run_id == run_id)
        return self._select(statement.order_by(EVENTS.c.event_time, EVENTS.c.event_id).limit(limit), tx=tx)

    def refused(self, *, limit: int = 100, tx: Transaction | None = None) -> tuple[RefusedLine, ...]:
        """Texts that could not be taken, the last received first."""
        newest_first = (REFUSED.c.received_at.desc(), REFUSED.c.id.desc())
        return self._refused._select(sa.select(REFUSED).order_by(*newest_first).limit(limit), tx=tx)

    def counts(self, *, tx: Transaction | None = None) -> tuple[int, int]:
        """Events taken, and texts refused."""
        with self._database.reading(tx) as connection:
            return (
                int(connection.execute(sa.select(sa.func.count()).select_from(EVENTS)).scalar_one()),
                int(connection.execute(sa.select(sa.func.count()).select_from(REFUSED)).scalar_one()),
            )
