"""An event as a line of the outbox, to be committed with the ledger. The queue itself is in `metastore.outbox`."""

from __future__ import annotations

from datetime import datetime

from openlineage.client.event_v2 import DatasetEvent, JobEvent, RunEvent

from data_platform.lineage.event_text import to_json
from data_platform.lineage.events import dataset_event_id, job_event_id
from data_platform.lineage.facts import DatasetFacts, RunFacts
from data_platform.metastore.outbox import OutboxEntry


def outbox_entry(run: RunFacts, event: RunEvent, *, at: datetime) -> OutboxEntry:
    """The event of `run`, queued at `at`; the same event again is the same line.

    Raises:
        ValueError: the event has no type.
    """
    if event.eventType is None:
        raise ValueError(f"an event of {run.job} has no type")
    return OutboxEntry(
        event_id=run.event_id(event.eventType.value),
        run_id=run.run_id,
        created_at=at,
        payload=to_json(event),
    )


def dataset_entry(dataset: DatasetFacts, event: DatasetEvent, *, at: datetime) -> OutboxEntry:
    """The event about `dataset`, of no run."""
    return OutboxEntry(event_id=dataset_event_id(dataset), run_id="", created_at=at, payload=to_json(event))


def job_entry(job: RunFacts, event: JobEvent, *, at: datetime) -> OutboxEntry:
    """The event about `job`, of no run."""
    return OutboxEntry(event_id=job_event_id(job), run_id="", created_at=at, payload=to_json(event))
