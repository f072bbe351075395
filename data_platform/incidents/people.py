"""What people do about incidents: take them, end them, decide. Each is a line with their name in the history."""

from __future__ import annotations

from dataclasses import dataclass, replace

from data_platform.clock import Clock
from data_platform.contracts.places import nearest
from data_platform.errors import ConfigurationError
from data_platform.incidents.telling import RESOLVED, endings
from data_platform.metastore.database import Transaction
from data_platform.metastore.engine import Metastore
from data_platform.metastore.incident_events import IncidentEvent
from data_platform.metastore.incident_tables import IncidentState
from data_platform.metastore.incidents import IncidentEntry

_LEAST_LETTERS = 4  # of an id that is not written out


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Acts of people."""

    metastore: Metastore
    clock: Clock

    def find(self, incident_id: str, *, tx: Transaction | None = None) -> IncidentEntry:
        """An incident by its id, or by the end of it.

        Raises:
            ConfigurationError: there is none, or more than one.
        """
        store = self.metastore.operations.incidents
        if (found := store.get(incident_id, tx=tx)) is not None:
            return found
        known = store.recent(limit=1000, tx=tx)
        ends = [one for one in known if len(incident_id) >= _LEAST_LETTERS and one.incident_id.endswith(incident_id)]
        if len(ends) == 1:
            return ends[0]
        fix = nearest(incident_id, (one.incident_id for one in known[:20]))
        raise ConfigurationError(f"there is no incident {incident_id!r}; {fix}")

    def acknowledge(self, incident_id: str, *, who: str, note: str = "") -> IncidentEntry:
        """Somebody takes it: it is not escalated any more.

        Raises:
            ConfigurationError: there is no such incident, or it is over.
        """
        with self.metastore.operations.incidents.changing() as tx:
            incident = self._going_on(incident_id, tx)
            state = IncidentState.ACKNOWLEDGED if incident.state is IncidentState.OPEN else incident.state
            now = self.clock.now()
            taken = replace(incident, state=state, acknowledged_at=now, acknowledged_by=who)
            return self._keep(taken, "acknowledged", who=who, detail=note, tx=tx)

    def resolve(self, incident_id: str, *, who: str, reason: str) -> IncidentEntry:
        """Somebody ends it. What fails now brings it back; of what happened once, only what is new.

        Raises:
            ConfigurationError: there is no such incident, it is over, or no reason is given.
        """
        if not reason.strip():
            raise ConfigurationError("say why it is over: it is kept with your name")
        with self.metastore.operations.incidents.changing() as tx:
            incident = self._going_on(incident_id, tx)
            now = self.clock.now()
            ended = replace(
                incident,
                state=IncidentState.RESOLVED,
                resolved_at=now,
                resolved_by=who,
                mitigated_at=incident.mitigated_at or now,
            )
            store = self.metastore.operations
            told = store.notifications.of([incident.incident_id], tx=tx)
            store.notifications.queue(endings(told, ended, at=now), tx=tx)
            lasting = [one for one in store.symptoms.of([incident.incident_id], tx=tx) if one.cleared_at is None]
            store.symptoms.put((replace(one, settled={**one.settled, **one.marks}) for one in lasting), tx=tx)
            return self._keep(ended, RESOLVED, who=who, detail=reason, tx=tx)

    def note(self, incident_id: str, *, who: str, kind: str, detail: str) -> IncidentEntry:
        """Adds a line to the history: a decision, a step of a runbook."""
        incident = self.find(incident_id)
        line = IncidentEvent(incident_id=incident.incident_id, at=self.clock.now(), who=who, kind=kind, detail=detail)
        self.metastore.operations.incident_events.append([line])
        return incident

    def _going_on(self, incident_id: str, tx: Transaction) -> IncidentEntry:
        incident = self.find(incident_id, tx=tx)
        if incident.is_over:
            raise ConfigurationError(f"incident {incident.incident_id} is resolved already")
        return incident

    def _keep(self, incident: IncidentEntry, kind: str, *, who: str, detail: str, tx: Transaction) -> IncidentEntry:
        store = self.metastore.operations
        store.incidents.put([incident], tx=tx)
        line = IncidentEvent(incident_id=incident.incident_id, at=self.clock.now(), who=who, kind=kind, detail=detail)
        store.incident_events.append([line], tx=tx)
        return incident
