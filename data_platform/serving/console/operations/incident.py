"""What the page of one incident says: what happened when, what fails, why, whom it hits, what changed, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from data_platform.catalog.impact import impact_of
from data_platform.catalog.naming import Named
from data_platform.incidents.evidence import facts
from data_platform.lineage.names import PLATFORM
from data_platform.metastore.incidents import IncidentEntry
from data_platform.metastore.notifications import NotificationEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.symptoms import SymptomEntry
from data_platform.observability.words import duration
from data_platform.serving.console.rendering import href_of
from data_platform.serving.console.schema_changes import schema_changes
from data_platform.wiring.platform import Platform

# what a person is asked where a runbook does not settle it
PLAYBOOKS = {
    "slo_fast_burn": "budget_burn",
    "slo_slow_burn": "budget_burn",
    "data_loss": "data_loss",
    "security_breach": "security",
}
_RUNS = 50
_CHANGES = 8
_RUN_NAMES = ("run_id", "run")
_PARTITION_NAMES = ("partition", "stuck_partition", "from")


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """One step of an incident's life.

    Attributes:
        at: None where it has not come yet.
        measure: the time that it ends, as `to detect`; empty for the first.
        seconds: how long that took.
        who: a person or team; empty for the platform.
    """

    name: str
    at: datetime | None
    measure: str = ""
    seconds: float | None = None
    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One symptom with what it stands on.

    Attributes:
        run_id, partition: where the evidence names them, for the way to the debug page.
    """

    entry: SymptomEntry
    facts: Sequence[tuple[str, str]]
    run_id: str
    partition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A dataset downstream of the cause."""

    name: str
    namespace: str
    href: str
    owner: str
    tier: str
    distance: int
    is_failing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that was changed before the incident began."""

    at: datetime
    dataset: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One notification and what became of it."""

    entry: NotificationEntry
    state: str
    tone: str


def milestones(one: IncidentEntry) -> list[Milestone]:
    """From the first failing fact to the end. Detection counts from the beginning, the rest from detection."""
    steps = (
        ("notified", one.notified_at, "to notify", one.recipient),
        ("acknowledged", one.acknowledged_at, "to acknowledge", one.acknowledged_by),
        ("mitigated", one.mitigated_at, "to mitigate", ""),
        ("resolved", one.resolved_at, "to resolve", one.resolved_by),
    )
    return [
        Milestone(name="began", at=one.began_at),
        Milestone(
            name="detected",
            at=one.detected_at,
            measure="to detect",
            seconds=_between(one.began_at, one.detected_at),
        ),
        *(
            Milestone(name=name, at=at, measure=measure, seconds=_between(one.detected_at, at), who=who if at else "")
            for name, at, measure, who in steps
        ),
    ]  # fmt: skip


def means(incidents: Iterable[IncidentEntry]) -> list[tuple[str, float | None, int]]:
    """Mean seconds of each measure, and over how many incidents."""
    found: dict[str, list[float]] = {}
    for one in incidents:
        for step in milestones(one)[1:]:
            found.setdefault(step.measure, [])
            if step.seconds is not None:
                found[step.measure].append(step.seconds)
    return [(name, sum(values) / len(values) if values else None, len(values)) for name, values in found.items()]


def evidence_of(symptoms: Iterable[SymptomEntry]) -> list[Evidence]:
    """Symptoms, those that last first."""
    found = [
        Evidence(
            entry=one,
            facts=facts(one.evidence),
            run_id=_first(one.evidence, _RUN_NAMES),
            partition=_first(one.evidence, _PARTITION_NAMES),
        )
        for one in symptoms
    ]
    return sorted(found, key=lambda one: (one.entry.cleared_at is not None, one.entry.first_seen, one.entry.key))


def hits_of(platform: Platform, dataset: str, failing: set[str]) -> list[Hit]:
    """Everything downstream of the cause, the nearest first; none where it is no dataset of the catalog."""
    line = platform.metastore.catalog.reads.dataset(PLATFORM, name=dataset) if dataset else None
    if line is None:
        return []
    return [
        Hit(
            name=hit.dataset.name,
            namespace=hit.dataset.namespace,
            href=href_of(hit.dataset),
            owner=", ".join(hit.dataset.owners),
            tier=hit.dataset.tier,
            distance=hit.distance,
            is_failing=hit.dataset.name in failing,
        )
        for hit in impact_of(platform.metastore.catalog, Named(line)).hits
    ]


def changes_before(platform: Platform, dataset: str, until: datetime) -> list[Change]:
    """What was changed of a dataset until an incident was detected: its code, contract and schema, newest first."""
    if not dataset:
        return []
    found = [*version_changes(platform.metastore.runs.recent(dataset=dataset, limit=_RUNS))]
    found += [
        Change(at=at, dataset=dataset, what=what) for at, what in schema_changes(platform.metastore.catalog, dataset)
    ]
    return sorted((one for one in found if one.at <= until), key=lambda one: one.at, reverse=True)[:_CHANGES]


def version_changes(runs: Sequence[RunEntry]) -> Iterator[Change]:
    """Where a run had another code or contract than the one before; `runs` are the newest first."""
    for now, before in pairwise(runs):
        for name in ("code", "contract"):
            then, since = getattr(before, f"{name}_version"), getattr(now, f"{name}_version")
            if then and since and then != since:
                yield Change(at=now.started_at, dataset=now.dataset, what=f"{name} {then} → {since}")


def deliveries(notifications: Iterable[NotificationEntry]) -> list[Delivery]:
    """Notifications in the order in which they were queued."""
    return [_delivery(one) for one in notifications]


def untold(notifications: Iterable[NotificationEntry]) -> str:
    """Why nobody could be told of an incident; empty where somebody was, or may still be."""
    found = list(notifications)
    return found[0].error if found and not any(note.channel for note in found) else ""


def _delivery(one: NotificationEntry) -> Delivery:
    if one.delivered_at is not None:
        return Delivery(entry=one, state=f"delivered after {duration(one.delivered_at - one.created_at)}", tone="good")
    if one.next_attempt_at is None:
        return Delivery(entry=one, state="given up" if one.attempts else "nobody to send it to", tone="bad")
    if one.attempts:
        return Delivery(entry=one, state=f"failed {one.attempts} times, tried again", tone="warn")
    return Delivery(entry=one, state="waiting", tone="")


def _between(first: datetime, last: datetime | None) -> float | None:
    return None if last is None else (last - first).total_seconds()


def _first(evidence: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((str(evidence[name]) for name in names if evidence.get(name)), "")
