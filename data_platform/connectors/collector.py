"""The long-lived collector: one thread for each stream, each turning the loop until it is told to stop.

A source in trouble is tried again, ever more patiently, and never stops the others. Stopping drains: a turn that has
begun is finished. What the collector does in Dagster's eyes is told by sensors, from the facts that it writes.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from data_platform.connectors.counting import CountingAside
from data_platform.connectors.heartbeat import Heart
from data_platform.connectors.ingest import Ingester, Ingestion
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.errors import PlatformError
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.observability.logs.logger import get_logger
from data_platform.publication.candidate import Run
from data_platform.publication.receipt import BatchCount
from data_platform.publication.upkeep import Upkeep

_PAUSE_SECONDS = 0.2  # after a turn that found nothing; kinds that can wait at the source do so themselves
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 30.0
_LOG = get_logger(__name__)

OnBatches = Callable[[ConnectorEntry, Sequence[BatchCount]], None]


@dataclass(slots=True, kw_only=True)
class Collector:
    """Streams of a project, kept running.

    Attributes:
        on_batches: told about every turn that committed something, from the thread of its source.
        upkeep: compacts and checkpoints what many small commits leave.
    """

    ingester: Ingester
    entries: Sequence[ConnectorEntry]
    run: Run
    on_batches: OnBatches
    upkeep: Upkeep
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Starts a thread for each source."""
        for entry in self.entries:
            thread = threading.Thread(target=self._collect, args=(entry,), name=f"collect-{entry.name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, timeout_seconds: float = 60.0) -> bool:
        """Lets every source finish its turn; whether all did in time."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout_seconds)
        return not any(thread.is_alive() for thread in self._threads)

    def _collect(self, entry: ConnectorEntry) -> None:
        failures = 0
        with Heart(entry, self.ingester.metastore, self.ingester.clock) as heart:
            while not self._stopping.is_set():
                try:
                    with self.ingester.open(entry) as ingestion, CountingAside(ingestion.note_promises):
                        while not self._stopping.is_set():
                            self._turn(entry, ingestion, heart)
                            failures = 0
                except PlatformError as error:
                    failures += 1
                    _LOG.warning("a source is in trouble", source=entry.name, error=str(error))
                    heart.troubled(error)
                except Exception as error:  # noqa: BLE001 - the edge of the thread: no source may end in silence
                    failures += 1
                    _LOG.exception("a source failed in an unexpected way", source=entry.name)
                    heart.troubled(PlatformError(f"unexpected {type(error).__name__}; see the collector's log"))
                if failures:
                    self._stopping.wait(_patience_seconds(failures))

    def _turn(self, entry: ConnectorEntry, ingestion: Ingestion, heart: Heart) -> None:
        step = ingestion.step(self.run)
        if step.batches:
            self.on_batches(entry, step.batches)
            self._tend(entry, step.batches[-1])
        if not step.is_idle or heart.is_due:
            ingestion.tell(heart, step)
        if step.is_idle:
            self._stopping.wait(_PAUSE_SECONDS)

    def _tend(self, entry: ConnectorEntry, batch: BatchCount) -> None:
        if self.upkeep.is_due(batch.n):
            for zone in (Zone.RAW, Zone.REJECTED):
                self.upkeep.tend(TableRef.of(entry.dataset, zone))


def _patience_seconds(failures: int) -> float:
    longest: float = min(_FIRST_WAIT_SECONDS * 2 ** min(failures - 1, 10), _LONGEST_WAIT_SECONDS)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads attempts, keeps no secret
