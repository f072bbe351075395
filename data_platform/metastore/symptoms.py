"""The symptoms of each incident: which alert, of what, since when, with which evidence."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.incident_tables import INCIDENTS, SYMPTOMS, IncidentSeverity, IncidentState
from data_platform.metastore.repository import Repeat, Repository

PENDING = "pending"  # stands for the incident of symptoms that have not lasted long enough
SUPPRESSED = "suppressed/"  # before the cause of those that nobody wants to be told of


@dataclass(frozen=True, slots=True, kw_only=True)
class SymptomEntry:
    """One alert of one subject in one incident.

    Attributes:
        subject: a dataset, `<dataset>/<source>`, an objective or a part of the platform.
        dataset: empty where the subject belongs to none.
        began_at: when the newest failing fact happened.
        cleared_at: None while it lasts.
        evidence: rule, counts, redacted text; never values of rows.
        marks: of what happened once, by which it is known again, and how far each goes; empty for what is so now.
        settled: the marks that a person has dealt with.
    """

    incident_id: str
    alert: str
    subject: str
    dataset: str
    severity: IncidentSeverity
    began_at: datetime
    first_seen: datetime
    last_seen: datetime
    cleared_at: datetime | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    marks: Mapping[str, int] = field(default_factory=dict)
    settled: Mapping[str, int] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """What tells symptoms apart, in whichever incident they are."""
        return (self.alert, self.subject)


class Symptoms(Repository[SymptomEntry]):
    """Symptoms by incident."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, SYMPTOMS, SymptomEntry)

    def put(self, entries: Iterable[SymptomEntry], *, tx: Transaction | None = None) -> None:
        """Adds or replaces symptoms; when one was first seen stays."""
        self._upsert(entries, repeat=Repeat(keep=("first_seen",)), tx=tx)

    def of(self, incident_ids: Collection[str], *, tx: Transaction | None = None) -> tuple[SymptomEntry, ...]:
        """The symptoms of incidents, the first seen first."""
        line = SYMPTOMS.c
        statement = sa.select(SYMPTOMS).where(line.incident_id.in_(list(incident_ids)))
        return self._select(statement.order_by(line.first_seen, line.alert, line.subject), tx=tx)

    def apart(self, *, tx: Transaction | None = None) -> tuple[SymptomEntry, ...]:
        """Those of no incident: that have not lasted long enough, or that nobody wants to be told of."""
        line = SYMPTOMS.c
        is_apart = sa.or_(line.incident_id == PENDING, line.incident_id.startswith(SUPPRESSED, autoescape=True))
        return self._select(sa.select(SYMPTOMS).where(is_apart), tx=tx)

    def lasting(self, alerts: Collection[str], *, tx: Transaction | None = None) -> tuple[SymptomEntry, ...]:
        """Those of some alerts that are not over, of incidents that are not resolved."""
        line = SYMPTOMS.c
        going_on = sa.select(INCIDENTS.c.incident_id).where(INCIDENTS.c.state != IncidentState.RESOLVED)
        chosen = (line.cleared_at.is_(None), line.alert.in_(alerts), line.incident_id.in_(going_on))
        return self._select(sa.select(SYMPTOMS).where(*chosen).order_by(line.first_seen), tx=tx)

    def remove(self, entries: Iterable[SymptomEntry], *, tx: Transaction | None = None) -> None:
        """Forgets symptoms."""
        for one in entries:
            line = SYMPTOMS.c
            same = (line.incident_id == one.incident_id, line.alert == one.alert, line.subject == one.subject)
            self._delete(*same, tx=tx)

    def last_seen(self, *, tx: Transaction | None = None) -> Mapping[str, datetime]:
        """When each alert was last seen at all."""
        statement = sa.select(SYMPTOMS.c.alert, sa.func.max(SYMPTOMS.c.last_seen)).group_by(SYMPTOMS.c.alert)
        with self._database.reading(tx) as connection:
            return {row[0]: row[1] for row in connection.execute(statement)}
