"""What is there against what should be there: contracts, and the commits in the ledger. Pure; looking at the store is
in `lakehouse.inventory`, doing it all is in `scanning`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from data_platform.catalog.canonical import canonical, digest
from data_platform.contracts.domains import Project
from data_platform.contracts.model import DatasetName, Layer
from data_platform.contracts.schema import arrow_schema, raw_schema
from data_platform.lakehouse.found_tables import FoundColumn, FoundKind, FoundTable, columns_of
from data_platform.lakehouse.table_ref import Zone
from data_platform.publication.shape import DECISIONS_TABLE, HELD_TABLE, REJECTED_TABLE

WAREHOUSE = "warehouse"
_TABLES = "tables"


class Standing(StrEnum):
    """What a table is to the platform."""

    MANAGED = "managed"  # as its contract and the ledger say
    DRIFTED = "drifted"  # a contract describes it, but it is not as the contract or the ledger says
    UNMANAGED = "unmanaged"  # no contract describes it
    MISSING = "missing"  # it was published, and is not there


class DifferenceKind(StrEnum):
    """In what a table differs."""

    NO_CONTRACT = "no_contract"
    TABLE_MISSING = "table_missing"
    UNREADABLE = "unreadable"
    NO_LOG = "no_log"  # Parquet files where a Delta table should be
    COLUMN_ADDED = "column_added"
    COLUMN_REMOVED = "column_removed"
    COLUMN_TYPE = "column_type"
    FOREIGN_VERSION = "foreign_version"  # written outside the platform
    REWRITTEN_VERSION = "rewritten_version"  # its log entry has another digest than the ledger
    VERSION_LOST = "version_lost"  # acknowledged, but not in the log any more
    FILE_LOST = "file_lost"
    NOT_A_TABLE = "not_a_table"  # a view where a table was built
    ROWS = "rows"  # the copy holds another number of rows than what it was made from


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One difference. `subject` is the column, version or file; `expected` and `found` are empty where nothing is."""

    kind: DifferenceKind
    subject: str = ""
    expected: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a contract says is there.

    Attributes:
        dataset: whose contract it is.
        is_side: of a table beside a dataset's own (rejected, held, decisions), which counts for nothing by itself.
    """

    name: str
    dataset: str
    columns: tuple[FoundColumn, ...]
    is_side: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignCommit:
    """A version that the ledger does not have and the platform did not write."""

    version: int
    operation: str
    engine: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What ledger and log say of each other.

    Attributes:
        rewritten: versions whose entry has another digest than was acknowledged.
        lost: the newest acknowledged version, where the log ends before it.
        rows: how many the ledger says there are, for a copy of a published version.
    """

    foreign: tuple[ForeignCommit, ...] = ()
    rewritten: tuple[int, ...] = ()
    lost: int | None = None
    rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One table with its standing."""

    name: str
    standing: Standing
    found: FoundTable | None
    expected: Expected | None
    differences: tuple[Difference, ...] = ()

    @property
    def fingerprint(self) -> str:
        """The same for as long as nothing changes that somebody would decide otherwise about."""
        # How much is in a table that nobody described may change every minute; what it looks like should not.
        shape = self.found.columns if self.found and self.standing is Standing.UNMANAGED else ()
        told = [self.standing.value, [asdict(one) for one in self.differences], [asdict(one) for one in shape]]
        return digest(canonical(told))


def name_of(found: FoundTable) -> str:
    """What people call a table: `<zone>.<domain>.<table>`, `warehouse.<schema>.<table>`, or its place."""
    if found.kind in (FoundKind.DUCKDB_TABLE, FoundKind.DUCKDB_VIEW):
        return f"{WAREHOUSE}.{found.place}"
    parts = found.place.split("/")
    is_ours = len(parts) == len("tzdn") and parts[0] == _TABLES and parts[1] in set(Zone) and "." not in found.place
    if is_ours:
        return ".".join(parts[1:])
    return found.place if "/" in found.place else f"./{found.place}"


def expectations(project: Project) -> Mapping[str, Expected]:
    """Everything that the contracts of a project say can be there, by name."""
    return {one.name: one for name in project.datasets for one in _expected(project, name)}


def judge(found: FoundTable, expected: Expected | None, history: History) -> Judged:
    """The standing of a table that is there."""
    if expected is None:
        differences = [Difference(DifferenceKind.NO_CONTRACT)]
        differences += [Difference(DifferenceKind.UNREADABLE, found=found.fault)] if found.fault else []
        standing = Standing.UNMANAGED
    else:
        differences = sorted(_differences(found, expected, history))
        standing = Standing.DRIFTED if differences else Standing.MANAGED
    return Judged(
        name=name_of(found), standing=standing, found=found, expected=expected, differences=tuple(differences)
    )


def missing(expected: Expected, recorded: int) -> Judged:
    """The standing of a table that was published up to a version, and is not there."""
    difference = Difference(DifferenceKind.TABLE_MISSING, expected=f"version {recorded}")
    return Judged(
        name=expected.name, standing=Standing.MISSING, found=None, expected=expected, differences=(difference,)
    )


def _expected(project: Project, name: DatasetName) -> Iterator[Expected]:
    contract = project.dataset(name).contract
    own = raw_schema(contract) if name.layer is Layer.RAW else arrow_schema(contract)
    sides = {Zone.REJECTED: REJECTED_TABLE} if name.layer is Layer.RAW else {}
    if name.layer is Layer.CURATED:
        sides = {Zone.HELD: HELD_TABLE, Zone.DECISIONS: DECISIONS_TABLE}
    yield Expected(name=str(name), dataset=str(name), columns=columns_of(own))
    for zone, schema in sides.items():
        side = f"{zone.value}.{name.domain}.{name.name}"
        yield Expected(name=side, dataset=str(name), columns=columns_of(schema), is_side=True)
    if name.layer is Layer.SERVED:
        copy = f"{WAREHOUSE}.{name.domain}.{name.name}"
        yield Expected(name=copy, dataset=str(name), columns=columns_of(own))


def _differences(found: FoundTable, expected: Expected, history: History) -> Iterator[Difference]:
    if found.fault:
        yield Difference(DifferenceKind.UNREADABLE, found=found.fault)
        return
    if found.kind is FoundKind.PARQUET:
        yield Difference(DifferenceKind.NO_LOG, expected="a Delta table", found="Parquet files")
        return
    if found.kind is FoundKind.DUCKDB_VIEW:
        yield Difference(DifferenceKind.NOT_A_TABLE, expected="a table", found="a view")
    yield from _of_columns(found, expected, history)
    yield from _of_versions(found, history)
    if history.rows is not None and found.rows is not None and history.rows != found.rows:
        yield Difference(DifferenceKind.ROWS, expected=str(history.rows), found=str(found.rows))


def _of_columns(found: FoundTable, expected: Expected, history: History) -> Iterator[Difference]:
    there = {column.name: column.type for column in found.columns}
    wanted = {column.name: column.type for column in expected.columns}
    for name, kind in there.items():
        if name not in wanted:
            yield Difference(DifferenceKind.COLUMN_ADDED, name, found=kind)
        elif wanted[name] != kind:
            yield Difference(DifferenceKind.COLUMN_TYPE, name, expected=wanted[name], found=kind)
    # The columns of a new minor version come with the next run: until then only a version that others wrote, or a copy
    # that somebody changed, can have lost one.
    if history.foreign or history.rewritten or found.kind is not FoundKind.DELTA:
        for name, kind in wanted.items():
            if name not in there:
                yield Difference(DifferenceKind.COLUMN_REMOVED, name, expected=kind)


def _of_versions(found: FoundTable, history: History) -> Iterator[Difference]:
    for commit in history.foreign:
        written = " by ".join(word for word in (commit.operation, commit.engine) if word)
        yield Difference(DifferenceKind.FOREIGN_VERSION, str(commit.version), found=written or "unknown")
    for version in history.rewritten:
        yield Difference(DifferenceKind.REWRITTEN_VERSION, str(version))
    if history.lost is not None:
        newest = f"version {found.version}"
        yield Difference(DifferenceKind.VERSION_LOST, expected=f"version {history.lost}", found=newest)
    for fault in found.lost:
        path, _, what = fault.rpartition(": ")
        yield Difference(DifferenceKind.FILE_LOST, path, found=what)
