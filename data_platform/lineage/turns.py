"""One process's turn at one sink: what is sent, what a failure means, how long to wait after it.

Who has a turn, and when, is in `delivery`.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from data_platform.clock import Clock
from data_platform.errors import PlatformError, RetryableError, SinkRefused, SinkUnavailable
from data_platform.lineage.sinks.protocol import Sink
from data_platform.metastore.engine import Metastore
from data_platform.metastore.lineage_sinks import RefusalEntry, SinkEntry
from data_platform.metastore.outbox import OutboxEntry

_CHUNK = 100
_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 120.0
_LONGEST_WISH_SECONDS = 600.0  # of a server that asks to be left alone
_LEAST_SECONDS = 0.1
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one sending did for one sink.

    Attributes:
        error: why it stopped before the end; empty where it did not.
        is_passed_over: nothing was tried: another process sends to it, or it is not yet time.
    """

    sink: str
    delivered: int = 0
    refused: int = 0
    error: str = ""
    is_passed_over: bool = False


@dataclass(slots=True, kw_only=True)
class Turn:
    """The right to send to one sink, while this process has it."""

    sink: Sink
    held: SinkEntry
    metastore: Metastore
    clock: Clock
    rng: random.Random
    round: Round = field(init=False)

    def __post_init__(self) -> None:
        self.round = Round(sink=self.sink.name)

    def send(self, limit: int, ends: float) -> None:
        """Sends from where the sink stands until nothing waits, something fails, or enough was done."""
        while (left := limit - self.round.delivered - self.round.refused) > 0 and time.monotonic() < ends:
            events = self.metastore.outbox.after(self.held.delivered_id, limit=min(_CHUNK, left))
            if not events or not self._sent(events, ends):
                return

    def retry(self, limit: int, ends: float) -> None:
        """Sends refused events again, one by one."""
        refusals = self.metastore.lineage_refusals
        for refusal in refusals.of(self.sink.name, limit=limit):
            if time.monotonic() >= ends:
                return
            try:
                self.sink.send([_entry(refusal)], within_seconds=max(_LEAST_SECONDS, ends - time.monotonic()))
            except SinkRefused as error:
                refusals.keep(replace(refusal, error=str(error), refused_at=self._now()))
                self.round = replace(self.round, refused=self.round.refused + 1)
            except PlatformError as error:
                self._note_failure(error)
                return
            else:
                refusals.forget(refusal)
                self.round = replace(self.round, delivered=self.round.delivered + 1)
                self._move(_healthy(self.held, self.held.delivered_id, taken=1, at=self._now()))

    def end(self) -> None:
        """Gives the right back."""
        self.metastore.lineage_sinks.release(self.held)

    def _sent(self, events: Sequence[OutboxEntry], ends: float) -> bool:
        """Whether it may go on after these events."""
        try:
            count = self.sink.send(events, within_seconds=max(_LEAST_SECONDS, ends - time.monotonic()))
            if not 1 <= count <= len(events):
                raise ValueError(f"{self.sink.name} took {count} of {len(events)} events")
        except SinkRefused as error:
            return self._note_refusal(events[0], error)
        except PlatformError as error:
            return self._note_failure(error)
        except Exception as error:  # noqa: BLE001 - one kind's fault must be seen, and wait like any other
            _log.exception("the lineage sink %s failed in an unexpected way", self.sink.name)
            return self._note_failure(RetryableError(f"unexpected {type(error).__name__}; see the log"))
        self.round = replace(self.round, delivered=self.round.delivered + count)
        return self._move(_healthy(self.held, events[count - 1].place, taken=count, at=self._now()))

    def _note_refusal(self, event: OutboxEntry, error: SinkRefused) -> bool:
        now = self._now()
        refusal = RefusalEntry(
            sink=self.sink.name,
            outbox_id=event.place,
            event_id=event.event_id,
            run_id=event.run_id,
            payload=event.payload,
            error=str(error),
            refused_at=now,
        )
        with self.metastore.transaction() as tx:
            moved = self.metastore.lineage_sinks.replace(
                self.held, _healthy(self.held, event.place, taken=0, at=self.held.delivered_at), tx=tx
            )
            if moved is None:
                return False
            self.metastore.lineage_refusals.keep(refusal, tx=tx)
        self.held = moved
        self.round = replace(self.round, refused=self.round.refused + 1)
        _log.warning("the lineage sink %s refused the event %s: %s", self.sink.name, event.event_id, error)
        return True

    def _note_failure(self, error: PlatformError) -> bool:
        now = self._now()
        attempts = self.held.attempts + 1
        wish = min(error.wait_seconds, _LONGEST_WISH_SECONDS) if isinstance(error, SinkUnavailable) else 0.0
        wait = max(_patience_seconds(attempts, self.rng), wish)
        self._move(
            replace(
                self.held,
                failing_since=self.held.failing_since or now,
                attempts=attempts,
                next_attempt_at=now + timedelta(seconds=wait),
                error=str(error),
            )
        )
        self.round = replace(self.round, error=str(error))
        return False

    def _move(self, entry: SinkEntry) -> bool:
        """Writes how the sink stands now; False where another process took over in the meantime."""
        moved = self.metastore.lineage_sinks.replace(self.held, entry)
        if moved is None:
            return False
        self.held = moved
        return True

    def _now(self) -> datetime:
        return self.clock.now()


def _healthy(held: SinkEntry, place: int, *, taken: int, at: datetime | None) -> SinkEntry:
    return replace(
        held,
        delivered_id=place,
        delivered=held.delivered + taken,
        delivered_at=at,
        failing_since=None,
        attempts=0,
        next_attempt_at=None,
        error="",
    )


def _entry(refusal: RefusalEntry) -> OutboxEntry:
    return OutboxEntry(
        event_id=refusal.event_id,
        run_id=refusal.run_id,
        created_at=refusal.refused_at,
        payload=refusal.payload,
        id=refusal.outbox_id,
    )


def _patience_seconds(attempts: int, rng: random.Random) -> float:
    """Twice as long after each failure, up to two minutes; less a random part, so that senders do not march in step."""
    longest: float = min(_FIRST_WAIT_SECONDS * 2 ** min(attempts - 1, 20), _LONGEST_WAIT_SECONDS)
    return longest * rng.uniform(0.5, 1.0)
