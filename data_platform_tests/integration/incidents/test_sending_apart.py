"""Sending beside the watch: however slow a channel is, turns go on, and each incident's story is told in its order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from data_platform.clock import ManualClock
from data_platform.incidents import delivery
from data_platform.incidents.channels.protocol import Message
from data_platform.incidents.channels.recording import Recording
from data_platform.incidents.watch import Dispatcher, Tick, Watch, Watchman
from data_platform.metastore.engine import Metastore
from data_platform_tests.integration.incidents.test_delivery import deliverer, queue
from data_platform_tests.integration.incidents.test_watch import breach, watch_of
from data_platform_tests.integration.incidents.webhooks import Received

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
TURNS = 3


@dataclass
class Slow:
    """A channel that takes nothing until it is let go."""

    asked: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)
    taken: list[str] = field(default_factory=list)

    def send(self, message: Message) -> None:
        self.asked.set()
        self.let_go.wait(30)
        self.taken.append(message.key)


@dataclass
class Apart:
    """A watch that leaves sending to a dispatcher."""

    watch: Watch

    def tick(self, *, every_seconds: float, is_urgent: bool) -> Tick:
        return self.watch.tick(every_seconds=every_seconds, is_urgent=is_urgent, sends=False)


def test_turns_go_on_while_a_channel_does_not_answer(metastore: Metastore, hook: Received) -> None:
    slow, turns, enough = Slow(), [0], threading.Event()

    def turned(_now: datetime) -> None:
        turns[0] += slow.asked.is_set()
        if turns[0] >= TURNS:
            enough.set()

    breach(metastore)
    watch = watch_of(metastore, ManualClock(NOON), hook, stages={"told": turned})
    watch.deliverer.senders["h"] = slow
    with Watchman(Apart(watch), every_seconds=0.05), Dispatcher(lambda: watch, every_seconds=0.05):
        is_turning = enough.wait(20)
        slow.let_go.set()
    assert is_turning
    assert len(slow.taken) == 1
    assert hook.calls >= 1  # the dead man's switch, from the dispatcher's rounds


def test_the_lease_is_given_back_before_anything_is_sent(metastore: Metastore, hook: Received) -> None:
    held, seen = [False], list[bool]()

    @contextmanager
    def lease() -> Iterator[None]:
        held[0] = True
        yield
        held[0] = False

    class Looking(Recording):
        def send(self, message: Message) -> None:
            seen.append(held[0])

    breach(metastore)
    watch = replace(watch_of(metastore, ManualClock(NOON), hook), lease=lease)
    watch.deliverer.senders["h"] = Looking()
    assert watch.tick().sent == {"delivered": 1, "failed": 0}
    assert seen == [False]


def test_what_happened_first_is_told_first_even_where_it_was_not_taken_at_once(metastore: Metastore) -> None:
    clock, channel = ManualClock(NOON), Recording(is_down=True)
    opened = queue(metastore)
    sends = deliverer(metastore, clock, first={"webhook": "http://127.0.0.1:9"})
    sends.senders["first"] = channel
    assert sends.once(NOON) == {"delivered": 0, "failed": 1}
    for minute, kind in ((1, "raised"), (2, "resolved")):
        at = NOON + timedelta(seconds=minute)
        metastore.operations.notifications.queue([replace(opened, kind=kind, created_at=at, next_attempt_at=at)])
    channel.is_down = False
    assert sends.once(NOON + timedelta(seconds=3)) == {"delivered": 0, "failed": 0}  # the first waits for its time
    assert sends.once(NOON + timedelta(minutes=1)) == {"delivered": 3, "failed": 0}
    assert [message.body["kind"] for message in channel.messages] == ["opened", "raised", "resolved"]


def test_what_a_second_channel_takes_over_keeps_its_place(metastore: Metastore) -> None:
    clock, first, second = ManualClock(NOON), Recording(is_down=True), Recording()
    opened = queue(metastore)
    sends = deliverer(metastore, clock, first={"webhook": "http://a"}, second={"webhook": "http://b"})
    sends.senders.update({"first": first, "second": second})
    later = NOON + timedelta(seconds=1)
    metastore.operations.notifications.queue(
        [replace(opened, kind="resolved", channel="second", created_at=later, next_attempt_at=later)]
    )
    for minute in range(4):
        sends.once(NOON + timedelta(minutes=minute))
    assert [message.body["kind"] for message in second.messages] == ["opened", "resolved"]


def test_a_channel_that_gives_no_answer_is_asked_once_in_a_round(
    metastore: Metastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_ATTEMPT_SECONDS", 0.05)
    monkeypatch.setattr(delivery, "_SLOW_SECONDS", 0.05)
    slow = Slow()
    for number in range(5):
        queue(metastore, number=number)
    queue(metastore, number=9, channel="other")
    sends = deliverer(metastore, ManualClock(NOON), first={"webhook": "http://a"}, other={"webhook": "http://b"})
    sends.senders.update({"first": slow, "other": Recording()})
    assert sends.once(NOON) == {"delivered": 1, "failed": 1}
    slow.let_go.set()


def test_a_switch_that_is_not_answered_is_told_and_called_again_after_the_next_good_turn(
    metastore: Metastore, hook: Received
) -> None:
    clock = ManualClock(NOON)
    watch = watch_of(metastore, clock, hook)
    hook.answer = 500
    assert watch.tick().failed == {"heartbeat": "ChannelFailed"}
    clock.advance(timedelta(minutes=1))
    watch.tick()
    clock.advance(timedelta(minutes=1))
    watch.tick()
    assert hook.calls == TURNS + 1  # and one attempt to tell of it
    causes = [one.cause for one in metastore.operations.incidents.recent()]
    assert causes == ["watch/heartbeat"]
    beat = metastore.operations.component_beats.of("watch")
    assert beat is not None
    assert beat.detail == "heartbeat: ChannelFailed"
