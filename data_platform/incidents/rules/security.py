"""What was done that nobody may do. A refusal is the policy at work, and no breach."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from data_platform.incidents.model import Alert, Symptom
from data_platform.incidents.rules.facts import Facts
from data_platform.metastore.security_events import SecurityEvent

ALERTS = (Alert.SECURITY_BREACH,)
HARMLESS = ("access_refused",)
_LOOK_BACK = timedelta(days=7)  # until then a person has to have resolved it


def symptoms(facts: Facts) -> Iterator[Symptom]:
    """One for each subject; it lasts until a person has resolved it."""
    newest: dict[str, list[SecurityEvent]] = {}
    for event in facts.metastore.operations.security_events.since(facts.now - _LOOK_BACK):
        if event.kind not in HARMLESS:
            newest.setdefault(event.subject, []).append(event)
    for subject, events in newest.items():
        last = events[-1]
        yield facts.page(
            Alert.SECURITY_BREACH,
            subject,
            since=last.at,
            dataset=subject if subject in facts.estate.datasets else "",
            is_event=True,
            evidence={"kind": last.kind, "who": last.who, "detail": last.detail, "events": len(events)},
        )
