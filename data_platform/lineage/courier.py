"""A thread that sends the outbox while a long-lived process runs, and once more at its end."""

from __future__ import annotations

import logging

from data_platform.errors import PlatformError
from data_platform.lineage.delivery import Delivery
from data_platform.rounds import Rounds

_EVERY_SECONDS = 5.0
_WITHIN_SECONDS = 5.0  # a process that is told to stop waits for it
_LAST_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Courier(Rounds):
    """Sends every five seconds from the beginning of a block to its end, and never disturbs what the block does."""

    ends_within_seconds = 2 * _WITHIN_SECONDS

    def __init__(self, delivery: Delivery, *, every_seconds: float = _EVERY_SECONDS) -> None:
        super().__init__(self._send, name="lineage-courier", every_seconds=every_seconds)
        self._delivery = delivery

    def stop(self, *, within_seconds: float | None = None) -> None:
        """Ends, and sends once more."""
        super().stop(within_seconds=within_seconds)
        try:
            self._send(_LAST_SECONDS)
        except Exception:  # noqa: BLE001 - the end of the process: what is left is sent by the next one
            _log.exception("lineage could not be sent")

    def _send(self, within_seconds: float = _WITHIN_SECONDS) -> None:
        try:
            self._delivery.once(within_seconds=within_seconds)
        except PlatformError as error:
            _log.warning("lineage waits: %s", error)
