"""From the messages of a stream to change envelopes of one table, and how far the stream has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from data_platform.connectors.postgres_cdc import pgoutput
from data_platform.connectors.postgres_cdc.catalog import Catalog
from data_platform.connectors.postgres_cdc.envelopes import Fields, Layout, Moment, Origin, change, message
from data_platform.connectors.postgres_cdc.live_rows import LiveRows
from data_platform.connectors.postgres_cdc.pgoutput import UNCHANGED, Field, Relation, Row
from data_platform.connectors.postgres_cdc.replication import Record
from data_platform.connectors.postgres_cdc.values import reading_of
from data_platform.errors import ConfigurationError, FatalError

Clock = Callable[[], datetime]


@dataclass(slots=True)
class Changes:
    """Reads one stream from its beginning on.

    Attributes:
        table_oid: tells the table also after it was renamed.
        position: changes that were committed before it are known.
        seen: every transaction that committed before it has been read whole.
        live: the rows that the table has after what was read.
    """

    origin: Origin
    table_oid: int
    catalog: Catalog
    position: int
    now: Clock
    live: LiveRows = field(default_factory=LiveRows)
    seen: int = field(init=False)
    _layouts: dict[int, Layout | None] = field(default_factory=dict)
    _begin: pgoutput.Begin | None = None
    _number: int = 0

    def __post_init__(self) -> None:
        self.seen = self.position

    @property
    def is_inside(self) -> bool:
        """Whether a transaction has begun and is not whole yet."""
        return self._begin is not None

    def idle(self, wal_end: int) -> None:
        """The server has sent what its log held up to `wal_end`."""
        self.seen = max(self.seen, wal_end)

    def feed(self, record: Record) -> Iterator[bytes]:
        """The envelopes that one message of the stream gives.

        Raises:
            ConfigurationError: the source does not say what a row holds.
            FatalError: the message cannot be read.
        """
        what = pgoutput.decode(record.payload)
        if isinstance(what, pgoutput.Begin):
            self._begin, self._number = what, 0
        elif isinstance(what, pgoutput.Commit):
            self._begin = None
            self.seen = max(self.seen, what.end_lsn)
        elif isinstance(what, Relation):
            self._layouts[what.id] = self._layout(what)
        elif isinstance(what, pgoutput.LogicalMessage):
            yield from self._message(what)
        elif not isinstance(what, pgoutput.Origin | pgoutput.Type):
            for op, before, after in self._changes(what):
                moment = self._next(record.lsn)
                if moment is not None:
                    self.live.note(op)
                    yield change(self.origin, moment, op, before=before, after=after)

    def _changes(
        self, what: pgoutput.Insert | pgoutput.Update | pgoutput.Delete | pgoutput.Truncate
    ) -> Iterator[tuple[str, Fields | None, Fields | None]]:
        if isinstance(what, pgoutput.Truncate):
            if any(self._layout_of(number) for number in what.relation_ids):
                yield "t", None, None
            return
        layout = self._layout_of(what.relation_id)
        if layout is None:
            return
        if isinstance(what, pgoutput.Insert):
            yield "c", None, layout.fields(what.new)
        elif isinstance(what, pgoutput.Delete):
            yield "d", _before(layout, what.old, is_whole=what.is_old_whole), None
        else:
            yield from self._update(layout, what)

    def _update(self, layout: Layout, update: pgoutput.Update) -> Iterator[tuple[str, Fields | None, Fields | None]]:
        new = self._whole(layout, update)
        if update.old is None:
            yield "u", None, layout.fields(new)
            return
        before = _before(layout, update.old, is_whole=update.is_old_whole)
        if any(update.old[index] != new[index] for index in layout.key):
            # To whoever keeps rows by key, a changed key is one row gone and another come.
            yield "d", before, None
            yield "c", None, layout.fields(new)
        else:
            yield "u", before, layout.fields(new)

    def _whole(self, layout: Layout, update: pgoutput.Update) -> Row:
        if UNCHANGED not in update.new:
            return update.new
        if update.old is None or not update.is_old_whole:
            # Reading the row again would give its value of now, not of then: a history that never was.
            missing = ", ".join(
                name for name, value in zip(layout.names, update.new, strict=True) if value is UNCHANGED
            )
            table = f"{self.origin.schema}.{self.origin.table}"
            raise ConfigurationError(
                f"connector {self.origin.name}: an update of {table} does not say what {missing} holds, since it is "
                f"stored apart (TOAST) and was not changed; run ALTER TABLE {table} REPLICA IDENTITY FULL at the "
                f"source, then `data-platform ingest replay {self.origin.name} --from snapshot`"
            )
        return tuple(old if new is UNCHANGED else new for old, new in zip(update.old, update.new, strict=True))

    def _message(self, emitted: pgoutput.LogicalMessage) -> Iterator[bytes]:
        if emitted.is_transactional:
            moment = self._next(emitted.lsn)
        else:
            # It stands by itself between two transactions. Its LSN is where its record ends.
            is_known = emitted.lsn <= self.position
            self.seen = max(self.seen, emitted.lsn)
            moment = None if is_known else Moment(commit_lsn=emitted.lsn, number=0, lsn=emitted.lsn, at=self.now())
        if moment is not None:
            yield message(self.origin, moment, emitted)

    def _next(self, lsn: int) -> Moment | None:
        """The moment of the next change of the transaction; None where the transaction is known already."""
        if self._begin is None:
            raise FatalError(f"connector {self.origin.name}: a change came outside of a transaction")
        self._number += 1
        begin = self._begin
        # Two records never overlap: what commits before the position ends at or before it.
        if begin.lsn < self.position:
            return None
        return Moment(commit_lsn=begin.lsn, number=self._number, lsn=lsn, at=begin.committed_at, xid=begin.xid)

    def _layout_of(self, relation_id: int) -> Layout | None:
        try:
            return self._layouts[relation_id]
        except KeyError:
            raise FatalError(f"connector {self.origin.name}: a change of a table that was not described") from None

    def _layout(self, relation: Relation) -> Layout | None:
        """How rows of the table are read from here on; None for another table of the publication."""
        is_ours = (relation.schema, relation.name) == (self.origin.schema, self.origin.table)
        if relation.id != self.table_oid and not is_ours:
            return None
        if relation.replica_identity == "f":
            key: Sequence[str] = self.catalog.key(relation.id)
        else:
            key = [column.name for column in relation.columns if column.is_key]
        return layout_of(
            [column.name for column in relation.columns],
            [self.catalog.bare_type(column.type_oid) for column in relation.columns],
            key=key,
        )


def layout_of(names: Sequence[str], type_oids: Sequence[int], *, key: Sequence[str] = ()) -> Layout:
    """The layout of columns whose types are known."""
    return Layout(
        names=tuple(names),
        readings=tuple(map(reading_of, type_oids)),
        key=tuple(index for index, name in enumerate(names) if name in key),
    )


def _before(layout: Layout, old: Sequence[Field], *, is_whole: bool) -> Fields:
    return layout.fields(old) if is_whole else layout.key_fields(old)
