"""The incidents as one turn of the watch finds and leaves them: what is read at its beginning and written at its end,
both in one transaction. Deciding is in `engine`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from data_platform.incidents.causes import Cause
from data_platform.incidents.model import REMEMBERED, Symptom
from data_platform.metastore.database import Transaction
from data_platform.metastore.incident_events import IncidentEvent
from data_platform.metastore.incident_tables import IncidentSeverity, IncidentState
from data_platform.metastore.incidents import IncidentEntry
from data_platform.metastore.notifications import NotificationEntry
from data_platform.metastore.operations import Operations
from data_platform.metastore.symptoms import PENDING, SUPPRESSED, SymptomEntry

_MARGIN = timedelta(days=1)
_SEEN_EVERY = timedelta(minutes=1)  # more often it is not written that a symptom lasts


@dataclass(slots=True)
class Turn:
    """One turn's view.

    Attributes:
        incidents: by id, in the order in which they were opened; resolved ones of the last days among them.
        entries: the symptoms of each, by alert and subject.
        settled: how far people have dealt with what happened once, by alert and subject.
    """

    store: Operations
    tx: Transaction
    now: datetime
    incidents: dict[str, IncidentEntry] = field(default_factory=dict)
    entries: dict[str, dict[tuple[str, str], SymptomEntry]] = field(default_factory=dict)
    attached: dict[tuple[str, str], str] = field(default_factory=dict)
    pending: dict[tuple[str, str], SymptomEntry] = field(default_factory=dict)
    suppressed: dict[tuple[str, str], SymptomEntry] = field(default_factory=dict)
    settled: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    events: list[IncidentEvent] = field(default_factory=list)
    notes: list[NotificationEntry] = field(default_factory=list)
    _changed: set[str] = field(default_factory=set)
    _touched: dict[tuple[str, str, str], SymptomEntry] = field(default_factory=dict)
    _gone: list[SymptomEntry] = field(default_factory=list)

    def load(self, *, since: datetime | None = None) -> None:
        """Reads what stands, and what people said of anything that happened since a moment."""
        after = (since or self.now - REMEMBERED) - _MARGIN
        alive = self.store.incidents.alive(resolved_after=after, tx=self.tx)
        self.incidents = {one.incident_id: one for one in alive}
        self.entries = {one: {} for one in self.incidents}
        for one in alive:
            self._correct(one)
        for entry in self.store.symptoms.of(list(self.incidents), tx=self.tx):
            self.entries[entry.incident_id][entry.key] = entry
            for mark, size in entry.settled.items():
                known = self.settled.setdefault(entry.key, {})
                known[mark] = max(size, known.get(mark, size))
            if entry.cleared_at is None and not self.incidents[entry.incident_id].is_over:
                self.attached[entry.key] = entry.incident_id
        for entry in self.store.symptoms.apart(tx=self.tx):
            if entry.first_seen > self.now:
                self._gone.append(entry)  # seen by a clock that ran ahead: its grace would never be over
                continue
            (self.pending if entry.incident_id == PENDING else self.suppressed)[entry.key] = entry

    def _correct(self, incident: IncidentEntry) -> None:
        """Times later than now are of a clock that ran ahead: nothing may wait until then."""
        right = replace(
            incident,
            pressing_since=min(incident.pressing_since, self.now),
            mitigated_at=min(incident.mitigated_at, self.now) if incident.mitigated_at else None,
            resolved_at=min(incident.resolved_at, self.now) if incident.resolved_at else None,
        )
        if right != incident:
            self.change(right)

    def save(self) -> None:
        """Writes what changed."""
        self.store.symptoms.remove(self._gone, tx=self.tx)
        self.store.incidents.put([self.incidents[one] for one in sorted(self._changed)], tx=self.tx)
        self.store.symptoms.put(self._touched.values(), tx=self.tx)
        self.store.incident_events.append(self.events, tx=self.tx)
        self.store.notifications.queue(self.notes, tx=self.tx)

    @property
    def going_on(self) -> list[IncidentEntry]:
        """Incidents that are not resolved, the first opened first."""
        return [one for one in self.incidents.values() if not one.is_over]

    def change(self, incident: IncidentEntry) -> IncidentEntry:
        """Replaces or adds an incident."""
        self.incidents[incident.incident_id] = incident
        self.entries.setdefault(incident.incident_id, {})
        self._changed.add(incident.incident_id)
        return incident

    def lasting(self, incident: IncidentEntry) -> list[SymptomEntry]:
        """The symptoms of an incident that are not over."""
        return [one for one in self.entries[incident.incident_id].values() if one.cleared_at is None]

    def say(self, incident: IncidentEntry, kind: str, detail: str = "", *, who: str = "") -> None:
        """Adds a line to an incident's history."""
        line = IncidentEvent(incident_id=incident.incident_id, at=self.now, who=who, kind=kind, detail=detail)
        self.events.append(line)

    def attach(self, incident: IncidentEntry, symptom: Symptom) -> bool:
        """Puts a symptom to an incident, out of any other; whether it was not there, or was over."""
        before = self.attached.get(symptom.key)
        if before is not None and before != incident.incident_id:
            self.clear(before, symptom.key)
        for apart in (self.pending, self.suppressed):
            if symptom.key in apart:
                self._gone.append(apart.pop(symptom.key))
        held = self.entries[incident.incident_id].get(symptom.key)
        is_new = held is None or held.cleared_at is not None
        entry = self._entry(incident.incident_id, symptom, held)
        self.attached[symptom.key] = incident.incident_id
        if held is not None and not is_new and _is_same(held, entry) and self.now - held.last_seen < _SEEN_EVERY:
            return False
        self._touch(entry)
        return is_new

    def clear(self, incident_id: str, key: tuple[str, str]) -> None:
        """Notes that a symptom is over, or is another incident's now."""
        held = self.entries[incident_id][key]
        self._touch(replace(held, cleared_at=self.now))
        self.attached.pop(key, None)

    def wait(self, symptom: Symptom) -> SymptomEntry:
        """Remembers a symptom that has not lasted long enough."""
        if symptom.key not in self.pending:
            self.pending[symptom.key] = self._entry(PENDING, symptom, None)
            self._touched[(PENDING, *symptom.key)] = self.pending[symptom.key]
        return self.pending[symptom.key]

    def hold_back(self, symptom: Symptom, cause: str) -> None:
        """Remembers a symptom that nobody wants to be told of, and what it follows from."""
        held = self.suppressed.get(symptom.key)
        if held is None or held.incident_id != SUPPRESSED + cause:
            if held is not None:
                self._gone.append(held)
            self.suppressed[symptom.key] = self._entry(SUPPRESSED + cause, symptom, None)
            self._touched[(SUPPRESSED + cause, *symptom.key)] = self.suppressed[symptom.key]

    def forget_apart(self, but: Iterable[tuple[str, str]]) -> None:
        """Forgets what was remembered of symptoms that are over."""
        kept = set(but)
        for apart in (self.pending, self.suppressed):
            for key in [key for key in apart if key not in kept]:
                self._gone.append(apart.pop(key))

    def _entry(self, incident_id: str, symptom: Symptom, held: SymptomEntry | None) -> SymptomEntry:
        return SymptomEntry(
            incident_id=incident_id,
            alert=symptom.alert.value,
            subject=symptom.subject,
            dataset=symptom.dataset,
            severity=symptom.severity,
            began_at=symptom.began_at,
            first_seen=held.first_seen if held else self.now,
            last_seen=self.now,
            evidence=dict(symptom.evidence),
            marks=dict(symptom.marks),
            settled=held.settled if held else {},
        )

    def _touch(self, entry: SymptomEntry) -> None:
        self.entries[entry.incident_id][entry.key] = entry
        self._touched[(entry.incident_id, *entry.key)] = entry


def new_incident(cause: Cause, symptom: Symptom, now: datetime, *, severity: IncidentSeverity) -> IncidentEntry:
    """An incident as it opens; whom it is about and who is told is filled in by the caller."""
    digest = hashlib.sha256(f"{cause.key}\n{cause.strand}\n{now.isoformat()}".encode()).hexdigest()
    return IncidentEntry(
        incident_id=f"{now:%Y%m%d}-{digest[:8]}",
        cause=cause.key,
        alert=symptom.alert.value,
        severity=severity,
        state=IncidentState.OPEN,
        title="",
        dataset=cause.dataset,
        domain=cause.domain,
        owner="",
        recipient="",
        began_at=symptom.began_at,
        detected_at=now,
        pressing_since=now,
    )


def _is_same(one: SymptomEntry, other: SymptomEntry) -> bool:
    return _told_of(one) == _told_of(other)


def _told_of(one: SymptomEntry) -> tuple[object, ...]:
    return (one.severity, one.began_at, one.evidence.keys(), one.marks)
