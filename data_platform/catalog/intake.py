"""Takes OpenLineage events of any producer into the catalog: all or none of a batch, repeats change nothing, and any
order of events ends the same. A text that is no event is kept among the refused with what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from data_platform.catalog.event import Event, Refused, Taken
from data_platform.catalog.gathering import gather
from data_platform.catalog.reading import read_event
from data_platform.catalog.settling import Settling
from data_platform.clock import Clock
from data_platform.metastore.catalog import CatalogStore
from data_platform.metastore.catalog_events import EventLine, RefusedLine
from data_platform.metastore.column_types import storable
from data_platform.metastore.database import Transaction

BATCH = 500  # events a transaction
AHEAD = timedelta(days=1)  # how far the clock of a producer may be ahead
BATCH_CHARACTERS = 16 << 20  # of their texts: the memory of a batch is bounded by both


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """The door of the catalog."""

    store: CatalogStore
    clock: Clock

    def take(self, payloads: Sequence[str]) -> tuple[Taken | Refused, ...]:
        """Takes events, each a JSON text; the answers stand in the order of the events.

        Raises:
            RetryableError: the database did not answer; batches before that are taken, and taking them again is safe.
        """
        answers: list[Taken | Refused] = []
        while len(answers) < len(payloads):
            batch = _batch(payloads, len(answers))
            answers.extend(self._take(batch, [read_event(payload) for payload in batch]))
        return tuple(answers)

    def refusals(self, payloads: Sequence[str]) -> tuple[str, ...]:
        """Takes events as `take` does; says of each why it is refused, and nothing of those that are taken."""
        answers = self.take(payloads)
        return tuple(
            f"{one.pointer}: {one.message}".removeprefix(": ") if isinstance(one, Refused) else "" for one in answers
        )

    def _take(self, payloads: Sequence[str], read: Sequence[Event | Refused]) -> list[Taken | Refused]:
        now = self.clock.now()
        read = [_timely(one, now) for one in read]
        events = [one for one in read if isinstance(one, Event)]
        answers: list[Taken | Refused] = []
        with self.store.taking() as tx:
            known = set(self.store.events.known({event.event_id for event in events}, tx=tx))
            fresh: list[Event] = []
            for one in read:
                if isinstance(one, Refused):
                    answers.append(one)
                    continue
                is_repeat = one.event_id in known
                answers.append(Taken(event_id=one.event_id, is_repeat=is_repeat))
                if not is_repeat:
                    known.add(one.event_id)
                    fresh.append(one)
            self._keep(fresh, now, tx)
            bad = [(text, one) for text, one in zip(payloads, read, strict=True) if isinstance(one, Refused)]
            self.store.events.refuse([_refused(text, one, now) for text, one in bad], tx=tx)
        return answers

    def _keep(self, events: Sequence[Event], now: datetime, tx: Transaction) -> None:
        if events:
            self.store.events.append([_line(event, now) for event in events], tx=tx)
            Settling(self.store, gather(events), tx).settle()


def _batch(payloads: Sequence[str], start: int) -> Sequence[str]:
    end, characters = start, 0
    while end < len(payloads) and end - start < BATCH and (end == start or characters < BATCH_CHARACTERS):
        characters += len(payloads[end])
        end += 1
    return payloads[start:end]


def _timely(one: Event | Refused, now: datetime) -> Event | Refused:
    # the newest fact wins: an event of the year 9999 would win for ever
    if isinstance(one, Refused) or one.at <= now + AHEAD:
        return one
    message = f"{one.at.isoformat()} is more than a day ahead of {now.isoformat()}; set the producer's clock"
    return Refused(code="IN_FUTURE", pointer="/eventTime", message=message)


def _line(event: Event, now: datetime) -> EventLine:
    has_job = event.kind != "dataset"
    return EventLine(
        event_id=event.event_id,
        kind=event.kind,
        event_type=event.event_type,
        event_time=event.at,
        run_id=event.run_id,
        job_namespace=event.job[0] if has_job else None,
        job_name=event.job[1] if has_job else None,
        producer=event.producer,
        received_at=now,
        payload=event.payload,
    )


def _refused(payload: str, fault: Refused, now: datetime) -> RefusedLine:
    return RefusedLine(
        received_at=now,
        error=fault.code,
        pointer=storable(fault.pointer),
        detail=storable(fault.message),
        payload=payload,
    )
