"""`postgres_cdc`: every change of one PostgreSQL table, from its log, as Debezium envelopes.

First all rows as they are when the replication slot is made, then transaction after transaction in the order of their
commits. The position is a place in the source's log; the slot keeps the log from the last acknowledged position on, so
a consumer that stops makes the source's disk fill: `kept_log` is asked for from outside, whether it runs or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import psycopg

from data_platform.connectors.options import read_options
from data_platform.connectors.postgres_cdc.catalog import Catalog, TableName
from data_platform.connectors.postgres_cdc.changes import Changes
from data_platform.connectors.postgres_cdc.counts import TableCounts
from data_platform.connectors.postgres_cdc.envelopes import Origin
from data_platform.connectors.postgres_cdc.live_rows import LiveRows
from data_platform.connectors.postgres_cdc.lsn import lsn_number, lsn_text
from data_platform.connectors.postgres_cdc.options import NAME_LENGTH, PostgresCdcOptions
from data_platform.connectors.postgres_cdc.replication import ReplicationStream
from data_platform.connectors.postgres_cdc.slot import (
    SlotState,
    drop_slot,
    require_no_gap,
    slot_state,
    warn_if_large,
    when_free,
)
from data_platform.connectors.postgres_cdc.snapshot import Snapshot, begin_snapshot
from data_platform.connectors.postgres_cdc.source import Connection, PostgresSource
from data_platform.connectors.postgres_cdc.stream import ChangeStream
from data_platform.connectors.postgres_cdc.table_count import KeptCount
from data_platform.connectors.protocol import IsKnown, Place, Poll, Promise, Taken
from data_platform.connectors.spool_file import SpoolFile
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.credentials import Credential
from data_platform.errors import ConfigurationError, SourceUnavailable
from data_platform.lakehouse.landing import Identity, Json
from data_platform.observability.kept_log import KeptLog

_MINIMUM_VERSION = 140000
# A position that moves is a manifest; one for every step of an idle table would be too many.
_IDLE_STEP_BYTES = 16 << 20
_IDLE_STEP = timedelta(minutes=1)
_LOOK_EVERY = timedelta(minutes=1)


class PostgresCdc:
    """The changes of one table. A poll's backlog is in bytes of log: nobody has counted the records in it."""

    version = "postgres_cdc/1"
    identity = Identity.POSITION

    def __init__(self, entry: ConnectorEntry, place: Place) -> None:
        self._options = read_options(PostgresCdcOptions, entry)
        self._name, self._clock = entry.name, place.clock
        self._spool = place.spool / "postgres_cdc" / entry.name
        self._slot = _named(self._options.slot, entry)
        self._publication = _named(self._options.publication, entry)
        schema, _, table = self._options.table.partition(".")
        self._table = TableName(schema=schema, name=table)
        self.credential = Credential(self._options.password, place.clock) if self._options.password else None
        self._source = PostgresSource(
            name=entry.name,
            host=self._options.host,
            port=self._options.port,
            dbname=self._options.dbname,
            user=self._options.user,
            sslmode=self._options.sslmode,
            sslrootcert=str(place.source / self._options.sslrootcert) if self._options.sslrootcert else None,
            credential=self.credential,
        )
        self._origin = Origin(name=entry.name, database=self._options.dbname, schema=schema, table=table)
        self._queries: Connection | None = None
        self._snapshot: Snapshot | None = None
        self._stream: ChangeStream | None = None
        self._moved_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._system = ""
        self.count_every = self._options.count_every or timedelta(0)
        self._counts = TableCounts(
            source=self._source,
            table=self._table,
            slot=self._slot,
            every=self._options.count_every,
            within_seconds=self._options.count_seconds,
            clock=place.clock,
            kept=KeptCount(self._spool / "count.json"),
        )

    def poll(self, position: Mapping[str, Json], is_known: IsKnown) -> Poll | None:
        """The next rows of the first copy, or the next whole transactions."""
        try:
            return self._changes(position) if _is_streaming(position) else self._rows(position)
        except Exception:
            self.close()
            raise

    def peek(self, position: Mapping[str, Json], is_known: IsKnown) -> tuple[str, ...]:
        """One mark where there may be something: log that was not read yet, of whatever table."""
        if not _is_streaming(position):
            return ("snapshot",)
        lsn = lsn_number(position["lsn"])
        if self._is_open_at(lsn):
            assert self._stream is not None
            return (f"wal/{lsn_text(self._stream.changes.seen)}",) if self._stream.is_behind else ()
        wal_end = self._state().wal_end
        return (f"wal/{lsn_text(wal_end)}",) if wal_end > lsn else ()

    def acknowledge(self, position: Mapping[str, Json]) -> None:
        """Lets the source forget the log before the position. What is not heard now is said when the stream opens."""
        if self._stream is None or not _is_streaming(position):
            return
        try:
            self._stream.confirm(lsn_number(position["lsn"]))
        except psycopg.Error:
            self.close()

    def position_at(self, where: str) -> Mapping[str, Json]:
        """`snapshot`: a new slot and a new copy of all rows. The slot has forgotten every earlier place."""
        if where != "snapshot":
            raise ConfigurationError(
                f"connector {self._name}: it goes back to nothing but --from snapshot, not {where!r}"
            )
        return {}

    def promises(self, taken: Taken) -> Iterable[Promise]:
        """That the table has so many rows, once its changes up to where they were counted are taken; see `counts`."""
        return self._counts.promises(taken)

    def close(self) -> None:
        """Closes every connection; the slot stays, and keeps the source's log from the acknowledged position on."""
        stream, snapshot, queries = self._stream, self._snapshot, self._queries
        self._stream = self._snapshot = self._queries = None
        if stream is not None:
            stream.wire.close()
        if snapshot is not None:
            snapshot.close()
        if queries is not None:
            queries.close()

    def kept_log(self, *, within_seconds: int) -> KeptLog | None:
        """How much log the source keeps because of the slot; None where there is no slot."""
        with self._source.errors(), self._source.connect(within_seconds=within_seconds) as connection:
            state = slot_state(connection, self._slot)
        return state.kept_log(self._slot, limit_bytes=self._options.max_retained_wal_bytes)

    def _rows(self, position: Mapping[str, Json]) -> Poll:
        snapshot = self._snapshot
        if snapshot is None or dict(position) != self._place_in(snapshot):
            self.close()
            self._looked_at = None
            snapshot = self._snapshot = self._begin()
        self._look(self._state())
        first = snapshot.rows
        options = self._options
        with self._source.errors(), SpoolFile(self._spool, "snapshot.ndjson") as spool:
            is_last = snapshot.read(spool, max_rows=options.snapshot_rows, max_bytes=options.max_batch_bytes)
            name = f"snapshot-{snapshot.lsn:016X}-{first:012}.ndjson"
            deliveries = (spool.finish(name=name),) if spool.rows else ()
        if not is_last:
            return Poll(deliveries=deliveries, position_to=self._place_in(snapshot))
        snapshot.close()
        self._snapshot = None
        return Poll(deliveries=deliveries, position_to=self._place_at(snapshot.lsn, live=snapshot.rows))

    def _begin(self) -> Snapshot:
        """A new slot, and the copy that belongs to it. A slot of that name serves no position any more."""
        state = self._state()
        if state.exists and (state.plugin != "pgoutput" or state.database != self._options.dbname):
            raise ConfigurationError(
                f"connector {self._name}: the slot {self._slot} belongs to {state.plugin} in database "
                f"{state.database}; name another one in `slot`"
            )
        with self._source.errors():
            queries = self._connection()
            if queries.info.server_version < _MINIMUM_VERSION:
                raise ConfigurationError(f"connector {self._name}: it needs PostgreSQL 14 or later")
            Catalog(queries).publish(self._table, self._publication)
            if state.exists:
                drop_slot(queries, self._slot)
            return begin_snapshot(
                self._source, self._origin, slot=self._slot, publication=self._publication, now=self._clock.now()
            )

    def _changes(self, position: Mapping[str, Json]) -> Poll | None:
        was_open = self._is_open_at(lsn_number(position["lsn"]))
        try:
            return self._read(position)
        except SourceUnavailable:
            if not was_open:
                raise
        # The server hangs up on a reader that is silent for its wal_sender_timeout: a long commit is such a silence.
        self.close()
        return self._read(position)

    def _read(self, position: Mapping[str, Json]) -> Poll | None:
        lsn = lsn_number(position["lsn"])
        is_open = self._is_open_at(lsn)
        if not is_open:
            self.close()
            self._looked_at = None
        state = self._state()
        if not is_open:
            self._open(position, state)
        self._look(state)
        stream = self._stream
        assert stream is not None
        with self._source.errors(), SpoolFile(self._spool, "changes.ndjson") as spool:
            stream.read(spool, max_bytes=self._options.max_batch_bytes, wal_end=state.wal_end)
            seen = stream.changes.seen
            if not spool.rows and not self._is_worth_a_batch(seen - lsn):
                self._counts.quiet = (lsn, seen)
                return None
            deliveries = (spool.finish(name=f"changes-{lsn:016X}-{seen:016X}.ndjson"),) if spool.rows else ()
        stream.position, self._moved_at = seen, self._clock.now()
        place = self._place_at(seen, live=stream.changes.live.rows)
        return Poll(deliveries=deliveries, position_to=place, backlog=max(0, state.wal_end - seen))

    def _open(self, position: Mapping[str, Json], state: SlotState) -> None:
        """Opens the stream where the position says."""
        lsn = lsn_number(position["lsn"])
        require_no_gap(state, position, slot=self._slot, source=self._name)
        with self._source.errors():
            catalog = Catalog(self._connection())
            oid = catalog.table_oid(self._table)
            wire = ReplicationStream(self._source.connect(replication=True))
            live = position.get("live")
            following = LiveRows(live if isinstance(live, int) else None)
            changes = Changes(self._origin, oid, catalog, lsn, self._clock.now, live=following)
            self._stream = ChangeStream(wire=wire, changes=changes, position=lsn, confirmed=lsn)
            when_free(lambda: wire.start(self._slot, self._publication, lsn=lsn))
            self._stream.confirm(lsn)

    def _look(self, state: SlotState) -> None:
        """Now and then: a table taken out of its publication falls silent, and a slot may hold back too much."""
        now = self._clock.now()
        if self._looked_at is not None and now - self._looked_at < _LOOK_EVERY:
            return
        self._looked_at = now
        limit = self._options.max_retained_wal_bytes
        warn_if_large(state, slot=self._slot, source=self._name, limit_bytes=limit)
        with self._source.errors():
            Catalog(self._connection()).require_published(self._table, self._publication)

    def _is_open_at(self, lsn: int) -> bool:
        return self._stream is not None and self._stream.position == lsn

    def _is_worth_a_batch(self, bytes_passed: int) -> bool:
        """Whether the position of an idle table shall move: the slot would hold back other tables' log for ever."""
        since = None if self._moved_at is None else self._clock.now() - self._moved_at
        quarter = self._options.max_retained_wal_bytes // 4
        step, much = min(_IDLE_STEP_BYTES, quarter), min(_IDLE_STEP_BYTES * 16, quarter)
        return bytes_passed >= max(step, 1) and (since is None or since >= _IDLE_STEP or bytes_passed >= much)

    def _place_in(self, snapshot: Snapshot) -> dict[str, Json]:
        return {"phase": "snapshot", "lsn": lsn_text(snapshot.lsn), "rows": snapshot.rows, "system": self._system}

    def _place_at(self, lsn: int, *, live: int | None) -> dict[str, Json]:
        place: dict[str, Json] = {"phase": "stream", "lsn": lsn_text(lsn), "system": self._system}
        return place if live is None else place | {"live": live}

    def _state(self) -> SlotState:
        with self._source.errors():
            state = slot_state(self._connection(), self._slot)
        self._system = state.system
        return state

    def _connection(self) -> Connection:
        """The connection for ordinary queries."""
        if self._queries is None:
            self._queries = self._source.connect()
        return self._queries


def _is_streaming(position: Mapping[str, Json]) -> bool:
    return position.get("phase") == "stream"


def _named(given: str | None, entry: ConnectorEntry) -> str:
    name = given or f"data_platform_{entry.name}"
    if len(name) > NAME_LENGTH:
        raise ConfigurationError(
            f"connector {entry.name} ({entry.path}:{entry.line}): {name} is too long for PostgreSQL; "
            f"give `slot` and `publication` names of at most {NAME_LENGTH} letters"
        )
    return name
