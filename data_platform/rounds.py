"""Doing something again and again beside the work of a process. What a round does, and how often, is its owner's."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import ClassVar, Self

_log = logging.getLogger(__name__)


class Rounds:
    """Takes a turn every few seconds while a block lasts, from a daemon thread of its own.

    A turn that fails is logged, and the next one comes all the same.

    Attributes:
        ends_within_seconds: how long the end waits for a turn under way; None: as long as it takes.
    """

    ends_within_seconds: ClassVar[float | None] = None

    def __init__(
        self, turn: Callable[[], object], *, name: str, every_seconds: float, waits_first: bool = True
    ) -> None:
        """`name` is the thread's; `waits_first`: whether the first turn comes only after the first while."""
        self._turn = turn
        self._name = name
        self._every_seconds = every_seconds
        self._waits_first = waits_first
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._go_round, name=name, daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self, *, within_seconds: float | None = None) -> None:
        """Ends; waits `within_seconds` for a turn under way, or as long as its kind does."""
        self._stopping.set()
        if self._thread is not threading.current_thread():
            self._thread.join(self.ends_within_seconds if within_seconds is None else within_seconds)

    def _go_round(self) -> None:
        if self._waits_first and self._stopping.wait(self._every_seconds):
            return
        while True:
            try:
                self._turn()
            except Exception:  # noqa: BLE001 - the edge of the thread: the rounds must not end in silence
                _log.exception("a turn of the thread %s failed", self._name)
            if self._stopping.wait(self._every_seconds):
                return
