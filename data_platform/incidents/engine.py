"""From symptoms to incidents: opened, joined, raised, mitigated, resolved, reopened, escalated.

A turn reads and writes in one transaction under one lock: a crash leaves all of it or nothing, the same symptoms again
change nothing, and of two watches that look at once the second finds what the first decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from data_platform.incidents.causes import Cause, Causes, strand_of
from data_platform.incidents.explaining import Explainer
from data_platform.incidents.lifecycle import Lifecycle
from data_platform.incidents.model import (
    BURNS,
    DAMPING,
    FAILING,
    GRACE,
    NEVER_SUPPRESSED,
    RECOVERY,
    Alert,
    Estate,
    Symptom,
)
from data_platform.incidents.routing import Routes
from data_platform.incidents.rules.all import Found
from data_platform.incidents.suppressing import covers_cause, covers_symptom
from data_platform.incidents.turn import Turn, new_incident
from data_platform.metastore.engine import Metastore
from data_platform.metastore.incident_tables import IncidentSeverity
from data_platform.metastore.incidents import IncidentEntry
from data_platform.metastore.suppressions import SuppressionEntry
from data_platform.metastore.symptoms import SUPPRESSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Keeps the incidents of one metastore."""

    metastore: Metastore
    estate: Estate
    routes: Routes
    explainer: Explainer

    def take(self, found: Found) -> None:
        """Makes incidents of what the rules found.

        Raises:
            RetryableError: the metastore did not answer; nothing was changed.
        """
        store = self.metastore.operations
        with store.incidents.changing() as tx:
            turn = Turn(store, tx, found.at)
            turn.load(since=found.since)
            suppressions = store.suppressions.at(found.at, tx=tx)
            _Deciding(self, turn, found, suppressions).decide()
            Lifecycle(turn=turn, routes=self.routes, estate=self.estate, suppressions=suppressions).go_on()
            turn.save()


class _Deciding:
    """Which incident each symptom belongs to."""

    def __init__(self, engine: Engine, turn: Turn, found: Found, suppressions: Sequence[SuppressionEntry]) -> None:
        self.engine, self.turn, self.found, self.suppressions = engine, turn, found, suppressions
        in_order = sorted(found.symptoms, key=lambda one: (one.began_at, one.key))
        self.symptoms = [one for one in in_order if not self._is_dealt_with(one)]
        self.old = frozenset(one.key for one in found.symptoms if one.is_old)
        self.causes = Causes(engine.estate, self.symptoms)

    def decide(self) -> None:
        """Puts every symptom where it belongs."""
        self._clear_what_is_over()
        self._move_causes_up()
        loose: list[tuple[Symptom, tuple[Cause, ...]]] = []
        for symptom in self.symptoms:
            causes = self.causes.of(symptom)
            if not self._stays(symptom, causes) and not self._is_held_back(symptom, causes):
                loose.append((symptom, causes))
        groups: dict[tuple[str, str], tuple[Cause, list[Symptom]]] = {}
        for symptom, causes in loose:
            home = self._home(symptom, causes)
            if home is not None:
                self._join(home, symptom)
            else:
                cause = self._own_if_suppressed(symptom, causes)
                groups.setdefault((cause.key, cause.strand), (cause, []))[1].append(symptom)
        for cause, symptoms in groups.values():
            self._open(cause, symptoms)
        self.turn.forget_apart(one.key for one in self.symptoms)

    def _is_dealt_with(self, symptom: Symptom) -> bool:
        """Whether a person resolved an incident about all of it: nothing in it happened, or grew, since."""
        settled = self.turn.settled.get(symptom.key, {})
        return symptom.is_event and all(size <= settled.get(mark, -1) for mark, size in symptom.marks.items())

    def _clear_what_is_over(self) -> None:
        active = {symptom.key for symptom in self.symptoms}
        for key, incident_id in list(self.turn.attached.items()):
            is_seen = Alert(key[0]) not in self.found.unknown and not self._is_out_of_sight(incident_id, key)
            if key not in active and is_seen:
                self.turn.clear(incident_id, key)
                if key in self.found.aged:
                    Lifecycle.aged(self.turn, self.turn.incidents[incident_id], f"{key[0]} of {key[1]}")

    def _is_out_of_sight(self, incident_id: str, key: tuple[str, str]) -> bool:
        """Whether a symptom's dataset has no contract here: taken away, or newer than this process. That nothing is
        seen of it then does not say that it is well; a person resolves it. Tables without a contract are another thing.
        """
        dataset = self.turn.entries[incident_id][key].dataset
        return bool(dataset) and dataset not in self.engine.estate.datasets and key[0] != Alert.METADATA_GAP

    def _move_causes_up(self) -> None:
        """An incident whose cause itself follows from something, as is found later, is about that from then on."""
        for incident in self.turn.going_on:
            above = self.causes.above(incident.cause, incident.dataset)
            is_failing = any(Alert(one.alert) in FAILING for one in self.turn.lasting(incident))
            if not above or not is_failing or strand_of(incident.alert) or _is_about(incident, above):
                continue
            cause = above[0]
            other = self._going_on_about([cause])
            if other is None and not covers_cause(self.suppressions, cause):
                self._rename(incident, cause)
            elif other is not None:
                by_key = {symptom.key: symptom for symptom in self.symptoms}
                for entry in self.turn.lasting(incident):
                    if entry.key in by_key:
                        self.turn.attach(other, by_key[entry.key])
                self.turn.say(incident, "joined", f"follows from {cause.key}: see {other.incident_id}")

    def _rename(self, incident: IncidentEntry, cause: Cause) -> None:
        moved = replace(incident, cause=cause.key, dataset=cause.dataset, domain=cause.domain)
        moved = self.engine.explainer.explained(moved, now=self.turn.now, tx=self.turn.tx)
        self.turn.change(moved)
        self.turn.say(moved, "cause_moved", f"from {incident.cause} to {cause.key}")
        if moved.recipient != incident.recipient:
            Lifecycle.tell(self.turn, self.engine.routes, moved, "opened")

    def _stays(self, symptom: Symptom, causes: Sequence[Cause]) -> bool:
        """Whether a symptom remains with, or moves to another of, the incidents that it is in."""
        current = self.turn.attached.get(symptom.key)
        if current is None:
            return False
        incident = self.turn.incidents[current]
        is_afterglow = symptom.alert in BURNS and self._going_on_about(causes) is None
        # a loss that came with a lost connector is not told anew because the connector is well again
        is_loss_here = symptom.alert is Alert.DATA_LOSS and symptom.dataset == incident.dataset
        is_about = is_afterglow or is_loss_here or _is_about(incident, causes)
        if not (is_about or self.causes.is_failing(incident.cause)):
            cleared = self._cleared_at(incident)
            is_anew = cleared is not None and symptom.is_event and symptom.began_at > cleared
            if is_anew or (cleared is not None and self.turn.now - cleared >= RECOVERY):
                self.turn.clear(current, symptom.key)  # what it followed from is mended, and it still fails
                return False
        self.turn.attach(incident, symptom)
        return True

    def _cleared_at(self, incident: IncidentEntry) -> datetime | None:
        own = (one for one in self.turn.entries[incident.incident_id].values() if _is_at(one.subject, incident))
        return max((one.cleared_at for one in own if one.cleared_at is not None), default=None)

    def _is_held_back(self, symptom: Symptom, causes: Sequence[Cause]) -> bool:
        if symptom.alert in NEVER_SUPPRESSED:
            return False
        covered = next((one for one in causes if covers_cause(self.suppressions, one)), None)
        domain = symptom.domain or self.engine.estate.domain_of(symptom.dataset)
        if covered is None and covers_symptom(self.suppressions, symptom, domain=domain):
            covered = causes[0]
        if covered is None and (held := self.turn.suppressed.get(symptom.key)) is not None:
            covered = self._still_held(symptom, held.incident_id.removeprefix(SUPPRESSED), held.first_seen)
        if covered is None:
            return False
        self.turn.hold_back(symptom, covered.key)
        return True

    def _still_held(self, symptom: Symptom, key: str, since: datetime) -> Cause | None:
        """What followed from something suppressed goes on belonging to it until it fails anew."""
        dataset = key.partition("/")[0] if key.partition("/")[0] in self.engine.estate.datasets else ""
        cause = Cause(key=key, dataset=dataset, domain=self.engine.estate.domain_of(dataset))
        is_anew = symptom.is_event and symptom.began_at > since
        return None if is_anew or not covers_cause(self.suppressions, cause) else cause

    def _own_if_suppressed(self, symptom: Symptom, causes: Sequence[Cause]) -> Cause:
        free = next((one for one in causes if not covers_cause(self.suppressions, one)), None)
        return free or self.causes.alone(symptom)

    def _going_on_about(self, causes: Sequence[Cause]) -> IncidentEntry | None:
        return next((one for one in self.turn.going_on if _is_about(one, causes) and not self._is_past(one)), None)

    def _is_past(self, incident: IncidentEntry) -> bool:
        """Whether an incident is only about what happened long ago: what fails now is another thing, and is told."""
        lasting = self.turn.lasting(incident)
        return bool(lasting) and all(one.key in self.old for one in lasting)

    def _home(self, symptom: Symptom, causes: Sequence[Cause]) -> IncidentEntry | None:
        """The incident that a symptom joins or brings back; None where it needs one of its own."""
        going_on = self._going_on_about(causes) or self._of_burnt(symptom) or self._of_domain(symptom)
        if going_on is not None:
            return going_on
        since = self.turn.now - DAMPING
        over = [
            one
            for one in self.turn.incidents.values()
            if one.is_over and _is_about(one, causes) and one.resolved_at is not None and one.resolved_at > since
        ]
        newest = max(over, key=lambda one: one.resolved_at or since, default=None)
        return newest if newest is not None and self._is_ready(symptom) else None

    def _of_burnt(self, symptom: Symptom) -> IncidentEntry | None:
        """A budget goes on burning for a while after what burnt it is mended: that is no second incident."""
        if symptom.alert not in BURNS or not symptom.dataset:
            return None
        for incident in self.turn.going_on:
            hit = {one.dataset for one in self.turn.entries[incident.incident_id].values()}
            if symptom.dataset in (incident.dataset, *hit) and not strand_of(incident.alert):
                return incident
        return None

    def _of_domain(self, symptom: Symptom) -> IncidentEntry | None:
        """A whole domain that misses its objective does so because of what fails in it."""
        if symptom.alert not in BURNS or symptom.dataset:
            return None
        domain = symptom.domain if symptom.domain in self.engine.estate.on_call else ""
        return next(
            (
                one
                for one in self.turn.going_on
                if one.dataset and one.domain == domain and self.causes.is_failing(one.cause)
            ),
            None,
        )

    def _join(self, incident: IncidentEntry, symptom: Symptom) -> None:
        incident = self.turn.incidents[incident.incident_id]
        if incident.is_over:
            incident = Lifecycle.reopened(self.turn, incident)
        if self.turn.attach(incident, symptom):
            self.turn.say(incident, "joined", f"{symptom.alert} of {symptom.subject}")

    def _open(self, cause: Cause, symptoms: Sequence[Symptom]) -> None:
        ready = [symptom for symptom in symptoms if self._is_ready(symptom)]
        if not ready:
            for symptom in symptoms:
                self.turn.wait(symptom)
            return
        first = min(symptoms, key=lambda one: (not _is_at_cause(one, cause), not one.is_page, one.began_at, one.key))
        severity = IncidentSeverity.PAGE if any(one.is_page for one in ready) else IncidentSeverity.TICKET
        began_at = min(one.began_at for one in symptoms)
        fresh = replace(new_incident(cause, first, self.turn.now, severity=severity), began_at=began_at)
        incident = self.engine.explainer.explained(fresh, now=self.turn.now, tx=self.turn.tx)
        self.turn.change(incident)
        for symptom in symptoms:
            self.turn.attach(incident, symptom)
        self.turn.say(incident, "opened", incident.title)
        Lifecycle.tell(self.turn, self.engine.routes, incident, "opened")

    def _is_ready(self, symptom: Symptom) -> bool:
        if symptom.ready_at is not None and symptom.began_at <= self.turn.now:  # a later one is of a clock ahead
            return symptom.ready_at <= self.turn.now
        return self.turn.wait(symptom).first_seen + GRACE <= self.turn.now


def _is_about(incident: IncidentEntry, causes: Sequence[Cause]) -> bool:
    strand = strand_of(incident.alert)
    return any((cause.key, cause.strand) == (incident.cause, strand) for cause in causes)


def _is_at_cause(symptom: Symptom, cause: Cause) -> bool:
    return cause.key == symptom.subject or (cause.dataset != "" and cause.dataset == symptom.dataset)


def _is_at(subject: str, incident: IncidentEntry) -> bool:
    return subject in (incident.cause, incident.dataset)
