"""The spans of traces that were kept, and which trace the facts that a dataset has not read yet belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.repository import Repository, insert, rows_of
from data_platform.metastore.tables import BATCHES, RUNS, RunState
from data_platform.metastore.usage_tables import SPANS

_MOST_SPANS = 1_000_000  # about 500 MB; pruning forgets the oldest beyond it
_RAW = "raw."


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEntry:
    """One span that has ended.

    Attributes:
        trace_id, span_id: 32 and 16 hexadecimal digits (W3C Trace Context, section 3.2).
        parent_id: empty for the first span of a trace; the parent may be another system's, and not be here.
        run_id, dataset: empty where the span is about none.
        status: `ok` or `error`.
        links: the traceparents of spans in other traces that this one goes on from.
    """

    trace_id: str
    span_id: str
    parent_id: str = ""
    name: str
    run_id: str = ""
    dataset: str = ""
    started_at: datetime
    ended_at: datetime
    status: str = "ok"
    attributes: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended_at - self.started_at).total_seconds()


class Spans(Repository[SpanEntry]):
    """Spans by trace, run and dataset."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, SPANS, SpanEntry)

    def record(self, entries: Iterable[SpanEntry], *, tx: Transaction | None = None) -> None:
        """Writes spans; one that is there stays as it is."""
        rows = sorted(rows_of(entries), key=lambda row: (row["trace_id"], row["span_id"]))
        if not rows:
            return
        with self._database.writing(tx) as connection:
            key = ["trace_id", "span_id"]
            connection.execute(insert(connection, SPANS).on_conflict_do_nothing(index_elements=key), rows)

    def get(self, trace_id: str, *, span_id: str, tx: Transaction | None = None) -> SpanEntry | None:
        """One span."""
        one = (SPANS.c.trace_id == trace_id, SPANS.c.span_id == span_id)
        return self._first(sa.select(SPANS).where(*one), tx=tx)

    def of_trace(self, trace_id: str, *, limit: int = 1_000, tx: Transaction | None = None) -> tuple[SpanEntry, ...]:
        """The first spans of a trace, in the order in which they began."""
        return self._in_time(SPANS.c.trace_id == trace_id, limit=limit, tx=tx)

    def of_run(self, run_id: str, *, limit: int = 1_000, tx: Transaction | None = None) -> tuple[SpanEntry, ...]:
        """The first spans of a run, in the order in which they began."""
        return self._in_time(SPANS.c.run_id == run_id, limit=limit, tx=tx)

    def read_by(self, dataset: str, *, tx: Transaction | None = None) -> Mapping[str, int]:
        """The version of each input that the last publish of a dataset read; nothing before the first."""
        with self._database.reading(tx) as connection:
            return connection.scalar(_READ, {"dataset": dataset}) or {}

    def unread(self, read: Mapping[str, int], *, limit: int = 32, tx: Transaction | None = None) -> tuple[str, ...]:
        """The traceparents of what made the versions of datasets above those in `read`, the newest first."""
        raw = [name for name in read if name.startswith(_RAW)]
        made = [name for name in read if not name.startswith(_RAW)]
        if not read:
            return ()
        values: dict[str, Any] = {"most": limit}
        for number, name in enumerate((*raw, *made)):
            values |= {f"name_{number}": name, f"version_{number}": read[name]}
        with self._database.reading(tx) as connection:
            return tuple(dict.fromkeys(connection.scalars(_unread(len(raw), len(made)), values)))

    def prune(self, before: datetime, *, most: int = _MOST_SPANS, tx: Transaction | None = None) -> int:
        """Forgets spans that began before `before`, and the oldest beyond `most`."""
        gone = self._delete(SPANS.c.started_at < before, tx=tx)
        edge = sa.select(SPANS.c.started_at).order_by(SPANS.c.started_at.desc()).offset(most).limit(1)
        with self._database.reading(tx) as connection:
            oldest = connection.execute(edge).scalar()
        return gone if oldest is None else gone + self._delete(SPANS.c.started_at <= oldest, tx=tx)

    def _in_time(
        self, condition: sa.ColumnElement[bool], *, limit: int, tx: Transaction | None
    ) -> tuple[SpanEntry, ...]:
        ordered = sa.select(SPANS).where(condition).order_by(SPANS.c.started_at, SPANS.c.span_id)
        return self._select(ordered.limit(limit), tx=tx)


# Composed once, as the next one is: every step asks, and composing takes longer than asking.
_READ = (
    sa.select(RUNS.c.inputs)
    .where(RUNS.c.dataset == sa.bindparam("dataset"), RUNS.c.state == RunState.SUCCEEDED)
    .order_by(RUNS.c.started_at.desc(), RUNS.c.output_version.desc().nulls_last())
    .limit(1)
)


@lru_cache(maxsize=256)
def _unread(raw: int, made: int) -> sa.Select[Any]:
    """For so many raw and other datasets."""
    found = [
        sa.select(table.c.traceparent, at.label("at")).where(
            sa.or_(*(_is_newer(table, version, number) for number in numbers)), table.c.traceparent != ""
        )
        for table, version, at, numbers in (
            (BATCHES, BATCHES.c.raw_version, BATCHES.c.recorded_at, range(raw)),
            (RUNS, RUNS.c.output_version, RUNS.c.ended_at, range(raw, raw + made)),
        )
        if numbers
    ]
    both = sa.union_all(*found).subquery()
    return sa.select(both.c.traceparent).order_by(both.c.at.desc(), both.c.traceparent).limit(sa.bindparam("most"))


def _is_newer(table: sa.Table, version: sa.Column[Any], number: int) -> sa.ColumnElement[bool]:
    of_dataset = table.c.dataset == sa.bindparam(f"name_{number}")
    return sa.and_(of_dataset, version > sa.bindparam(f"version_{number}"))
