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
from data_platform.metastore.repository import Repository, insert, new_rows_of


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
            rows = new_rows_of(lines)
            tx.connection.execute(EVENTS.insert(), rows)

    def refuse(self, lines: Sequence[RefusedLine], *, tx: Transaction) -> None:
        """Keeps texts for inspection; a text that is kept counts up."""
        for line in lines:
            digest = hashlib.sha256(line.payload.encode("utf-8", "backslashreplace")).hexdigest()
            row = new_rows_of([line])[0] | {"digest": digest}
            changes = {"times": REFUSED.c.times + 1, "received_at": line.received_at}
            statement = insert(tx.connection, REFUSED).values(row)
            tx.connection.execute(statement.on_conflict_do_update(index_elements=["digest"], set_=changes))

    def get(self, event_id: str, *, tx: Transaction | None = None) -> EventLine | None:
        """One event."""
        return self._first(sa.select(EVENTS).where(EVENTS.c.event_id == event_id), tx=tx)

    def of_runs(
        self, run_ids: Collection[str], *, limit: int = 1_000, tx: Transaction | None = None
    ) -> tuple[EventLine, ...]:
        """The first events of runs in order of their time, at the same time in order of arrival."""
        in_time = (EVENTS.c.event_time, EVENTS.c.id)
        found: list[EventLine] = []
        for some in chunks(set(run_ids)):
            statement = sa.select(EVENTS).where(EVENTS.c.run_id.in_(some))
            found += self._select(statement.order_by(*in_time).limit(limit), tx=tx)
        return tuple(sorted(found, key=lambda event: (event.event_time, event.id or 0))[:limit])

    def newest(self, *, tx: Transaction | None = None) -> int:
        """The number of the event taken last, 0 before the first: as long as it is the same, so is the catalog."""
        with self._database.reading(tx) as connection:
            return int(connection.execute(sa.select(sa.func.max(EVENTS.c.id))).scalar() or 0)

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets events taken before `before`; what they said stays, and so does the newest, whose number counts."""
        newest = sa.select(sa.func.max(EVENTS.c.id)).scalar_subquery()
        return self._delete(EVENTS.c.received_at < before, EVENTS.c.id < newest, tx=tx)

    def prune_refused(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets refused texts that did not come again since `before`."""
        return self._refused._delete(REFUSED.c.received_at < before, tx=tx)

    def refused(
        self,
        limit: int = 100,
        *,
        before: int | None = None,
        characters: int | None = None,
        tx: Transaction | None = None,
    ) -> tuple[RefusedLine, ...]:
        """Texts that could not be taken, the newest first; one that came again stays where it was.

        Args:
            limit: the most to bring.
            before: an id: only those that came first before it.
            characters: how much of each text to bring; None for all of it.
            tx: the transaction to read in.
        """
        text: sa.ColumnElement[str] = REFUSED.c.payload
        if characters is not None:
            text = sa.func.substr(text, 1, characters, type_=text.type).label("payload")
        statement = sa.select(*(column for column in REFUSED.c if column.name != "payload"), text)
        if before is not None:
            statement = statement.where(REFUSED.c.id < before)
        return self._refused._select(statement.order_by(REFUSED.c.id.desc()).limit(limit), tx=tx)

    def refusal(self, digest: str, *, tx: Transaction | None = None) -> RefusedLine | None:
        """One refused text, by the SHA-256 of its UTF-8."""
        return self._refused._first(sa.select(REFUSED).where(REFUSED.c.digest == digest), tx=tx)

    def counts(self, *, tx: Transaction | None = None) -> tuple[int, int]:
        """Events taken, and texts refused."""
        with self._database.reading(tx) as connection:
            return (
                int(connection.execute(sa.select(sa.func.count()).select_from(EVENTS)).scalar_one()),
                int(connection.execute(sa.select(sa.func.count()).select_from(REFUSED)).scalar_one()),
            )
