"""A thread that sends the outbox while a long-lived process runs, and once more at its end."""

from __future__ import annotations

import logging
import threading
from types import TracebackType

from data_platform.errors import PlatformError
from data_platform.lineage.delivery import Delivery

_EVERY_SECONDS = 5.0
_WITHIN_SECONDS = 5.0  # a process that is told to stop waits for it
_LAST_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Courier:
    """Sends every five seconds from the beginning of a block to its end, and never disturbs what the block does."""

    def __init__(self, delivery: Delivery, *, every_seconds: float = _EVERY_SECONDS) -> None:
        self._delivery = delivery
        self._every_seconds = every_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="lineage-courier", daemon=True)

    def __enter__(self) -> Courier:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(2 * _WITHIN_SECONDS)
        self._send(_LAST_SECONDS)

    def _carry(self) -> None:
        while not self._stopping.wait(self._every_seconds):
            self._send(_WITHIN_SECONDS)

    def _send(self, within_seconds: float) -> None:
        try:
            self._delivery.once(within_seconds=within_seconds)
        except PlatformError as error:
            _log.warning("lineage waits: %s", error)
        except Exception:  # noqa: BLE001 - the edge of the thread: sending must not end in silence
            _log.exception("lineage could not be sent")
