"""What happened to each incident, in order, and who did it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.incident_tables import INCIDENT_EVENTS
from data_platform.metastore.repository import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentEvent:
    """One line of an incident's history.

    Attributes:
        who: a person; empty for the watch.
        kind: opened, joined, cause_moved, raised, escalated, acknowledged, mitigated, resolved, reopened, decided …
        id: given by the database.
    """

    incident_id: str
    at: datetime
    who: str
    kind: str
    detail: str
    id: int | None = None


class IncidentEvents(Repository[IncidentEvent]):
    """Lines are only ever added; they go with their incident."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, INCIDENT_EVENTS, IncidentEvent)

    def append(self, entries: Iterable[IncidentEvent], *, tx: Transaction | None = None) -> None:
        """Adds lines."""
        self._append(entries, tx=tx)

    def of(self, incident_id: str, *, tx: Transaction | None = None) -> tuple[IncidentEvent, ...]:
        """An incident's lines in order."""
        line = INCIDENT_EVENTS.c
        return self._select(sa.select(INCIDENT_EVENTS).where(line.incident_id == incident_id).order_by(line.id), tx=tx)

    def by_people(self, *, tx: Transaction | None = None) -> frozenset[str]:
        """The incidents that a person did something about."""
        line = INCIDENT_EVENTS.c
        with self._database.reading(tx) as connection:
            return frozenset(connection.scalars(sa.select(line.incident_id).where(line.who != "").distinct()))
