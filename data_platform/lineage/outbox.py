"""An event as a line of the outbox, to be committed with the ledger. The queue itself is in `metastore.outbox`."""

from __future__ import annotations

from datetime import datetime

from openlineage.client.event_v2 import RunEvent

from data_platform.lineage.events import to_json
from data_platform.lineage.facts import RunFacts
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
