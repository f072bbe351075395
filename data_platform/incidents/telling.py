"""Whom a turn or a person's act tells what: notifications as they are queued. How they are sent is in `delivery`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from data_platform.incidents.routing import Routes
from data_platform.metastore.incidents import IncidentEntry
from data_platform.metastore.notifications import NotificationEntry

OPENED, RAISED, ESCALATED, RESOLVED = "opened", "raised", "escalated", "resolved"
NO_CHANNEL = "no channel: name one in routes.yaml (DATA_PLATFORM_ROUTES)"


def note_of(
    incident: IncidentEntry, kind: str, *, routes: Routes, at: datetime, recipient: str = ""
) -> NotificationEntry:
    """A notification to somebody, of the incident's recipient where nobody is named."""
    to = recipient or incident.recipient
    channel = next(iter(routes.channels_of(to)), "")
    return NotificationEntry(
        incident_id=incident.incident_id,
        kind=kind,
        channel=channel,
        recipient=to,
        severity=incident.severity.value,
        created_at=at,
        next_attempt_at=at if channel else None,
        error="" if channel else NO_CHANNEL,
    )


def endings(told: Sequence[NotificationEntry], incident: IncidentEntry, *, at: datetime) -> Iterator[NotificationEntry]:
    """That an incident is over, to everybody who was told anything about it since they were told so before: once
    through each channel, the one that took what they were told. `told` are its notifications so far.
    """
    last: dict[str, NotificationEntry] = {}
    for note in sorted(told, key=lambda one: (one.created_at, one.id or 0)):
        if note.kind == RESOLVED:
            told_end = (note.recipient, note.channel)
            last = {to: one for to, one in last.items() if to != told_end[0] and one.channel != told_end[1]}
        elif note.recipient not in last or note.delivered_at or not last[note.recipient].delivered_at:
            last[note.recipient] = note
    through = {note.channel or f"/{note.recipient}": note for note in reversed(last.values())}
    for note in reversed(through.values()):
        yield replace(
            note,
            id=None,
            kind=RESOLVED,
            severity=incident.severity.value,
            created_at=at,
            attempts=0,
            next_attempt_at=at if note.channel else None,
            delivered_at=None,
            error="" if note.channel else NO_CHANNEL,
        )
