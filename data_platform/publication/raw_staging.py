"""Turns the records of one batch into staged files of the raw and rejected tables. Committing them is in `batches`.

What a file contributes is staged apart from other files' once it is large, so that a file rejected half-way through
leaves nothing behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
from duckdb import DuckDBPyConnection
from sqlglot import exp

from data_platform.contracts.event_day import utc_day
from data_platform.contracts.model import Contract
from data_platform.contracts.types import quote_identifier
from data_platform.costs.usage import count
from data_platform.formats.reading import EXTRA, RECORD_NO, Chunk, keeps_extra
from data_platform.lakehouse.landing import LandedObject, Manifest
from data_platform.lakehouse.staging import discard, stage
from data_platform.lakehouse.tables import StagedFile, Table
from data_platform.publication.shape import REJECTED_TABLE

FLUSH_ROWS = 1_000_000


@dataclass(slots=True)
class RawStaging:
    """Collects chunks and stages them, about FLUSH_ROWS at a time.

    Attributes:
        reasons: how many items of the settled files were rejected for each reason.
        logical_bytes: of the files read, expanded.
    """

    con: DuckDBPyConnection
    contract: Contract
    manifest: Manifest
    raw: Table
    rejected: Table
    name: Callable[[], str]
    raw_shape: pa.Schema
    raw_files: list[StagedFile] = field(default_factory=list)
    rejected_files: list[StagedFile] = field(default_factory=list)
    _settled: list[pa.Table] = field(default_factory=list)
    _current: list[pa.Table] = field(default_factory=list)
    _current_files: list[StagedFile] = field(default_factory=list)
    _rejected: list[pa.Table] = field(default_factory=list)
    _current_rejected: list[pa.Table] = field(default_factory=list)
    _numbered: int = 0
    logical_bytes: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    _current_reasons: Counter[str] = field(default_factory=Counter)

    def add(self, chunk: Chunk, landed: LandedObject) -> None:
        """Takes one chunk of the file that is being read."""
        if chunk.records.num_rows:
            table = _renumbered(pa.Table.from_batches([chunk.records]), RECORD_NO, self._numbered)
            self._current.append(self._dated(table, landed))
        if chunk.rejected.num_rows:
            table = _renumbered(pa.Table.from_batches([chunk.rejected]), "record_no", self._numbered)
            self._current_rejected.append(_named(table, landed))
            self._current_reasons.update(table.column("reason").to_pylist())
        if _rows(self._current) + _rows(self._settled) >= FLUSH_ROWS:
            self._flush_settled()
            if _rows(self._current) >= FLUSH_ROWS // 2:
                self._current_files += self._stage_raw(self._current)
                self._current = []

    def _dated(self, table: pa.Table, landed: LandedObject) -> pa.Table:
        """Adds the date to which a file without event times belongs: its delivery date, else the receipt date."""
        if self.contract.watermark is not None:
            return table
        day = landed.delivery_date or self.manifest.received_at.date()
        return table.append_column("_delivery_date", pa.repeat(pa.scalar(day, pa.date32()), table.num_rows))

    def settle(self, source_rows: int) -> None:
        """Keeps what the current file contributed; its records take `source_rows` numbers."""
        self._settled += self._current
        self._rejected += self._current_rejected
        self.raw_files += self._current_files
        self._numbered += source_rows
        self.reasons += self._current_reasons
        self._forget_current()

    def reject(self, landed: LandedObject, *, reason: str, detail: str) -> None:
        """Drops what the current file contributed; the file becomes one rejected item."""
        discard(self.raw, self._current_files)
        self._forget_current()
        self.reasons[reason] += 1
        item = pa.table(
            {
                "record_no": [1],
                "byte_offset": pa.nulls(1, pa.int64()),
                "reason": [reason],
                "column": pa.nulls(1, pa.string()),
                "detail": [detail],
                "raw_text": pa.nulls(1, pa.string()),
            }
        )
        self._rejected.append(_named(_renumbered(item, "record_no", self._numbered), landed))
        self._numbered += 1

    def _forget_current(self) -> None:
        self._current, self._current_rejected, self._current_files = [], [], []
        self._current_reasons = Counter()

    def finish(self) -> None:
        """Stages what is left."""
        self._flush_settled()
        if self._rejected:
            incoming = pa.concat_tables(self._rejected, promote_options="permissive")
            self.rejected_files += self._stage(incoming, _rejected_select(self.manifest), self.rejected, REJECTED_TABLE)
            self._rejected = []

    def abandon(self) -> None:
        """Deletes everything that was staged."""
        discard(self.raw, [*self.raw_files, *self._current_files])
        discard(self.rejected, self.rejected_files)

    def _flush_settled(self) -> None:
        if self._settled:
            self.raw_files += self._stage_raw(self._settled)
            self._settled = []

    def _stage_raw(self, tables: list[pa.Table]) -> list[StagedFile]:
        return self._stage(pa.concat_tables(tables), raw_select(self.contract, self.manifest), self.raw, self.raw_shape)

    def _stage(self, incoming: pa.Table, select: str, table: Table, shape: pa.Schema) -> list[StagedFile]:
        month = "_event_date" if "_event_date" in shape.names else None
        self.con.register("incoming", incoming)
        try:
            files = stage(self.con, select, table=table, schema=shape, name=self.name, month=month)
            count(written=sum(file.size_bytes for file in files))
            return files
        finally:
            self.con.unregister("incoming")


def raw_select(contract: Contract, manifest: Manifest) -> str:
    """SELECT of the raw table's columns from `incoming`: a pure function of contract and manifest."""
    columns = ", ".join(quote_identifier(column.name) for column in contract.columns)
    extra = f", {EXTRA}" if keeps_extra(contract) else ""
    return f"""
        SELECT {columns}, {_text(manifest.batch_id)} AS _batch_id, {RECORD_NO} AS _record_no,
               {_moment(manifest)} AS _ingested_at, {_late(contract, manifest)} AS _late,
               {_event_date(contract, manifest)} AS _event_date{extra}
        FROM incoming"""


def usable_event_time(contract: Contract, manifest: Manifest) -> str:
    """SQL that is true where the named event time can place a row in time."""
    if contract.watermark is None:
        return "false"
    column = quote_identifier(contract.watermark)
    bounds = contract.event_time_range
    conditions = [f"{column} IS NOT NULL"]
    if bounds.not_before is not None:
        conditions.append(f"{column} >= {_timestamp(bounds.not_before.isoformat())}")
    if bounds.max_ahead is not None:
        conditions.append(f"{column} <= {_timestamp((manifest.received_at + bounds.max_ahead).isoformat())}")
    return "(" + " AND ".join(conditions) + ")"


def _event_date(contract: Contract, manifest: Manifest) -> str:
    if contract.watermark is None:
        return "_delivery_date"
    receipt = _date(manifest.received_at.date().isoformat())
    usable, day = usable_event_time(contract, manifest), utc_day(contract, contract.watermark)
    return f"CASE WHEN {usable} THEN {day} ELSE {receipt} END"


def _late(contract: Contract, manifest: Manifest) -> str:
    if contract.watermark is None or manifest.watermark_before is None or not manifest.published_event_dates:
        return "false"
    day = utc_day(contract, contract.watermark)
    limit = _timestamp((manifest.watermark_before - contract.allowed_lateness).isoformat())
    published = " OR ".join(
        f"{day} BETWEEN {_date(low.isoformat())} AND {_date(high.isoformat())}"
        for low, high in manifest.published_event_dates
    )
    usable = usable_event_time(contract, manifest)
    return f"coalesce({usable} AND {quote_identifier(contract.watermark)} < {limit} AND ({published}), false)"


def _rejected_select(manifest: Manifest) -> str:
    return f"""
        SELECT {_text(manifest.batch_id)} AS _batch_id, record_no AS _record_no, {_moment(manifest)} AS _ingested_at,
               source_name, source_sha256, byte_offset, reason, "column" AS column_name, detail, raw_text,
               {_text(manifest.contract_version)} AS contract_version
        FROM incoming"""


def _moment(manifest: Manifest) -> str:
    return _timestamp(manifest.received_at.isoformat())


def _text(value: str) -> str:
    return exp.Literal.string(value).sql(dialect="duckdb")


def _timestamp(value: str) -> str:
    return f"CAST({_text(value)} AS TIMESTAMP WITH TIME ZONE)"


def _date(value: str) -> str:
    return f"CAST({_text(value)} AS DATE)"


def _rows(tables: list[pa.Table]) -> int:
    return sum(table.num_rows for table in tables)


def _renumbered(table: pa.Table, column: str, offset: int) -> pa.Table:
    """Record numbers run through the batch, not the file."""
    if not offset:
        return table
    numbers = pc.add(table.column(column), pa.scalar(offset, pa.int64()))
    return table.set_column(table.schema.get_field_index(column), column, numbers)


def _named(table: pa.Table, landed: LandedObject) -> pa.Table:
    rows = table.num_rows
    table = table.append_column("source_name", pa.repeat(pa.scalar(landed.name), rows))
    return table.append_column("source_sha256", pa.repeat(pa.scalar(landed.sha256), rows))
