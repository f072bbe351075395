"""Everything that is known about one incident, and the run behind it: from the page to its log and its trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from data_platform.metastore.engine import Metastore
from data_platform.metastore.incidents import IncidentEntry
from data_platform.metastore.symptoms import SymptomEntry
from data_platform.observability.tracing.finding import trace_id_of_run

_OF_RUNS = ("run_failed", "run_blocked", "data_loss")  # a run that waits in a queue explains nothing


def dossier(metastore: Metastore, incident: IncidentEntry) -> Mapping[str, Any]:
    """The incident with the failing run and its trace, its symptoms, its history and who was told.

    Raises:
        RetryableError: the metastore did not answer.
    """
    store, ids = metastore.operations, [incident.incident_id]
    symptoms = store.symptoms.of(ids)
    run_id = failing_run(incident, symptoms)
    return {
        "incident": asdict(incident),
        "run_id": run_id,
        "trace_id": trace_id_of_run(metastore, run_id) if run_id else "",
        "symptoms": symptoms,
        "history": store.incident_events.of(incident.incident_id),
        "notifications": store.notifications.of(ids),
    }


def failing_run(incident: IncidentEntry, symptoms: Sequence[SymptomEntry]) -> str:
    """The id of the run that failed at the cause, else of the first that failed because of it; empty where none did."""
    known = [one for one in symptoms if one.alert in _OF_RUNS and one.evidence.get("run_id")]
    order = sorted(known, key=lambda one: (one.dataset != incident.dataset, one.cleared_at is not None, one.first_seen))
    return str(order[0].evidence["run_id"]) if order else ""
