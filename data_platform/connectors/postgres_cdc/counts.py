"""Holds a count of the source's table against the rows that its changes leave, at the same place in the log.

What was read after the place, and what was not read yet before it, is in neither number. Positions of the stream carry
the number of live rows; of the one batch in which the place lies, the landed changes before it are counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from data_platform.clock import Clock
from data_platform.connectors.postgres_cdc.catalog import TableName
from data_platform.connectors.postgres_cdc.live_rows import LiveRows
from data_platform.connectors.postgres_cdc.lsn import lsn_number, lsn_text
from data_platform.connectors.postgres_cdc.source import PostgresSource
from data_platform.connectors.postgres_cdc.table_count import KeptCount, TableCount, count_table
from data_platform.connectors.protocol import Promise, Taken
from data_platform.errors import ConfigurationError, SourceUnavailable
from data_platform.lakehouse.landing import Json, Manifest
from data_platform.metastore.source_counts import SOURCE
from data_platform.observability.logs.logger import get_logger

_FARTHEST_BATCHES = 1000
_LOG = get_logger(__name__)


class NotComparable(Exception):
    """The changes do not lead to the place of a count, and never will."""


@dataclass(slots=True, kw_only=True)
class TableCounts:
    """Counts now and then, and compares when the changes are there.

    Attributes:
        every: None: never.
        kept: the count that waits for its changes.
        quiet: a position, and up to where the log held nothing for the table after it; None: nobody knows.
    """

    source: PostgresSource
    table: TableName
    slot: str
    every: timedelta | None
    within_seconds: int
    clock: Clock
    kept: KeptCount
    quiet: tuple[int, int] | None = None
    _counted_at: datetime | None = None

    def promises(self, taken: Taken) -> Iterator[Promise]:
        """That the table has so many rows, once its changes up to where they were counted are taken.

        Raises:
            SourceUnavailable, SourceRefused: the database did not count, or not in time.
        """
        if self.every is None or not taken.last:
            return
        try:
            count = self.kept.read() or self._count(taken)
            live = None if count is None else self.live_rows(taken, count)
        except NotComparable:
            self.kept.drop()
            return
        if count is not None and live is not None:
            self.kept.drop()
            yield _promise(count, live, table=str(self.table), now=self.clock.now())

    def live_rows(self, taken: Taken, count: TableCount) -> int | None:
        """The rows that the changes before the count's place leave; None while they are not all taken.

        Raises:
            NotComparable: the count is of another server, or older than the present copy.
        """
        for n in range(taken.last, max(0, taken.last - _FARTHEST_BATCHES), -1):
            manifest = taken.manifest(n)
            begin, end = manifest.position_from, manifest.position_to
            if end.get("phase") != "stream" or end.get("system") != count.system:
                raise NotComparable
            if lsn_number(end["lsn"]) < count.lsn:  # only the newest batch's can be
                quiet = self.quiet
                is_level = quiet is not None and quiet[0] == lsn_number(end["lsn"]) and quiet[1] >= count.lsn
                return _known(end) if is_level else None
            if begin.get("phase") != "stream":
                raise NotComparable
            if lsn_number(begin["lsn"]) < count.lsn:
                return _inside(taken, manifest, count.lsn)
        raise NotComparable

    def _count(self, taken: Taken) -> TableCount | None:
        """A new count; None where it is too early for another."""
        _known(taken.manifest(taken.last).position_to)
        now = self.clock.now()
        if self.every is not None and self._counted_at is not None and now - self._counted_at < self.every:
            return None
        self._counted_at = now
        try:
            with self.source.errors():
                count = count_table(self.source, self.table, slot=self.slot, within_seconds=self.within_seconds)
        except ConfigurationError as error:  # as where no slot is free: the stream itself does without
            raise SourceUnavailable(f"{error}; rows are counted again later, changes are read all the same") from error
        self.kept.write(count)
        return count


def _inside(taken: Taken, manifest: Manifest, lsn: int) -> int | None:
    """The live rows at a place inside of a batch."""
    live = LiveRows(_known(manifest.position_from))
    for landed in manifest.objects:
        for line in taken.lines(landed):
            change = orjson.loads(line)
            if int(orjson.loads(change["source"]["sequence"])[0]) < lsn:
                live.note(change["op"])
    return live.rows


def _known(position: Mapping[str, Json]) -> int:
    """The live rows at a position.

    Raises:
        NotComparable: nobody counted them from the beginning.
    """
    rows = position.get("live")
    if not isinstance(rows, int):
        raise NotComparable
    return rows


def _promise(count: TableCount, live: int, *, table: str, now: datetime) -> Promise:
    """That the table has so many rows. A row that should be gone is a change that did not come, as a missing one is."""
    if live != count.rows:
        _LOG.warning(
            "the changes of a table do not lead to the rows that it has",
            table=table,
            rows_at_the_source=count.rows,
            rows_by_changes=live,
            lsn=lsn_text(count.lsn),
        )
    return Promise(
        partition=f"table:{table}",
        rows=max(count.rows, live),
        provenance=SOURCE,
        confidence=1.0,
        said_at=now,
        arrived=min(count.rows, live),
    )
