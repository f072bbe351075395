"""What a commit says about itself: the receipt in its metadata, from which everything else is recorded.

It is written with the commit, so a lost metastore loses nothing: `recording` derives every row from receipts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache

from pydantic import TypeAdapter, ValidationError

from data_platform.errors import DamagedTable
from data_platform.quality.verdicts import RuleResult

METADATA_KEY = "data_platform"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionCount:
    """The ledger of one event-date partition: `source` raw rows and how many met each fate.

    Attributes:
        partition: the day, `YYYY-MM-DD`, or `all` for an unpartitioned dataset.
        source: raw rows, counted from the raw table alone; for datasets without raw input, the published rows.
        fates: fate to rows, each counted from where the rows now are.
    """

    partition: str
    source: int
    fates: Mapping[str, int]

    @property
    def residual(self) -> int:
        """Rows without a fate (positive) or with two (negative); 0 when the ledger closes."""
        return self.source - sum(self.fates.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCount:
    """One rule's verdict, without samples: receipts never hold values of the data."""

    rule: str
    kind: str
    reason: str
    severity: str
    verdict: str
    rows_examined: int
    failing_rows: int
    engine: str
    detail: str = ""

    @classmethod
    def of(cls, result: RuleResult) -> CheckCount:
        """The verdict of a rule's result."""
        return cls(
            rule=result.rule,
            kind=result.kind.value,
            reason=result.reason,
            severity=result.severity.value,
            verdict=result.verdict.value,
            rows_examined=result.rows_examined,
            failing_rows=result.failing_rows,
            engine=result.engine,
            detail=result.detail,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCount:
    """One delivered file's line in the ledger of its batch. `source_rows` is None where nothing could be counted."""

    position: int
    name: str
    sha256: str
    outcome: str
    reason: str = ""
    source_rows: int | None = None
    raw_rows: int = 0
    rejected_rows: int = 0
    first_batch: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCount:
    """The ledger of one landed batch.

    Attributes:
        event_dates: raw rows by event date.
        newest_event_time: of the batch's usable event times; None where there is none.
        newest_by_partition: the same for each partition of the source; empty where the source has none.
        rejected_reasons: how many items were rejected for each reason.
        scales: what is known after it of the size of each numeric column's values (`scale_watch`).
    """

    source: str
    n: int
    manifest_sha256: str
    received_at: datetime
    rejected_version: int
    files: tuple[FileCount, ...]
    event_dates: Mapping[date, int]
    newest_event_time: datetime | None = None
    newest_by_partition: Mapping[str, datetime] = field(default_factory=dict)
    rejected_reasons: Mapping[str, int] = field(default_factory=dict)
    scales: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def source_rows(self) -> int:
        """Records in the source; a file that could not be read at all counts as one item."""
        return sum(1 if f.source_rows is None else f.source_rows for f in self.files if f.outcome != "skipped")

    @property
    def raw_rows(self) -> int:
        """Rows that raw holds."""
        return sum(f.raw_rows for f in self.files)

    @property
    def rejected_rows(self) -> int:
        """Items that could not be read."""
        return sum(f.rejected_rows for f in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much one version of a table holds, or one commit wrote."""

    rows: int
    size_bytes: int
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Everything that is recorded about one commit.

    Attributes:
        inputs: table (`layer.domain.name`) to the version that was read.
        range_from, range_to: the run's days, half-open; None for the whole table.
        decisions_version: version of the decisions table that was read; -1 where there is none.
        fingerprint: digest of contract and query: what was computed, apart from the data.
        job: the run that this one is part of, by its job's name; empty where it is part of none.
        input_sizes: the size of each input at the version that was read.
        written: what the commit added. total: the table after it. None in receipts of older platforms.
        null_counts: NULLs by column in the table after the commit, of the columns whose files all count them.
        traceparent: the span in which it was made, as W3C Trace Context writes it.
    """

    dataset: str
    run_id: str
    materialization: str
    started_at: datetime
    finished_at: datetime
    contract_version: str
    contract_sha256: str
    code_version: str
    fingerprint: str
    rows: int
    inputs: Mapping[str, int] = field(default_factory=dict)
    decisions_version: int = -1
    range_from: date | None = None
    range_to: date | None = None
    side_version: int = -1
    partitions: tuple[PartitionCount, ...] = ()
    checks: tuple[CheckCount, ...] = ()
    batch: BatchCount | None = None
    job: str = ""
    input_sizes: Mapping[str, Size] = field(default_factory=dict)
    written: Size | None = None
    total: Size | None = None
    null_counts: Mapping[str, int] = field(default_factory=dict)
    traceparent: str = ""

    def metadata(self) -> dict[str, str]:
        """The receipt as commit metadata."""
        return {METADATA_KEY: _adapter().dump_json(self).decode()}

    @classmethod
    def read(cls, metadata: Mapping[str, str]) -> Receipt | None:
        """The receipt in a commit's metadata; None for commits that change no data (creation, compaction).

        Raises:
            DamagedTable: the metadata holds a receipt that cannot be read.
        """
        text = metadata.get(METADATA_KEY)
        if text is None:
            return None
        try:
            return _adapter().validate_json(text)
        except ValidationError as error:
            raise DamagedTable(
                f"a commit's receipt cannot be read ({error.error_count()} faults); "
                "was the table written by a newer version of the platform?"
            ) from error


@cache
def _adapter() -> TypeAdapter[Receipt]:
    return TypeAdapter(Receipt)
