"""Sends what is queued: with retries, through a second channel when the first does not take it. At least once; every
message carries a key by which a receiver knows a repeat, and of two processes only one makes an attempt.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from data_platform.incidents.breakers import BreakerOpen, Breakers
from data_platform.incidents.channels.kinds import open_channel
from data_platform.incidents.channels.protocol import ChannelFailed, Message, Sender
from data_platform.incidents.messages import message_of
from data_platform.incidents.routing import Routes
from data_platform.metastore.automatic_acts import ActEntry
from data_platform.metastore.engine import Metastore
from data_platform.metastore.notifications import LONGEST_WAIT, NotificationEntry
from data_platform.observability.logs.logger import get_logger

ATTEMPTS = 3  # through one channel, before the next one is used
_FIRST_WAIT = timedelta(seconds=10)
_CLAIM = timedelta(seconds=60)  # longer than any attempt takes
_ATTEMPT_SECONDS = 10.0
_LEAST_SECONDS = 1.0  # in less nobody can be expected to answer
_SLOW_SECONDS = 1.0  # a failure that takes so long holds up the others
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliverer:
    """Sends notifications.

    Attributes:
        traceparent: of a run, where its trace is known.
        senders: made when first needed; a test may give its own.
    """

    metastore: Metastore
    routes: Routes
    breakers: Breakers
    traceparent: Callable[[str], str] = lambda _run_id: ""
    senders: dict[str, Sender] = field(default_factory=dict)

    def once(self, now: datetime, *, within_seconds: float = 20.0) -> Mapping[str, int]:
        """Makes one attempt for everything that is due, as far as the time goes; counts by outcome.

        What one incident has to tell one recipient goes out in order: the next is due when the one before was taken. A
        channel that gave no answer in time is asked nothing more in this call.
        """
        ends = time.monotonic() + within_seconds
        counts, slow = {"delivered": 0, "failed": 0}, set[str]()
        self._take_over(now)
        while True:
            found = [one for one in self.metastore.operations.notifications.due(now) if one.channel not in slow]
            claimed = 0
            for note in found:
                left = ends - time.monotonic()
                if left < _LEAST_SECONDS:
                    return counts
                if note.channel in slow or not self.metastore.operations.notifications.claim(note, until=now + _CLAIM):
                    continue
                claimed += 1
                began = time.monotonic()
                is_taken = self._attempt(note, now, within_seconds=min(left, _ATTEMPT_SECONDS))
                counts["delivered" if is_taken else "failed"] += 1
                if not is_taken and time.monotonic() - began >= _SLOW_SECONDS:
                    slow.add(note.channel)
            if not claimed:
                return counts

    def _take_over(self, now: datetime) -> None:
        """What a process that was given no routes had found first, as a console beside the watch may be."""
        for note in self.metastore.operations.notifications.without_channel():
            channel = next(iter(self.routes.channels_of(note.recipient)), None)
            if channel is not None:
                self.metastore.operations.notifications.hand_over(note, channel, at=now)

    def _attempt(self, note: NotificationEntry, now: datetime, *, within_seconds: float) -> bool:
        notifications = self.metastore.operations.notifications
        try:
            message = message_of(self.metastore, note, self.traceparent)
            with self.breakers.guarding(f"channel/{note.channel}"):
                _bounded(self._sender(note.channel), message, within_seconds)
        except BreakerOpen:
            self._failed(note, now, "the channel is left alone after many failures", is_hopeless=True)
        except ChannelFailed as error:
            self._failed(note, now, str(error), is_hopeless=note.attempts + 1 >= ATTEMPTS)
        else:
            notifications.delivered(note, at=now)
            self.metastore.operations.incidents.notified(note.incident_id, at=now)
            return True
        return False

    def _failed(self, note: NotificationEntry, now: datetime, why: str, *, is_hopeless: bool) -> None:
        following = self._following(note)
        _log.warning("a notification was not taken", channel=note.channel, incident=note.incident_id, why=why)
        notifications = self.metastore.operations.notifications
        if not is_hopeless or following is None:
            wait = min(_FIRST_WAIT * 2 ** min(note.attempts, 12), LONGEST_WAIT)
            notifications.failed(note, error=why, next_at=now + wait)
            return
        other = replace(note, id=None, channel=following, attempts=0, next_attempt_at=now, error="")
        act = ActEntry(
            at=now,
            kind="second_channel",
            subject=note.incident_id,
            outcome=following,
            detail=f"{note.kind}: {note.channel} did not take it ({why})",
        )
        with self.metastore.transaction() as tx:
            notifications.failed(note, error=f"{why}; handed to {following}", next_at=None, tx=tx)
            notifications.queue([other], tx=tx)
            self.metastore.operations.automatic_acts.append(act, tx=tx)

    def _following(self, note: NotificationEntry) -> str | None:
        channels = list(self.routes.channels_of(note.recipient))
        after = channels[channels.index(note.channel) + 1 :] if note.channel in channels else channels
        return next((channel for channel in after if channel != note.channel), None)

    def _sender(self, name: str) -> Sender:
        if name not in self.senders:
            if name not in self.routes.channels:
                raise ChannelFailed("routes.yaml names no such channel any more")
            self.senders[name] = open_channel(self.routes.channels[name])
        return self.senders[name]


def _bounded(sender: Sender, message: Message, within_seconds: float) -> None:
    """Sends from a thread of its own: a channel that hangs must not hold up the watch."""
    ended: list[ChannelFailed | None] = []

    def send() -> None:
        try:
            sender.send(message)
            ended.append(None)
        except ChannelFailed as error:
            ended.append(error)
        except Exception as error:  # noqa: BLE001 - whatever a service's client raises; its text may hold an address
            ended.append(ChannelFailed(type(error).__name__))

    thread = threading.Thread(target=send, name="notification", daemon=True)
    thread.start()
    thread.join(within_seconds)
    if not ended:
        raise ChannelFailed("no answer in time")
    if ended[0] is not None:
        raise ended[0]
