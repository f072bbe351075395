"""What was done that nobody may do. A refusal is the policy at work, and no breach."""

from __future__ import annotations

from collections.abc import Iterator

from data_platform.incidents.model import Alert, Symptom
from data_platform.incidents.rules.facts import Facts
from data_platform.metastore.security_events import SecurityEvent

ALERTS = (Alert.SECURITY_BREACH,)
HARMLESS = ("access_refused",)


def symptoms(facts: Facts) -> Iterator[Symptom]:
    """One for each subject. Nothing mends a breach: it lasts until a person resolves it, however old it grows."""
    newest: dict[str, list[SecurityEvent]] = {}
    for event in facts.metastore.operations.security_events.since(facts.since):
        if event.kind not in HARMLESS:
            newest.setdefault(event.subject, []).append(event)
    for subject, events in newest.items():
        last = events[-1]
        yield facts.page(
            Alert.SECURITY_BREACH,
            subject,
            since=last.at,
            dataset=subject if subject in facts.estate.datasets else "",
            marks={"event": max(event.id or 0 for event in events)},
            evidence={"kind": last.kind, "who": last.who, "detail": last.detail, "events": len(events)},
        )
    for subject, held in facts.held_of(Alert.SECURITY_BREACH).items():
        if subject not in newest:
            yield facts.page(
                Alert.SECURITY_BREACH,
                subject,
                since=held.began_at,
                dataset=held.dataset,
                marks=held.marks,
                evidence=held.evidence,
            )
