"""Spans into the metastore, for the pages that show a trace: many at once, since every write is flushed to disk."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from data_platform.errors import PlatformError
from data_platform.metastore.spans import SpanEntry, Spans

_MOST_HELD = 500
_LONGEST_HELD_SECONDS = 2.0
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class SpanStore:
    """Writes what is kept when there is much of it, when it has waited for two seconds, and at the end.

    Attributes:
        spans: gives the repository, which is opened only when something is written.
    """

    spans: Callable[[], Spans]
    _held: list[SpanEntry] = field(default_factory=list)
    _written: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, spans: Sequence[SpanEntry]) -> None:
        """Holds them, and writes what is held when it is time."""
        with self._lock:
            self._held += spans
            is_time = time.monotonic() - self._written > _LONGEST_HELD_SECONDS or len(self._held) >= _MOST_HELD
        if is_time:
            self.close()

    def close(self) -> None:
        """Writes what is held; what the database does not take is given up, since nothing may wait for it."""
        with self._lock:
            held, self._held = self._held, []
            self._written = time.monotonic()
        if not held:
            return
        try:
            self.spans().record(held)
        except PlatformError as error:
            _log.warning("%d spans were not kept: %s", len(held), error)
