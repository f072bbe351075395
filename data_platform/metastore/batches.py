"""The ledger of landed batches: one line per batch, one per file. What was delivered before is in `deliveries`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data_platform.metastore.catalog_facts import chunks
from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.repository import Repeat, Repository, upsert
from data_platform.metastore.tables import BATCHES, FILES, REJECTIONS, FileOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEntry:
    """What one batch brought: `source = raw + rejected` must hold.

    Attributes:
        batch_id: `<source>/<number>`.
        raw_version, rejected_version: the table versions that hold the batch.
        run_id: None where recovery could not tell.
        traceparent: the span that committed it, as W3C Trace Context writes it.
    """

    dataset: str
    source: str
    number: int
    batch_id: str
    manifest_sha256: str
    received_at: datetime
    contract_version: str
    source_rows: int
    raw_rows: int
    rejected_rows: int
    raw_version: int
    rejected_version: int
    run_id: str | None = None
    recorded_at: datetime
    traceparent: str = ""

    @property
    def residual(self) -> int:
        """Rows that are unaccounted for; anything but 0 breaks conservation."""
        return self.source_rows - self.raw_rows - self.rejected_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """What became of one file of a batch.

    Attributes:
        source_rows: None for a file that could not be read at all.
        first_batch: for a skipped file, the batch that landed the same delivery first.
    """

    dataset: str
    batch_id: str
    position: int
    name: str
    sha256: str
    outcome: FileOutcome
    reason: str = ""
    source_rows: int | None
    raw_rows: int = 0
    rejected_rows: int = 0
    first_batch: str | None = None


class Batches(Repository[BatchEntry]):
    """Ledger lines of batches and their files."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, BATCHES, BatchEntry)
        self._files = Repository(database, FILES, FileEntry)

    def record(
        self,
        batch: BatchEntry,
        *,
        files: Iterable[FileEntry] = (),
        reasons: Mapping[str, int] | None = None,
        tx: Transaction | None = None,
    ) -> None:
        """Writes one batch with all its files and the reasons of what it rejected; a repeat replaces them."""
        with self._database.writing(tx) as connection:
            inner = Transaction(connection)
            self._upsert([batch], repeat=Repeat(keep=("recorded_at",), fill=("run_id",)), tx=inner)
            of_batch = (FILES.c.dataset == batch.dataset, FILES.c.batch_id == batch.batch_id)
            self._files._delete(*of_batch, tx=inner)
            self._files._upsert(files, repeat=Repeat(), tx=inner)
            place = {"dataset": batch.dataset, "batch_id": batch.batch_id}
            rejected = [{**place, "reason": reason, "rows": rows} for reason, rows in (reasons or {}).items()]
            upsert(connection, REJECTIONS, rejected, repeat=Repeat())

    def get(self, dataset: str, *, batch_id: str, tx: Transaction | None = None) -> BatchEntry | None:
        """One batch's line."""
        return self._first(
            sa.select(BATCHES).where(BATCHES.c.dataset == dataset, BATCHES.c.batch_id == batch_id), tx=tx
        )

    def named(self, batch_id: str, *, tx: Transaction | None = None) -> tuple[BatchEntry, ...]:
        """The batches `<source>/<number>` of every dataset, by dataset."""
        statement = sa.select(BATCHES).where(BATCHES.c.batch_id == batch_id)
        return self._select(statement.order_by(BATCHES.c.dataset), tx=tx)

    def made(self, dataset: str, *, raw_version: int, tx: Transaction | None = None) -> tuple[BatchEntry, ...]:
        """The batches that one raw version brought."""
        one = (BATCHES.c.dataset == dataset, BATCHES.c.raw_version == raw_version)
        return self._select(sa.select(BATCHES).where(*one).order_by(BATCHES.c.source, BATCHES.c.number), tx=tx)

    def of(
        self, dataset: str, *, source: str | None = None, limit: int | None = None, tx: Transaction | None = None
    ) -> tuple[BatchEntry, ...]:
        """A dataset's batches, newest first."""
        statement = sa.select(BATCHES).where(BATCHES.c.dataset == dataset)
        if source is not None:
            statement = statement.where(BATCHES.c.source == source)
        newest_first = (BATCHES.c.received_at.desc(), BATCHES.c.source, BATCHES.c.number.desc())
        return self._select(statement.order_by(*newest_first).limit(limit), tx=tx)

    def of_runs(self, run_ids: Collection[str], *, tx: Transaction | None = None) -> tuple[BatchEntry, ...]:
        """The batches that runs committed, by dataset and source, oldest first."""
        of_them = sa.select(BATCHES).where(BATCHES.c.run_id.in_(run_ids))
        return self._select(of_them.order_by(BATCHES.c.dataset, BATCHES.c.source, BATCHES.c.number), tx=tx)

    def of_trace(self, trace_id: str, *, tx: Transaction | None = None) -> tuple[BatchEntry, ...]:
        """The batches of a trace, by dataset and source, oldest first."""
        of_it = sa.select(BATCHES).where(BATCHES.c.traceparent.between(f"00-{trace_id}-", f"00-{trace_id}-g"))
        return self._select(of_it.order_by(BATCHES.c.dataset, BATCHES.c.source, BATCHES.c.number), tx=tx)

    def after(self, dataset: str, *, raw_version: int, tx: Transaction | None = None) -> tuple[BatchEntry, ...]:
        """The batches that raw versions above `raw_version` brought, oldest first."""
        newer = (BATCHES.c.dataset == dataset, BATCHES.c.raw_version > raw_version)
        return self._select(sa.select(BATCHES).where(*newer).order_by(BATCHES.c.raw_version, BATCHES.c.number), tx=tx)

    def rows_at(self, dataset: str, *, raw_version: int, tx: Transaction | None = None) -> int:
        """The rows that all batches up to a raw version brought."""
        upto = (BATCHES.c.dataset == dataset, BATCHES.c.raw_version <= raw_version)
        with self._database.reading(tx) as connection:
            found = connection.execute(sa.select(sa.func.coalesce(sa.func.sum(BATCHES.c.raw_rows), 0)).where(*upto))
            return int(found.scalar_one())

    def files(self, dataset: str, *, batch_id: str, tx: Transaction | None = None) -> tuple[FileEntry, ...]:
        """A batch's files in the order of its manifest."""
        of_batch = (FILES.c.dataset == dataset, FILES.c.batch_id == batch_id)
        return self._files._select(sa.select(FILES).where(*of_batch).order_by(FILES.c.position), tx=tx)

    def known_files(self, dataset: str, *, source: str, tx: Transaction | None = None) -> frozenset[tuple[str, str]]:
        """(name, sha256) of every file that a batch of the source accounts for."""
        of_source = (FILES.c.dataset == dataset, FILES.c.batch_id.startswith(f"{source}/", autoescape=True))
        with self._database.reading(tx) as connection:
            found = connection.execute(sa.select(FILES.c.name, FILES.c.sha256).where(*of_source))
            return frozenset((name, sha256) for name, sha256 in found)

    def numbered(
        self, dataset: str, *, source: str, first: int, limit: int, tx: Transaction | None = None
    ) -> tuple[BatchEntry, ...]:
        """The newest of the source's batches from number `first` on, oldest first."""
        from_there = (BATCHES.c.dataset == dataset, BATCHES.c.source == source, BATCHES.c.number >= first)
        newest = sa.select(BATCHES).where(*from_there).order_by(BATCHES.c.number.desc()).limit(limit)
        return self._select(newest, tx=tx)[::-1]

    def unread(self, dataset: str, *, batch_ids: Collection[str], tx: Transaction | None = None) -> frozenset[str]:
        """Those of the batches with a file of which nobody knows how many records it has."""
        is_unread = (FILES.c.dataset == dataset, FILES.c.outcome == FileOutcome.REJECTED)
        found: set[str] = set()
        with self._database.reading(tx) as connection:
            for some in chunks(set(batch_ids)):
                of_them = sa.select(FILES.c.batch_id).where(*is_unread, FILES.c.batch_id.in_(list(some)))
                found.update(connection.execute(of_them).scalars())
        return frozenset(found)

    def last_number(self, dataset: str, *, source: str, tx: Transaction | None = None) -> int | None:
        """The number of the source's last recorded batch; None before the first."""
        of_source = (BATCHES.c.dataset == dataset, BATCHES.c.source == source)
        with self._database.reading(tx) as connection:
            return connection.execute(sa.select(sa.func.max(BATCHES.c.number)).where(*of_source)).scalar()

    def rejections(self, *, tx: Transaction | None = None) -> Mapping[tuple[str, str, str], int]:
        """Items rejected so far, by dataset, source and reason."""
        source = BATCHES.c.source
        of_batch = (REJECTIONS.c.dataset == BATCHES.c.dataset) & (REJECTIONS.c.batch_id == BATCHES.c.batch_id)
        rows = sa.cast(sa.func.sum(REJECTIONS.c.rows), sa.BigInteger)
        statement = sa.select(REJECTIONS.c.dataset, source, REJECTIONS.c.reason, rows).select_from(
            REJECTIONS.join(BATCHES, of_batch)
        )
        with self._database.reading(tx) as connection:
            found = connection.execute(statement.group_by(REJECTIONS.c.dataset, source, REJECTIONS.c.reason))
            return {(dataset, source_, reason): int(total) for dataset, source_, reason, total in found}

    def totals(self, *, tx: Transaction | None = None) -> Mapping[tuple[str, str], tuple[int, int, int]]:
        """Batches, records and raw rows so far, by dataset and source."""
        sums = [sa.cast(sa.func.sum(c), sa.BigInteger) for c in (BATCHES.c.source_rows, BATCHES.c.raw_rows)]
        statement = sa.select(BATCHES.c.dataset, BATCHES.c.source, sa.func.count(), *sums)
        with self._database.reading(tx) as connection:
            found = connection.execute(statement.group_by(BATCHES.c.dataset, BATCHES.c.source))
            return {(dataset, source): (n, int(rows), int(raw)) for dataset, source, n, rows, raw in found}

    def since(
        self, dataset: str, *, source: str, since: datetime, tx: Transaction | None = None
    ) -> tuple[BatchEntry, ...]:
        """The source's batches received at a moment or later, oldest first."""
        recent = (BATCHES.c.dataset == dataset, BATCHES.c.source == source, BATCHES.c.received_at >= since)
        return self._select(sa.select(BATCHES).where(*recent).order_by(BATCHES.c.number), tx=tx)

    def rows_since(self, dataset: str, *, source: str, since: datetime, tx: Transaction | None = None) -> int:
        """Records of the source's batches received at a moment or later."""
        recent = (BATCHES.c.dataset == dataset, BATCHES.c.source == source, BATCHES.c.received_at >= since)
        total = sa.cast(sa.func.coalesce(sa.func.sum(BATCHES.c.source_rows), 0), sa.BigInteger)
        with self._database.reading(tx) as connection:
            return int(connection.execute(sa.select(total).where(*recent)).scalar_one())

    def unbalanced(self, dataset: str | None = None, *, tx: Transaction | None = None) -> tuple[BatchEntry, ...]:
        """Batches whose rows do not add up."""
        statement = sa.select(BATCHES).where(BATCHES.c.source_rows != BATCHES.c.raw_rows + BATCHES.c.rejected_rows)
        if dataset is not None:
            statement = statement.where(BATCHES.c.dataset == dataset)
        return self._select(statement.order_by(BATCHES.c.dataset, BATCHES.c.source, BATCHES.c.number), tx=tx)
