"""Notes what a source says that it holds, to be held against what was taken of it. Ingesting never depends on it.

How a kind counts is in its own folder; comparing is in `observability.slis.completeness`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property

from data_platform.connectors.protocol import OF_OFFSETS, Connector, Losing, Promise, Promising, TakenBatch
from data_platform.connectors.source_log import SourceLog
from data_platform.contracts.types import quote_identifier
from data_platform.errors import PlatformError, SourceRefused, SourceUnavailable
from data_platform.lakehouse.landing import LandedObject, Manifest
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.metastore.source_counts import SOURCE, SourceCountEntry
from data_platform.observability.logs.logger import get_logger

_MOST_BATCHES = 5000
_IN_VIEW = timedelta(days=3)
_STOP_SECONDS = 5.0  # what it has not noted by then is noted the next time
_LOG = get_logger(__name__)


class TakenOfSource:
    """What was taken of one source, as its log and the ledger tell; see `protocol.Taken`."""

    def __init__(self, log: SourceLog) -> None:
        self._log = log
        self._dataset = str(log.contract.name)
        self._ledger = log.metastore.batches

    @cached_property
    def said(self) -> Mapping[str, Promise]:
        """What the source said in the last days, by partition."""
        since = self._log.clock.now() - _IN_VIEW
        counts = self._log.metastore.operations.source_counts
        return {one.partition: _promise(one) for one in counts.of(self._dataset, source=self._log.source, since=since)}

    @cached_property
    def last(self) -> int:
        """The newest batch that raw holds."""
        return self._ledger.last_number(self._dataset, source=self._log.source) or 0

    def batches(self, first: int) -> tuple[TakenBatch, ...]:
        """The batches of the last days from number `first` on, in order."""
        since = self._log.clock.now() - _IN_VIEW
        source = self._log.source
        found = self._ledger.numbered(self._dataset, source=source, first=first, limit=_MOST_BATCHES)
        found = tuple(one for one in found if one.received_at >= since and one.number <= self.last)
        rejecting = [one.batch_id for one in found if one.rejected_rows]
        unread = self._ledger.unread(self._dataset, batch_ids=rejecting)
        return tuple(
            TakenBatch(n=one.number, rows=one.raw_rows + one.rejected_rows, is_counted=one.batch_id not in unread)
            for one in found
        )

    def manifest(self, n: int) -> Manifest:
        """What batch `n` is."""
        return self._log.landing.read(self._log.source, n)

    def lines(self, landed: LandedObject) -> Iterator[bytes]:
        """The lines of a landed object."""
        with self._log.committer.store.open(landed.key) as file:
            yield from file

    def distinct(self, columns: tuple[str, ...], *, day: date) -> int | None:
        """Rows in raw of an event date that differ in these columns; None where the dataset lacks one of them."""
        name, committer = self._log.contract.name, self._log.committer
        raw = committer.heads.for_reading(committer.lake.table(TableRef.of(name, Zone.RAW)))
        wanted = (*columns, "_event_date", "_batch_id")
        if raw.version < 0:
            return 0
        if not set(wanted) <= set(raw.schema.names):
            return None
        with committer.engine.session() as con:
            of_day = f"FROM ({raw.scan(wanted)}) WHERE _event_date = ? AND starts_with(_batch_id, ?)"
            listed = f"DISTINCT {', '.join(map(quote_identifier, columns))}" if columns else "1"
            counted = f"SELECT count(*) FROM (SELECT {listed} {of_day})"
            found = con.execute(counted, [day, f"{self._log.source}/"]).fetchone()
        return int(found[0]) if found else 0

    def rejected(self, *, since: datetime, until: datetime) -> int:
        """Records that were rejected of batches received in that time."""
        found = self._ledger.since(self._dataset, source=self._log.source, since=since)
        return sum(one.rejected_rows for one in found if one.received_at < until)


def note_promises(connector: Connector, log: SourceLog) -> None:
    """Asks a source what it holds, if it can say so and was not asked just now, and notes that."""
    if not isinstance(connector, Promising):
        return
    taken = TakenOfSource(log)
    newest = max((one.said_at for one in taken.said.values()), default=None)
    if newest is not None and log.clock.now() - newest < connector.count_every:
        return
    try:
        _note(log, list(connector.promises(taken)))
    except (SourceUnavailable, SourceRefused) as error:
        _LOG.warning("the source did not say how many records it has", source=log.source, error=str(error))


def note_loss(connector: Connector, log: SourceLog, *, after: int) -> None:
    """Notes how much is gone that batch `after + 1` should have brought."""
    if not isinstance(connector, Losing):
        return
    try:
        rows = connector.lost(log.position(after))
    except PlatformError as error:
        _LOG.warning("the source did not say how many records are lost", source=log.source, error=str(error))
        return
    if rows:
        name, now = f"batch:{log.source}/{after + 1}", log.clock.now()
        gone = Promise(partition=name, rows=rows, provenance=SOURCE, confidence=OF_OFFSETS, said_at=now, arrived=0)
        _note(log, [gone])


@dataclass(slots=True)
class CountingAside:
    """Asks a source now and then in a thread of its own, so that no poll waits for a count.

    Attributes:
        ask: does it; decides itself whether it is due.
    """

    ask: Callable[[], None]
    every_seconds: float = 30.0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> CountingAside:
        self._thread = threading.Thread(target=self._run, name="count-source", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.wait(self.every_seconds):
            try:
                self.ask()
            except PlatformError as error:
                _LOG.warning("a source was not counted", error=str(error))
            except Exception:  # noqa: BLE001 - the edge of the thread: counting never ends the collector
                _LOG.exception("counting a source failed in an unexpected way")


def _note(log: SourceLog, promises: list[Promise]) -> None:
    counts = [
        SourceCountEntry(
            dataset=str(log.contract.name),
            source=log.source,
            partition=one.partition,
            provenance=one.provenance,
            expected_rows=one.rows,
            confidence=one.confidence,
            counted_at=one.said_at,
            arrived_rows=one.arrived,
        )
        for one in promises
    ]
    log.metastore.operations.source_counts.record(counts)


def _promise(entry: SourceCountEntry) -> Promise:
    return Promise(
        partition=entry.partition,
        rows=entry.expected_rows,
        provenance=entry.provenance,
        confidence=entry.confidence,
        said_at=entry.counted_at,
        arrived=entry.arrived_rows,
    )
