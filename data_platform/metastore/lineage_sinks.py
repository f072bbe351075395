"""How far each lineage sink is in the outbox, and the events that a sink refused. Sending them is in `lineage`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.repository import Repeat, Repository, insert, rows_of
from data_platform.metastore.tables import LINEAGE_REFUSALS, LINEAGE_SINKS


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkEntry:
    """Where one sink stands.

    Attributes:
        delivered_id: the last place in the outbox that it is done with.
        delivered: how many events it took.
        failing_since: the first of the attempts that failed in a row; None where the last one succeeded.
        attempts: how many failed in a row.
        next_attempt_at: not before then; None: at any time.
        error: why the last attempt failed.
        claimed_by: the process that is sending to it; empty where none is.
        claimed_until: when the claim ends, even if that process died.
    """

    sink: str
    delivered_id: int = 0
    delivered: int = 0
    delivered_at: datetime | None = None
    failing_since: datetime | None = None
    attempts: int = 0
    next_attempt_at: datetime | None = None
    error: str = ""
    claimed_by: str = ""
    claimed_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalEntry:
    """An event that a sink will not take, kept until a person has looked at it."""

    sink: str
    outbox_id: int
    event_id: str
    run_id: str
    payload: str
    error: str
    refused_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who wants to send to a sink, and until when nobody else may.

    Attributes:
        is_urgent: also before the time of the sink's next attempt.
    """

    by: str
    at: datetime
    until: datetime
    is_urgent: bool = False


class LineageSinks(Repository[SinkEntry]):
    """One line for each sink that ever was configured."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, LINEAGE_SINKS, SinkEntry)

    def register(self, sinks: Iterable[str], *, tx: Transaction | None = None) -> None:
        """Adds sinks that have had nothing yet; known ones stay as they are."""
        with self._database.writing(tx) as connection:
            statement = insert(connection, LINEAGE_SINKS).on_conflict_do_nothing(index_elements=["sink"])
            connection.execute(statement, rows_of(SinkEntry(sink=sink) for sink in sinks))

    def of(self, sinks: Iterable[str], *, tx: Transaction | None = None) -> tuple[SinkEntry, ...]:
        """Those of the named sinks that are known."""
        return self._select(
            sa.select(LINEAGE_SINKS).where(LINEAGE_SINKS.c.sink.in_(list(sinks))).order_by(LINEAGE_SINKS.c.sink), tx=tx
        )

    def claim(self, sink: str, claim: Claim, *, tx: Transaction | None = None) -> SinkEntry | None:
        """Takes the right to send to a sink; None where another has it, or where it is not yet time."""
        line = LINEAGE_SINKS.c
        is_free = sa.or_(line.claimed_until.is_(None), line.claimed_until <= claim.at)
        is_time = (
            sa.true() if claim.is_urgent else sa.or_(line.next_attempt_at.is_(None), line.next_attempt_at <= claim.at)
        )
        values = {"claimed_by": claim.by, "claimed_until": claim.until}
        return self._change(sa.and_(line.sink == sink, is_free, is_time), values, tx=tx)

    def replace(self, held: SinkEntry, entry: SinkEntry, *, tx: Transaction | None = None) -> SinkEntry | None:
        """Replaces the line that this process claimed; None if the claim was lost and nothing changed."""
        values = {name: value for row in rows_of([entry]) for name, value in row.items() if name != "sink"}
        return self._change(_is_held(held), values, tx=tx)

    def release(self, held: SinkEntry, *, tx: Transaction | None = None) -> None:
        """Gives the right to send back."""
        self._change(_is_held(held), {"claimed_by": "", "claimed_until": None}, tx=tx)

    def _change(
        self, condition: sa.ColumnElement[bool], values: Mapping[str, Any], *, tx: Transaction | None
    ) -> SinkEntry | None:
        statement = LINEAGE_SINKS.update().where(condition).values(**values).returning(*LINEAGE_SINKS.columns)
        with self._database.writing(tx) as connection:
            row = connection.execute(statement).mappings().one_or_none()
        return None if row is None else SinkEntry(**row)


class LineageRefusals(Repository[RefusalEntry]):
    """Refused events of each sink, by their place in the outbox."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, LINEAGE_REFUSALS, RefusalEntry)

    def keep(self, refusal: RefusalEntry, *, tx: Transaction | None = None) -> None:
        """Keeps a refused event; refused again, it has the new reason."""
        self._upsert([refusal], repeat=Repeat(), tx=tx)

    def of(
        self, sink: str, *, after: int = 0, limit: int = 100, tx: Transaction | None = None
    ) -> tuple[RefusalEntry, ...]:
        """What a sink refused behind a place in the outbox, in order."""
        line = LINEAGE_REFUSALS.c
        statement = sa.select(LINEAGE_REFUSALS).where(line.sink == sink, line.outbox_id > after)
        return self._select(statement.order_by(line.outbox_id).limit(limit), tx=tx)

    def count(self, sink: str, *, tx: Transaction | None = None) -> int:
        """How many events a sink refused."""
        statement = sa.select(sa.func.count()).select_from(LINEAGE_REFUSALS).where(LINEAGE_REFUSALS.c.sink == sink)
        with self._database.reading(tx) as connection:
            return int(connection.execute(statement).scalar_one())

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets what was refused before `before` and nobody offered again."""
        return self._delete(LINEAGE_REFUSALS.c.refused_at < before, tx=tx)

    def forget(self, refusal: RefusalEntry, *, tx: Transaction | None = None) -> None:
        """Removes an event that was taken after all."""
        line = LINEAGE_REFUSALS.c
        self._delete(line.sink == refusal.sink, line.outbox_id == refusal.outbox_id, tx=tx)


def _is_held(held: SinkEntry) -> sa.ColumnElement[bool]:
    """Whether the line is as this process left it: still claimed by it, and nobody moved the sink on."""
    line = LINEAGE_SINKS.c
    return sa.and_(line.sink == held.sink, line.claimed_by == held.claimed_by, line.delivered_id == held.delivered_id)
