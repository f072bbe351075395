"""Those who watch, as `watch` and `serve` do it: turns over the project as it is now, the queue and the watch; and
beside them what is sent and published.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from data_platform.cli.environment import tell_soundness
from data_platform.governance.error_text import told
from data_platform.incidents.watch import EVERY_SECONDS, Dispatcher, Tick, Watchman
from data_platform.metastore.component_beats import QUEUE
from data_platform.observability.logs.logger import get_logger
from data_platform.orchestration.storage import has_storage
from data_platform.transforms.own_publishing import HourlyPublishing
from data_platform.wiring.platform import Platform

_log = get_logger(__name__)


class Lookout:
    """Watches over a platform while its files change. What fails before the watch does not keep it from its turn."""

    def __init__(self, platform: Platform, *, sends: bool = True) -> None:
        """`sends`: whether a turn also sends what is queued; otherwise a `Dispatcher` beside it does."""
        self._platform = platform
        self._sends = sends
        self._faulty = platform.soundness.files  # as somebody was told

    def tick(self, *, every_seconds: float = EVERY_SECONDS, is_urgent: bool = True) -> Tick:
        """One turn; arguments as `Watch.tick` has them."""
        try:
            self._look()
        except Exception as error:  # noqa: BLE001 - what was known before is watched on
            _log.warning("the project could not be read again", error=told(error))
        try:
            look_into_queue(self._platform, every_seconds=every_seconds)
        except Exception as error:  # noqa: BLE001 - whoever looks into the queue beats: silence of that is a symptom
            _log.warning("the queue of runs could not be looked into", error=told(error))
        return self._platform.watch.tick(every_seconds=every_seconds, is_urgent=is_urgent, sends=self._sends)

    def _look(self) -> None:
        self._platform.refresh()
        faulty = self._platform.soundness.files
        if faulty != self._faulty:
            tell_soundness(self._platform)
            self._faulty = faulty


@contextmanager
def looking_out(platform: Platform, *, every_seconds: float = EVERY_SECONDS) -> Iterator[None]:
    """Watches, sends and publishes while the block lasts, each in a thread of its own.

    Raises:
        ConfigurationError: the routes cannot be used.
    """
    platform.watch  # noqa: B018 - made before there are threads: what cannot be used they would log, and watch nothing
    with (
        Watchman(Lookout(platform, sends=False), every_seconds=every_seconds),
        Dispatcher(lambda: platform.watch),
        HourlyPublishing(lambda: platform.own_publishing),
    ):
        yield


def look_into_queue(platform: Platform, *, every_seconds: float) -> bool:
    """Samples Dagster's queue where nobody did for one interval, as its own sensor does while its daemon lives; whether
    it was sampled now. Dagster takes seconds to load, so nothing is done where it was never used.
    """
    beat, now = platform.metastore.operations.component_beats.of(QUEUE), platform.clock.now()
    is_fresh = beat is not None and abs(now - beat.beat_at) < timedelta(seconds=every_seconds)
    if is_fresh or not has_storage(platform.settings):
        return False
    from data_platform.orchestration.instance import open_instance
    from data_platform.orchestration.queue import sample_queue

    with open_instance(platform.settings) as instance:
        sample_queue(instance, platform, every_seconds=every_seconds)
    return True
