"""Sends the outbox to every sink: each at its own pace, in the order of the outbox, until it has everything.

How far a sink is stands in the metastore, so any process goes on where another stopped; one at a time sends to a sink.
Events come at least once; the catalog and the file hold each once. Runs only append to the outbox and never wait here.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from data_platform.clock import Clock
from data_platform.errors import PlatformError
from data_platform.lineage.sinks.protocol import Sink
from data_platform.lineage.turns import Round, Turn
from data_platform.metastore.engine import Metastore
from data_platform.metastore.lineage_sinks import Claim, SinkEntry
from data_platform.metastore.outbox import Backlog

PATIENCE_SECONDS = 20.0
_LONGEST_PATIENCE_SECONDS = 40.0
_CLAIM = timedelta(seconds=90)  # longer than anybody sends to a sink at a stretch
_LAST_SECONDS = 3.0  # before the metastore is closed under a transaction that goes on
_GRACE_SECONDS = 1.0  # for what ends in time but has to be written down
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a sink stands."""

    entry: SinkEntry
    backlog: Backlog
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bounds:
    """How much one sending may do for each sink, and when it has to end on the machine's own clock."""

    limit: int
    ends: float
    is_urgent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The sinks of the settings, and how far each is.

    Attributes:
        name: of this process among those that send; no two have the same.
        rng: spreads attempts.
    """

    sinks: Sequence[Sink]
    metastore: Metastore
    clock: Clock
    name: str
    rng: random.Random = field(default_factory=random.Random)
    _left_alone: list[threading.Thread] = field(default_factory=list)

    def once(
        self, limit: int = 1000, *, within_seconds: float = PATIENCE_SECONDS, is_urgent: bool = False
    ) -> tuple[Round, ...]:
        """Sends what waits, to all sinks at once, and returns in time; what was not sent comes next time.

        Args:
            limit: how many events for each sink.
            within_seconds: how long, whatever the sinks do; at most 40.
            is_urgent: tries sinks that failed a moment ago too.

        Returns:
            what was done for each sink that had something waiting.

        Raises:
            RetryableError: the metastore did not answer.
        """
        bounds = _bounds(limit, within_seconds, is_urgent=is_urgent)
        self._register()
        newest = self.metastore.outbox.newest()
        entries = {entry.sink: entry for entry in self._entries()}
        waiting = [sink for sink in self.sinks if entries[sink.name].delivered_id < newest]
        ready = [sink for sink in waiting if is_urgent or self._is_time(entries[sink.name])]
        passed_over = [Round(sink=sink.name, is_passed_over=True) for sink in waiting if sink not in ready]
        rounds = (*self._together(ready, bounds), *passed_over)
        if any(each.delivered or each.refused for each in rounds):
            self.settle()
        return rounds

    def drain(self) -> tuple[Round, ...]:
        """Sends until every sink has everything or stops taking; one sum for each sink that had something waiting."""
        sums: dict[str, Round] = {}
        while rounds := self.once(is_urgent=True):
            for each in rounds:
                sums[each.sink] = _sum(sums.get(each.sink), each)
            if not any(each.delivered or each.refused for each in rounds):
                break
        return tuple(sums.values())

    def retry_refused(self, limit: int = 1000) -> tuple[Round, ...]:
        """Sends again what sinks refused. What is taken now is no longer kept; it comes after later events."""
        self._register()
        refusing = [sink for sink in self.sinks if self.metastore.lineage_refusals.count(sink.name)]
        return tuple(self._retried(sink, _bounds(limit, PATIENCE_SECONDS, is_urgent=True)) for sink in refusing)

    def standings(self) -> tuple[Standing, ...]:
        """Where each sink stands, in the order of the settings."""
        self._register()
        entries = {entry.sink: entry for entry in self._entries()}
        return tuple(self._standing(entries[sink.name]) for sink in self.sinks)

    def settle(self) -> None:
        """Notes which events every sink has, so that they may be pruned."""
        self._register()
        place = min((entry.delivered_id for entry in self._entries()), default=0)
        unsent = self.metastore.outbox.pending(limit=1)
        if unsent and unsent[0].place <= place:
            self.metastore.outbox.mark_sent(place, at=self.clock.now())

    def close(self) -> None:
        """Closes the sinks, after what was left alone had a little more time."""
        ends = time.monotonic() + _LAST_SECONDS
        for thread in self._left_alone:
            thread.join(max(0.0, ends - time.monotonic()))
        for sink in self.sinks:
            sink.close()

    def _register(self) -> None:
        known = {entry.sink for entry in self._entries()}
        new = [sink.name for sink in self.sinks if sink.name not in known]
        if new:
            with self.metastore.transaction() as tx:
                self.metastore.lineage_sinks.register(new, tx=tx)
                self.metastore.outbox.mark_unsent(tx=tx)
                if [entry.place for entry in self.metastore.outbox.after(0, limit=1, tx=tx)] != [1]:
                    self.metastore.lineage_told.tell_again(tx=tx)  # the first events are forgotten

    def _is_time(self, entry: SinkEntry) -> bool:
        return entry.next_attempt_at is None or entry.next_attempt_at <= self.clock.now()

    def _entries(self) -> tuple[SinkEntry, ...]:
        return self.metastore.lineage_sinks.of(sink.name for sink in self.sinks)

    def _standing(self, entry: SinkEntry) -> Standing:
        return Standing(
            entry=entry,
            backlog=self.metastore.outbox.backlog(entry.delivered_id),
            refused=self.metastore.lineage_refusals.count(entry.sink),
        )

    def _together(self, sinks: Sequence[Sink], bounds: _Bounds) -> tuple[Round, ...]:
        """A thread for each sink, so that none waits for another; a thread that does not end in time is left alone."""
        done: dict[str, Round] = {}

        def serve(sink: Sink) -> None:
            done[sink.name] = self._serve(sink, bounds)

        threads = [threading.Thread(target=serve, args=(s,), name=f"lineage-{s.name}", daemon=True) for s in sinks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, bounds.ends + _GRACE_SECONDS - time.monotonic()))
        self._left_alone[:] = [thread for thread in (*self._left_alone, *threads) if thread.is_alive()]
        late = "it did not end in time, and is left to its thread"
        return tuple(done.get(sink.name, Round(sink=sink.name, error=late)) for sink in sinks)

    def _serve(self, sink: Sink, bounds: _Bounds) -> Round:
        """One sink's share of what waits; called in a thread of its own."""
        return self._in_turn(sink, lambda turn: turn.send(bounds.limit, bounds.ends), is_urgent=bounds.is_urgent)

    def _in_turn(self, sink: Sink, work: Callable[[Turn], None], *, is_urgent: bool) -> Round:
        """Work at one sink, from claim to release. The edge of it: whatever goes wrong is told, not raised."""
        turn: Turn | None = None
        try:
            turn = self._turn(sink, is_urgent=is_urgent)
            if turn is None:
                return Round(sink=sink.name, is_passed_over=True)
            try:
                work(turn)
            finally:
                turn.end()
            return turn.round
        except PlatformError as error:  # the metastore did not answer: a claim ends by itself
            _log.warning("lineage could not be sent to %s: %s", sink.name, error)
            return replace(turn.round if turn else Round(sink=sink.name), error=str(error))
        except Exception as error:  # noqa: BLE001 - the edge
            _log.exception("the lineage sink %s failed in an unexpected way", sink.name)
            return replace(turn.round if turn else Round(sink=sink.name), error=f"unexpected {type(error).__name__}")

    def _turn(self, sink: Sink, *, is_urgent: bool) -> Turn | None:
        now = self.clock.now()
        claim = Claim(by=self.name, at=now, until=now + _CLAIM, is_urgent=is_urgent)
        held = self.metastore.lineage_sinks.claim(sink.name, claim)
        if held is None:
            return None
        return Turn(sink=sink, held=held, metastore=self.metastore, clock=self.clock, rng=self.rng)

    def _retried(self, sink: Sink, bounds: _Bounds) -> Round:
        return self._in_turn(sink, lambda turn: turn.retry(bounds.limit, bounds.ends), is_urgent=bounds.is_urgent)


def _sum(before: Round | None, new: Round) -> Round:
    if before is None:
        return new
    return replace(new, delivered=before.delivered + new.delivered, refused=before.refused + new.refused)


def _bounds(limit: int, within_seconds: float, *, is_urgent: bool) -> _Bounds:
    if not 0 < within_seconds <= _LONGEST_PATIENCE_SECONDS:
        raise ValueError(f"a sending takes up to {_LONGEST_PATIENCE_SECONDS:.0f} s; send again for more")
    return _Bounds(limit=limit, ends=time.monotonic() + within_seconds, is_urgent=is_urgent)
