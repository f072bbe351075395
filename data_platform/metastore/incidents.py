"""Incidents: one line for each, and the lock under which they are changed. When one opens is decided in `incidents`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.incident_tables import (
    INCIDENT_EVENTS,
    INCIDENTS,
    NOTIFICATIONS,
    SYMPTOMS,
    IncidentSeverity,
    IncidentState,
)
from data_platform.metastore.repository import Repeat, Repository

_LOCK = 0x696E_6369_6465_6E74  # any constant: everybody who changes incidents of one PostgreSQL database asks for it


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentEntry:
    """One incident.

    Attributes:
        incident_id: stable; the same for every notification about it.
        cause: the dataset, `<dataset>/<source>` or part of the platform that everything follows from.
        alert: the one that opened it.
        dataset: of the cause; empty where it is no dataset.
        owner: the team that answers for the cause; empty where nobody does.
        recipient: who is told.
        began_at: when the first failing fact happened.
        detected_at: when the watch opened it.
        notified_at: when a channel first took a message about it; None: nobody was told yet.
        pressing_since: from when somebody is expected to acknowledge: its opening, a raise or a reopening.
        mitigated_at: when its last symptom cleared; None while one lasts.
        resolved_by: empty where it ended by itself.
        reopened: how often it came back.
        detail: what was known when it opened: blast radius, last changes, runbook, links.
    """

    incident_id: str
    cause: str
    alert: str
    severity: IncidentSeverity
    state: IncidentState
    title: str
    dataset: str
    domain: str
    owner: str
    recipient: str
    began_at: datetime
    detected_at: datetime
    pressing_since: datetime
    notified_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    mitigated_at: datetime | None = None
    resolved_at: datetime | None = None
    resolved_by: str = ""
    escalated_at: datetime | None = None
    reopened: int = 0
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether it is resolved."""
        return self.state is IncidentState.RESOLVED


class Incidents(Repository[IncidentEntry]):
    """Incidents by id."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, INCIDENTS, IncidentEntry)

    def changing(self) -> AbstractContextManager[Transaction]:
        """A write transaction that nobody else changes incidents in: what it reads stays so until it commits.

        Raises:
            RetryableError: the database did not answer, or another writer held it for too long.
        """
        return self._database.alone(_LOCK)

    def get(self, incident_id: str, *, tx: Transaction | None = None) -> IncidentEntry | None:
        """One incident."""
        return self._first(sa.select(INCIDENTS).where(INCIDENTS.c.incident_id == incident_id), tx=tx)

    def put(self, entries: Iterable[IncidentEntry], *, tx: Transaction | None = None) -> None:
        """Adds or replaces incidents."""
        self._upsert(entries, repeat=Repeat(), tx=tx)

    def notified(self, incident_id: str, *, at: datetime) -> None:
        """Notes when somebody was told; what was noted first stays.

        Raises:
            RetryableError: the database did not answer, or another writer held it for too long.
        """
        line = INCIDENTS.c
        is_first = (line.incident_id == incident_id, line.notified_at.is_(None))
        with self.changing() as tx, self._database.writing(tx) as connection:  # a turn writes whole incidents
            connection.execute(INCIDENTS.update().where(*is_first).values(notified_at=at))

    def alive(self, *, resolved_after: datetime, tx: Transaction | None = None) -> tuple[IncidentEntry, ...]:
        """Incidents that are not resolved, or were after a moment; the first opened first."""
        line = INCIDENTS.c
        is_alive = sa.or_(line.state != IncidentState.RESOLVED, line.resolved_at > resolved_after)
        return self._select(sa.select(INCIDENTS).where(is_alive).order_by(line.detected_at, line.incident_id), tx=tx)

    def recent(
        self, *, is_open: bool = False, since: datetime | None = None, limit: int = 100, tx: Transaction | None = None
    ) -> tuple[IncidentEntry, ...]:
        """Incidents, the last opened first.

        `is_open` leaves out those that are resolved; `since`, those that were opened before it.
        """
        line = INCIDENTS.c
        statement = sa.select(INCIDENTS)
        if is_open:
            statement = statement.where(line.state != IncidentState.RESOLVED)
        if since is not None:
            statement = statement.where(line.detected_at >= since)
        return self._select(statement.order_by(line.detected_at.desc(), line.incident_id).limit(limit), tx=tx)

    def page(self, *, is_open: bool, before: tuple[datetime, str] | None, limit: int) -> tuple[IncidentEntry, ...]:
        """As `recent`, after the incident that was detected then and has that id."""
        line = INCIDENTS.c
        statement = sa.select(INCIDENTS)
        if is_open:
            statement = statement.where(line.state != IncidentState.RESOLVED)
        if before is not None:
            at, incident_id = before
            is_later = sa.and_(line.detected_at == at, line.incident_id > incident_id)
            statement = statement.where(sa.or_(line.detected_at < at, is_later))
        return self._select(statement.order_by(line.detected_at.desc(), line.incident_id).limit(limit), tx=None)

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets incidents that were resolved before `before`, with all that belongs to them."""
        old = (INCIDENTS.c.state == IncidentState.RESOLVED, INCIDENTS.c.resolved_at < before)
        ids = sa.select(INCIDENTS.c.incident_id).where(*old)
        with self._database.writing(tx) as connection:
            for table in (SYMPTOMS, INCIDENT_EVENTS, NOTIFICATIONS):
                connection.execute(table.delete().where(table.c.incident_id.in_(ids)))
        return self._delete(*old, tx=tx)
