"""What is about to be published: staged files beside a base version, and everything the receipt will say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from data_platform.contracts.days import DayRange
from data_platform.contracts.model import Contract, DatasetName
from data_platform.contracts.rules import Rule
from data_platform.lakehouse.snapshots import DataFile, Snapshot
from data_platform.lakehouse.staging import scan_kept, scan_staged
from data_platform.lakehouse.tables import Commit, StagedFile, Table
from data_platform.publication.receipt import PartitionCount, Size
from data_platform.quality.verdicts import RuleResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one commit does to one table: files to add and files to remove, on top of `base`.

    Attributes:
        computed: SQL that is true for staged rows that this run computed; the others were published before and are only
            carried over from rewritten files.
        carried_rows: how many staged rows are carried over.
    """

    table: Table
    base: Snapshot
    adds: tuple[StagedFile, ...] = ()
    removes: tuple[DataFile, ...] = ()
    computed: str = "true"
    carried_rows: int = 0

    @property
    def kept(self) -> tuple[DataFile, ...]:
        """The files of the base that stay."""
        gone = {file.path for file in self.removes}
        return tuple(file for file in self.base.files if file.path not in gone)

    @property
    def staged_rows(self) -> int:
        """Rows in the staged files."""
        return sum(file.rows for file in self.adds)

    @property
    def written(self) -> Size:
        """What the commit adds."""
        return size_of(self.adds)

    @property
    def total(self) -> Size:
        """The table as it will be."""
        return size_of((*self.kept, *self.adds))

    @property
    def null_counts(self) -> dict[str, int]:
        """NULLs by column in the table as it will be, of the columns whose files all count them."""
        files: tuple[DataFile | StagedFile, ...] = (*self.kept, *self.adds)
        counts = [file.stats.null_count for file in files]
        known = set.intersection(*(set(count) for count in counts)) if counts else set[str]()
        return {name: sum(count[name] for count in counts) for name in sorted(known)}

    @property
    def staged_sql(self) -> str:
        """SELECT over the staged rows."""
        return scan_staged(self.table, self.base.schema, self.adds)

    @property
    def computed_sql(self) -> str:
        """SELECT over the staged rows that this run computed."""
        return f"SELECT * FROM ({self.staged_sql}) WHERE {self.computed}"

    @property
    def kept_sql(self) -> str:
        """SELECT over the kept rows."""
        return self.base.scan_files(self.kept)

    @property
    def whole_sql(self) -> str:
        """SELECT over the table as it will be."""
        return scan_kept(self.base, self.kept, self.adds)


def size_of(files: Sequence[DataFile | StagedFile]) -> Size:
    """How much some files hold."""
    return Size(rows=sum(f.rows for f in files), size_bytes=sum(f.size_bytes for f in files), files=len(files))


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run's identity. `id` is a UUID text.

    Attributes:
        job: what was started, by an orchestrator or on the command line; empty where nothing stands above the run.
        days: the days that it is about; None for everything.
        traceparent: the span that it is, as W3C Trace Context writes it; empty where nothing traces it.
    """

    id: str
    started_at: datetime
    code_version: str
    job: str = ""
    days: DayRange | None = None
    traceparent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A computed result, unseen until it is published.

    Attributes:
        rules: the contract's rules, audited on the staged files and on the table as it will be.
        waived: rows that a person released, by the rule they break; the audit expects to find exactly these.
        fates: what the SQL fates found of the quarantine rules, over the raw rows of the range.
        targets: SELECT of each dataset that a reference rule names, at the pinned version.
        input_sizes: the size of each input at the pinned version.
    """

    contract: Contract
    run: Run
    main: Change
    side: Change | None = None
    fingerprint: str
    inputs: Mapping[str, int] = field(default_factory=dict)
    decisions_version: int = -1
    days: DayRange | None = None
    rules: tuple[Rule, ...] = ()
    waived: Mapping[str, int] = field(default_factory=dict)
    fates: tuple[RuleResult, ...] = ()
    partitions: tuple[PartitionCount, ...] = ()
    targets: Mapping[DatasetName, str] = field(default_factory=dict)
    input_sizes: Mapping[str, Size] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A published result."""

    commit: Commit
    rows: int
    size_bytes: int
    checks: tuple[RuleResult, ...]
    partitions: tuple[PartitionCount, ...]
    inputs: Mapping[str, int]
    side_version: int = -1
