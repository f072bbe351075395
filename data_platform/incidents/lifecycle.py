"""How an incident goes on: mitigated, resolved, raised, escalated, reopened, and whom each of that is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from data_platform.incidents.model import RECOVERY, Alert, Estate, Symptom
from data_platform.incidents.routing import Routes
from data_platform.incidents.suppressing import covers_symptom
from data_platform.incidents.telling import ESCALATED, RAISED, RESOLVED, endings, note_of
from data_platform.incidents.turn import Turn
from data_platform.metastore.incident_tables import IncidentSeverity, IncidentState
from data_platform.metastore.incidents import IncidentEntry
from data_platform.metastore.suppressions import SuppressionEntry
from data_platform.metastore.symptoms import SymptomEntry

AGED = "aged"
BY_AGE = "closed by age, not mended"
_ENDED = "ended"  # of an incident's detail: how it ended, where nothing mended it


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """What a turn makes of the incidents that go on, after every symptom is where it belongs."""

    turn: Turn
    routes: Routes
    estate: Estate
    suppressions: Sequence[SuppressionEntry]

    def go_on(self) -> None:
        """Looks at every incident once."""
        for incident in self.turn.going_on:
            lasting = self.turn.lasting(incident)
            if not lasting:
                self._calm(incident)
                continue
            incident = self._back(incident)
            incident = self._raise(incident, lasting)
            self._escalate(incident, lasting)

    @staticmethod
    def reopened(turn: Turn, incident: IncidentEntry) -> IncidentEntry:
        """An incident that came back within its damping window; it has to be acknowledged anew."""
        back = replace(
            incident,
            state=IncidentState.OPEN,
            resolved_at=None,
            resolved_by="",
            mitigated_at=None,
            acknowledged_at=None,
            acknowledged_by="",
            pressing_since=turn.now,
            escalated_at=None,
            reopened=incident.reopened + 1,
            detail=_without_end(incident),
        )
        turn.say(incident, "reopened")
        return turn.change(back)

    @staticmethod
    def tell(turn: Turn, routes: Routes, incident: IncidentEntry, kind: str, *, recipient: str = "") -> None:
        """Queues a notification; asked for again, it is the same one."""
        turn.notes.append(note_of(incident, kind, routes=routes, at=turn.now, recipient=recipient))

    @staticmethod
    def aged(turn: Turn, incident: IncidentEntry, about: str) -> None:
        """Notes that what an incident is about is given up: it happened too long ago, and nothing mended it."""
        turn.change(replace(incident, detail={**incident.detail, _ENDED: BY_AGE}))
        turn.say(incident, AGED, f"{about}: {BY_AGE}")

    def _calm(self, incident: IncidentEntry) -> None:
        if incident.state is not IncidentState.MITIGATED or incident.mitigated_at is None:
            incident = replace(incident, state=IncidentState.MITIGATED, mitigated_at=self.turn.now)
            self.turn.change(incident)
            self.turn.say(incident, "mitigated")
        elif self.turn.now - incident.mitigated_at >= RECOVERY:
            incident = replace(incident, state=IncidentState.RESOLVED, resolved_at=self.turn.now)
            self.turn.change(incident)
            self.turn.say(incident, RESOLVED, str(incident.detail.get(_ENDED, "all was well for long enough")))
            told = self.turn.store.notifications.of([incident.incident_id], tx=self.turn.tx)
            self.turn.notes += endings(told, incident, at=self.turn.now)

    def _back(self, incident: IncidentEntry) -> IncidentEntry:
        if incident.state is not IncidentState.MITIGATED:
            return incident
        state = IncidentState.ACKNOWLEDGED if incident.acknowledged_at else IncidentState.OPEN
        self.turn.say(incident, "failing_again")
        return self.turn.change(replace(incident, state=state, mitigated_at=None, detail=_without_end(incident)))

    def _raise(self, incident: IncidentEntry, lasting: Sequence[SymptomEntry]) -> IncidentEntry:
        page = next((one for one in lasting if one.severity is IncidentSeverity.PAGE), None)
        if incident.severity is IncidentSeverity.PAGE or page is None:
            return incident
        raised = replace(
            incident,
            severity=IncidentSeverity.PAGE,
            state=IncidentState.OPEN,  # who took the ticket has not taken the page
            acknowledged_at=None,
            acknowledged_by="",
            pressing_since=self.turn.now,
            escalated_at=None,  # an escalated ticket is a page that nobody was told of yet
        )
        self.turn.change(raised)
        self.turn.say(raised, RAISED, f"{page.alert} of {page.subject}{_lapsed(incident)}")
        Lifecycle.tell(self.turn, self.routes, raised, RAISED)
        return raised

    def _escalate(self, incident: IncidentEntry, lasting: Sequence[SymptomEntry]) -> None:
        waited = self.turn.now - incident.pressing_since
        is_waiting = incident.state is IncidentState.OPEN and incident.escalated_at is None
        if not is_waiting or waited < self.routes.patience(incident.severity) or self._is_covered(lasting):
            return
        escalated = self.turn.change(replace(incident, escalated_at=self.turn.now))
        self.turn.say(escalated, ESCALATED, f"nobody acknowledged it for {int(waited.total_seconds() // 60)} minutes")
        Lifecycle.tell(self.turn, self.routes, escalated, ESCALATED, recipient=self.routes.platform.name)

    def _is_covered(self, lasting: Sequence[SymptomEntry]) -> bool:
        return bool(self.suppressions) and all(
            covers_symptom(
                self.suppressions,
                Symptom(
                    alert=Alert(one.alert),
                    subject=one.subject,
                    severity=one.severity,
                    dataset=one.dataset,
                    began_at=one.began_at,
                    ready_at=None,
                ),
                domain=self.estate.domain_of(one.dataset),
            )
            for one in lasting
        )


def _lapsed(before: IncidentEntry) -> str:
    """What a raise says to the person who took the ticket; empty where nobody did."""
    if before.acknowledged_at is None:
        return ""
    who = before.acknowledged_by
    return f"; severity rose to page: the acknowledgement of {who} as a ticket does not hold for it; acknowledge again"


def _without_end(incident: IncidentEntry) -> dict[str, Any]:
    return {name: value for name, value in incident.detail.items() if name != _ENDED}
