"""What the on-call page says: what fails and why, what burns, what is open, who is silent, what waits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from data_platform.metastore.incident_tables import IncidentSeverity, IncidentState
from data_platform.metastore.incidents import IncidentEntry
from data_platform.metastore.queued_runs import QueuedRunEntry
from data_platform.metastore.run_overview import FailingEntry
from data_platform.metastore.symptoms import SymptomEntry
from data_platform.observability.words import first_line
from data_platform.serving.console.operations.filters import Filter, Holdings
from data_platform.serving.console.rendering import dataset_href


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentLine:
    """One incident in a list.

    Attributes:
        is_told: whether a channel took a message about it.
    """

    id: str
    title: str
    severity: str
    state: str
    cause: str
    alert: str
    dataset: str
    domain: str
    owner: str
    recipient: str
    is_told: bool
    began_at: datetime
    detected_at: datetime
    resolved_at: datetime | None
    symptoms: int
    lasting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingLine:
    """One pipeline that fails.

    Attributes:
        cause: what the watch holds for the origin; empty where it has not judged yet.
        incident: its id; empty where there is none.
    """

    dataset: str
    href: str
    since: datetime
    failures: int
    state: str
    error: str
    run_id: str
    cause: str
    incident: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Runs that wait for one lane.

    Attributes:
        oldest_seconds: how long the first of them has waited.
        reasons: why they wait, the commonest first, each with how many.
    """

    name: str
    depth: int
    oldest_seconds: float
    reasons: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """All lanes; `sampled_at` is None where nobody has looked."""

    lanes: Sequence[Lane]
    sampled_at: datetime | None
    is_old: bool


def incident_lines(
    incidents: Iterable[IncidentEntry], symptoms: Iterable[SymptomEntry], holdings: Holdings, narrowed: Filter
) -> list[IncidentLine]:
    """Incidents that touch what is asked for, by their cause or by a symptom: pages first, the last opened first."""
    by_incident: dict[str, list[SymptomEntry]] = defaultdict(list)
    for symptom in symptoms:
        by_incident[symptom.incident_id].append(symptom)
    found = [
        _incident(one, by_incident[one.incident_id])
        for one in incidents
        if holdings.passes(narrowed, one.dataset, domain=one.domain, owner=one.owner)
        or any(
            holdings.passes(narrowed, symptom.dataset) for symptom in by_incident[one.incident_id] if symptom.dataset
        )
    ]
    return sorted(found, key=_urgency)


def failing_lines(
    failing: Iterable[FailingEntry], incidents: Iterable[IncidentEntry], symptoms: Iterable[SymptomEntry]
) -> list[FailingLine]:
    """Failing datasets with the incident that each belongs to, the longest failing first."""
    open_ones = {one.incident_id: one for one in incidents if not one.is_over}
    by_dataset: dict[str, IncidentEntry] = {one.dataset: one for one in open_ones.values() if one.dataset}
    by_dataset |= {
        symptom.dataset: open_ones[symptom.incident_id]
        for symptom in symptoms
        if symptom.dataset and symptom.cleared_at is None and symptom.incident_id in open_ones
    }
    return [_failing(one, by_dataset.get(one.dataset)) for one in failing]


def queue_of(runs: Iterable[QueuedRunEntry], now: datetime, *, sampled_at: datetime | None, fresh: timedelta) -> Queue:
    """Waiting runs by lane, the one that has waited longest first."""
    lanes: dict[str, list[QueuedRunEntry]] = defaultdict(list)
    for run in runs:
        if run.started_at is None:
            lanes[run.lane].append(run)
    made = [_lane(name, waiting, now) for name, waiting in lanes.items()]
    return Queue(
        lanes=sorted(made, key=lambda lane: -lane.oldest_seconds),
        sampled_at=sampled_at,
        is_old=sampled_at is None or now - sampled_at > fresh,
    )


def _incident(one: IncidentEntry, symptoms: Sequence[SymptomEntry]) -> IncidentLine:
    return IncidentLine(
        id=one.incident_id,
        title=one.title,
        severity=one.severity.value,
        state=one.state.value,
        cause=one.cause,
        alert=one.alert,
        dataset=one.dataset,
        domain=one.domain,
        owner=one.owner,
        recipient=one.recipient,
        is_told=one.notified_at is not None,
        began_at=one.began_at,
        detected_at=one.detected_at,
        resolved_at=one.resolved_at,
        symptoms=len(symptoms),
        lasting=sum(symptom.cleared_at is None for symptom in symptoms),
    )


def _urgency(line: IncidentLine) -> tuple[bool, bool, float, str]:
    is_open = line.state != IncidentState.RESOLVED.value
    return (not is_open, line.severity != IncidentSeverity.PAGE.value, -line.detected_at.timestamp(), line.id)


def _failing(one: FailingEntry, incident: IncidentEntry | None) -> FailingLine:
    return FailingLine(
        dataset=one.dataset,
        href=dataset_href(one.dataset),
        since=one.since,
        failures=one.failures,
        state=one.state.value,
        error=first_line(one.error),
        run_id=one.run_id,
        cause=incident.cause if incident else "",
        incident=incident.incident_id if incident else "",
    )


def _lane(name: str, waiting: Sequence[QueuedRunEntry], now: datetime) -> Lane:
    reasons = Counter(run.reason or "no reason is known" for run in waiting)
    return Lane(
        name=name or "default",
        depth=len(waiting),
        oldest_seconds=max((now - run.enqueued_at).total_seconds() for run in waiting),
        reasons=sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0])),
    )
