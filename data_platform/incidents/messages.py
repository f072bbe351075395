"""What a notification says: for programs as JSON, for people as a few lines that end with what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from data_platform.incidents.channels.protocol import Message
from data_platform.incidents.dossier import failing_run
from data_platform.incidents.telling import ESCALATED, RAISED, RESOLVED
from data_platform.metastore.engine import Metastore
from data_platform.metastore.incident_tables import IncidentSeverity
from data_platform.metastore.incidents import IncidentEntry
from data_platform.metastore.notifications import NotificationEntry
from data_platform.metastore.symptoms import SymptomEntry
from data_platform.observability.tracing.context import trace_id_of

_MOST_SYMPTOMS = 20


def message_of(metastore: Metastore, note: NotificationEntry, traceparent: Callable[[str], str]) -> Message:
    """A notification as it is sent now."""
    store = metastore.operations
    incident = store.incidents.get(note.incident_id)
    if incident is None:
        return Message(key=_key(note), title=note.incident_id, text="forgotten", is_page=False, body={})
    symptoms = store.symptoms.of([note.incident_id])
    run_id = failing_run(incident, symptoms)
    parent = traceparent(run_id) if run_id else ""
    why = _why_raised(metastore, note)
    return Message(
        # an escalation or an end after a reopening is another message than the one before
        key=_key(note) + (f"/{incident.reopened}" if incident.reopened and note.kind in (ESCALATED, RESOLVED) else ""),
        title=f"[{note.severity}] {note.kind}: {incident.title}",
        text="\n".join(
            [
                *([why] if why else []),
                *_lines(incident, symptoms),
                *([f"trace: data-platform trace {run_id}"] if parent else []),
            ]
        ),
        is_page=incident.severity is IncidentSeverity.PAGE,
        body={**_body(incident, note, symptoms), "why": why, "run_id": run_id, "trace_id": trace_id_of(parent)},
        traceparent=parent,
    )


def _why_raised(metastore: Metastore, note: NotificationEntry) -> str:
    """What the history says of a raise: by what, and whose acknowledgement ended with it; empty for another kind."""
    if note.kind != RAISED:
        return ""
    lines = metastore.operations.incident_events.of(note.incident_id)
    return next((line.detail for line in reversed(lines) if line.kind == RAISED), "")


def _key(note: NotificationEntry) -> str:
    return f"{note.incident_id}/{note.kind}/{note.severity}/{note.channel}"


def _body(incident: IncidentEntry, note: NotificationEntry, symptoms: tuple[SymptomEntry, ...]) -> dict[str, Any]:
    lasting = [one for one in symptoms if one.cleared_at is None]
    return {
        "incident_id": incident.incident_id,
        "kind": note.kind,
        "severity": note.severity,
        "state": incident.state.value,
        "alert": incident.alert,
        "title": incident.title,
        "cause": incident.cause,
        "dataset": incident.dataset,
        "domain": incident.domain,
        "owner": incident.owner,
        "recipient": note.recipient,
        "began_at": incident.began_at,
        "detected_at": incident.detected_at,
        "resolved_at": incident.resolved_at,
        "ended": incident.detail.get("ended", ""),
        "symptoms": len(symptoms),
        "lasting": [
            {"alert": one.alert, "subject": one.subject, "evidence": dict(one.evidence)}
            for one in lasting[:_MOST_SYMPTOMS]
        ],
        "blast_radius": _short(incident.detail.get("blast_radius", {})),
        "changes": incident.detail.get("changes", []),
        "runbook": incident.detail.get("runbook", ""),
        "links": incident.detail.get("links", {}),
        "on_duty": incident.detail.get("on_duty", ""),
    }


def _short(radius: Any) -> dict[str, Any]:
    return {**radius, "datasets": list(radius.get("datasets", ()))[:_MOST_SYMPTOMS]}


def _lines(incident: IncidentEntry, symptoms: tuple[SymptomEntry, ...]) -> list[str]:
    radius = incident.detail.get("blast_radius", {})
    ended = incident.detail.get("ended")
    lines = [
        f"{incident.incident_id}: {incident.title} ({incident.alert}, {incident.state.value})",
        f"began {incident.began_at:%Y-%m-%d %H:%M} UTC; {len(symptoms)} symptoms; owner {incident.owner or 'nobody'}",
    ]
    if ended:
        lines.append(str(ended))
    if radius.get("count"):
        lines.append(f"hits {radius['count']} datasets of {', '.join(radius.get('owners', ())) or 'nobody'}")
    for one in symptoms[:3]:
        said = one.evidence.get("error") or one.evidence.get("detail") or ""
        lines.append(f"- {one.alert} of {one.subject} {said}".rstrip())
    lines += [
        f"runbook: data-platform runbook show {incident.alert}",
        f"take it: data-platform incident ack {incident.incident_id}",
        str(incident.detail.get("links", {}).get("incident", "")),
    ]
    return [line for line in lines if line]
