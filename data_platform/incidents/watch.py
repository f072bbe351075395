"""One turn of the watch: measure, judge, find symptoms, keep incidents, beat, and then send. No stage keeps the next
from its turn, and one that fails is itself a symptom. What is sent holds up no turn: it goes out after the lease is
given back, in processes that last from rounds of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from data_platform.clock import Clock
from data_platform.incidents.delivery import Deliverer
from data_platform.incidents.engine import Engine
from data_platform.incidents.routing import Routes
from data_platform.incidents.rules.all import look, told
from data_platform.incidents.rules.facts import Facts, Outside
from data_platform.metastore.component_beats import WATCH, ComponentBeat
from data_platform.metastore.engine import Metastore
from data_platform.metastore.instances import this_instance
from data_platform.observability.logs.logger import get_logger
from data_platform.rounds import Rounds

EVERY_SECONDS = 15.0
SENT_EVERY_SECONDS = 5.0
_SENDING_SECONDS = 10.0  # of one turn that sends itself
_LATE = ("delivery", "heartbeat")
_LAST_TURN_SECONDS = 60.0  # so long a process that is told to stop waits for it
_log = get_logger(__name__)

Stage = Callable[[datetime], object]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """What one turn did.

    Attributes:
        is_skipped: whether another process had its turn a moment before.
        failed: stages that failed, and why.
        sent: notifications by outcome.
    """

    at: datetime
    symptoms: int = 0
    is_skipped: bool = False
    failed: Mapping[str, str] = field(default_factory=dict)
    sent: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Aftermath:
    """What comes after a turn.

    Attributes:
        failed: what did not work of it the last time, and why.
        good_at: of a turn in which nothing failed, and of which the dead man's switch does not know yet.
    """

    failed: dict[str, str] = field(default_factory=dict)
    good_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Watches everything.

    Attributes:
        stages: what is done before the rules look, by name: measuring indicators, judging objectives.
        lease: keeps two watches from doing the same work at once.
        ping: calls the dead man's switch; None where there is none.
    """

    metastore: Metastore
    clock: Clock
    engine: Engine
    deliverer: Deliverer
    outside: Outside
    routes: Routes
    lease: Callable[[], AbstractContextManager[None]]
    stages: Mapping[str, Stage] = field(default_factory=dict)
    ping: Callable[[], None] | None = None
    _after: _Aftermath = field(default_factory=_Aftermath)

    def tick(self, *, every_seconds: float = EVERY_SECONDS, is_urgent: bool = True, sends: bool = True) -> Tick:
        """One turn.

        Args:
            every_seconds: how soon the next turn is expected; the watch counts as silent after four of them.
            is_urgent: also where another process had its turn a moment ago.
            sends: whether it sends what is queued as well, for some seconds; otherwise a `Dispatcher` does.
        """
        turn = self._turn(every_seconds, is_urgent)
        if turn.is_skipped or not sends:
            return turn
        before = dict(self._after.failed)
        sent = self.send(within_seconds=_SENDING_SECONDS)
        failed = {**turn.failed, **self._after.failed}
        if self._after.failed != before:
            self._try("beat", lambda: self._beat(turn.at, every_seconds, failed), failed)
        return replace(turn, sent=sent, failed=failed)

    def send(self, *, within_seconds: float) -> Mapping[str, int]:
        """Sends what is queued, then calls the dead man's switch where a good turn was had; counts by outcome."""
        failed: dict[str, str] = {}
        sent = self._try("delivery", lambda: self._deliver(within_seconds), failed) or {}
        if self.ping is not None and self._after.good_at is not None and not failed:
            self._after.good_at = None
            self._try("heartbeat", self.ping, failed)
        self._after.failed = failed
        return sent

    def _deliver(self, within_seconds: float) -> Mapping[str, int]:
        return self.deliverer.once(self.clock.now(), within_seconds=within_seconds)

    def _turn(self, every_seconds: float, is_urgent: bool) -> Tick:
        with self.lease():
            now = self.clock.now()
            if not is_urgent and self._is_done_by_another(now, every_seconds):
                return Tick(at=now, is_skipped=True)
            failed: dict[str, str] = {}
            for name, stage in self.stages.items():
                self._try(name, lambda stage=stage: stage(now), failed)  # type: ignore[misc]
            symptoms = self._try("rules", lambda: self._look(now, failed), failed) or 0
            said = {**self._after.failed, **failed}
            self._try("beat", lambda: self._beat(now, every_seconds, said), failed)
        self._after.good_at = None if failed else now
        return Tick(at=now, symptoms=symptoms, failed=failed)

    def _look(self, now: datetime, failed: dict[str, str]) -> int:
        facts = Facts(
            metastore=self.metastore,
            estate=self.engine.estate,
            now=now,
            outside=self.outside,
            failed_stages={**self._failed_before(), **self._after.failed, **failed},
        )
        found = look(facts)
        failed.update({f"rules/{family}": why for family, why in found.failed.items()})
        self.engine.take(found)
        return len(found.symptoms)

    def _failed_before(self) -> Mapping[str, str]:
        """What failed in the turn before behind the rules, of whatever process, so that it is told in this one."""
        beat = self.metastore.operations.component_beats.of(WATCH)
        words = beat.detail.split("; ") if beat and beat.detail else []
        late = (*_LATE, "rules")
        return dict(word.split(": ", 1) for word in words if word.startswith(late) and ": " in word)

    def _try(self, name: str, work: Callable[[], T], failed: dict[str, str]) -> T | None:
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - one stage that fails must not silence the others
            _log.warning("a stage of the watch failed", stage=name, error=told(error))
            failed[name] = type(error).__name__
            return None

    def _is_done_by_another(self, now: datetime, every_seconds: float) -> bool:
        beat = self.metastore.operations.component_beats.of(WATCH)
        return (
            beat is not None
            and beat.instance != this_instance()
            # a beat from later than now is of a clock that ran ahead: nobody is at work because of it
            and abs(now - beat.beat_at) < timedelta(seconds=every_seconds / 2)
        )

    def _beat(self, now: datetime, every_seconds: float, failed: Mapping[str, str]) -> None:
        beat = ComponentBeat(
            component=WATCH,
            instance=this_instance(),
            beat_at=now,
            expected_every_seconds=every_seconds,
            detail="; ".join(f"{name}: {why}" for name, why in failed.items()),
        )
        self.metastore.operations.component_beats.beat(beat)


class Turning(Protocol):
    """Whatever takes turns as a watch does."""

    def tick(self, *, every_seconds: float, is_urgent: bool) -> Tick:
        """One turn."""
        ...


class Watchman(Rounds):
    """Turns the watch while a block lasts."""

    ends_within_seconds = _LAST_TURN_SECONDS

    def __init__(self, watch: Turning, *, every_seconds: float = EVERY_SECONDS, is_urgent: bool = False) -> None:
        super().__init__(
            lambda: watch.tick(every_seconds=every_seconds, is_urgent=is_urgent),
            name="watch",
            every_seconds=every_seconds,
            waits_first=False,
        )


class Dispatcher(Rounds):
    """Sends what the watch queued while a block lasts, beside the watch: however slow a channel is, no turn waits."""

    ends_within_seconds = EVERY_SECONDS

    def __init__(self, watch: Callable[[], Watch], *, every_seconds: float = SENT_EVERY_SECONDS) -> None:
        """`watch` is asked before each round, because a watch is replaced when the project changes."""
        super().__init__(
            lambda: watch().send(within_seconds=EVERY_SECONDS), name="delivery", every_seconds=every_seconds
        )


def pinging(address: str) -> Callable[[], None]:
    """Calls the dead man's switch: an address outside that tells somebody when it is not called any more."""

    def ping() -> None:
        import requests

        from data_platform.incidents.channels.protocol import ChannelFailed

        try:
            with requests.get(address, timeout=5, allow_redirects=False, stream=True) as answer:
                if answer.status_code >= 400:
                    raise ChannelFailed(f"the dead man's switch answered {answer.status_code}")
        except requests.RequestException as error:
            raise ChannelFailed(f"the dead man's switch did not answer ({type(error).__name__})") from None

    return ping
