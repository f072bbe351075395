"""One turn of the watch: measure, judge, find symptoms, keep incidents, send, beat. No stage keeps the next from its
turn, and one that fails is itself a symptom.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import TypeVar

from data_platform.clock import Clock
from data_platform.incidents.delivery import Deliverer
from data_platform.incidents.engine import Engine
from data_platform.incidents.routing import Routes
from data_platform.incidents.rules.all import look, told
from data_platform.incidents.rules.facts import Facts, Outside
from data_platform.metastore.component_beats import WATCH, ComponentBeat
from data_platform.metastore.engine import Metastore
from data_platform.observability.logs.logger import get_logger

EVERY_SECONDS = 15.0
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

    def tick(self, *, every_seconds: float = EVERY_SECONDS, is_urgent: bool = True) -> Tick:
        """One turn.

        Args:
            every_seconds: how soon the next turn is expected; the watch counts as silent after four of them.
            is_urgent: also where another process had its turn a moment ago.
        """
        with self.lease():
            now = self.clock.now()
            if not is_urgent and self._is_done_by_another(now, every_seconds):
                return Tick(at=now, is_skipped=True)
            failed: dict[str, str] = {}
            for name, stage in self.stages.items():
                self._try(name, lambda stage=stage: stage(now), failed)  # type: ignore[misc]
            symptoms = self._try("rules", lambda: self._look(now, failed), failed) or 0
            sent = self._try("delivery", lambda: self.deliverer.once(now), failed) or {}
            if self.ping is not None and not failed:
                self._try("heartbeat", self.ping, failed)
            self._try("beat", lambda: self._beat(now, every_seconds, failed), failed)
        return Tick(at=now, symptoms=symptoms, failed=failed, sent=sent)

    def _look(self, now: datetime, failed: dict[str, str]) -> int:
        facts = Facts(
            metastore=self.metastore,
            estate=self.engine.estate,
            now=now,
            outside=self.outside,
            failed_stages={**self._failed_before(), **failed},
        )
        found = look(facts)
        failed.update({f"rules/{family}": why for family, why in found.failed.items()})
        self.engine.take(found)
        return len(found.symptoms)

    def _failed_before(self) -> Mapping[str, str]:
        """What failed in the turn before behind the rules, so that it is told in this one."""
        beat = self.metastore.operations.component_beats.of(WATCH)
        words = beat.detail.split("; ") if beat and beat.detail else []
        late = ("delivery", "heartbeat", "rules")
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
            and beat.instance != _instance()
            # a beat from later than now is of a clock that ran ahead: nobody is at work because of it
            and abs(now - beat.beat_at) < timedelta(seconds=every_seconds / 2)
        )

    def _beat(self, now: datetime, every_seconds: float, failed: Mapping[str, str]) -> None:
        beat = ComponentBeat(
            component=WATCH,
            instance=_instance(),
            beat_at=now,
            expected_every_seconds=every_seconds,
            detail="; ".join(f"{name}: {why}" for name, why in failed.items()),
        )
        self.metastore.operations.component_beats.beat(beat)


class Watchman:
    """Turns the watch while a block lasts, from a thread of its own."""

    def __init__(self, watch: Watch, *, every_seconds: float = EVERY_SECONDS, is_urgent: bool = False) -> None:
        self._watch = watch
        self._every_seconds = every_seconds
        self._is_urgent = is_urgent
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._go_round, name="watch", daemon=True)

    def __enter__(self) -> Watchman:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(60)

    def _go_round(self) -> None:
        while True:
            try:
                self._watch.tick(every_seconds=self._every_seconds, is_urgent=self._is_urgent)
            except Exception as error:  # noqa: BLE001 - the edge of the thread: the watch must not end in silence
                _log.warning("a turn of the watch failed", error=told(error))
            if self._stopping.wait(self._every_seconds):
                return


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


def _instance() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
