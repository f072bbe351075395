"""Compaction: many small files of a month become one, in a commit that changes no data. When to do it is decided
elsewhere; side tables are compacted only inside a publish.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from duckdb import DuckDBPyConnection

from data_platform.errors import CommitConflict, ConservationBroken
from data_platform.lakehouse.content_hash import content_hash
from data_platform.lakehouse.file_stats import StatValue
from data_platform.lakehouse.snapshots import DataFile, Snapshot
from data_platform.lakehouse.staging import discard, scan_staged, stage
from data_platform.lakehouse.tables import Commit, StagedFile, Table

TARGET_BYTES = 128 << 20


def compact(
    con: DuckDBPyConnection,
    table: Table,
    base: Snapshot,
    *,
    name: Callable[[], str],
    month_column: str | None = None,
    target_bytes: int = TARGET_BYTES,
) -> Commit | None:
    """Rewrites files below `target_bytes` into fewer ones; None where there is nothing to gain.

    Args:
        con: a connection of `duck.Engine`.
        table: the table to compact.
        base: its head.
        name: as for `stage`.
        month_column: files are joined only where their bounds lie in one month of this column; None joins any.
        target_bytes: files of this size or more are left alone.

    Raises:
        CommitConflict: another writer was first; nothing changed.
        ConservationBroken: the new files do not hold the same rows; nothing changed.
    """
    staged: list[StagedFile] = []
    removed: list[DataFile] = []
    try:
        for group in _groups(base.files, month_column, target_bytes):
            staged += _rewrite(con, table, base, group, name)
            removed += group
    except BaseException:
        discard(table, staged)
        raise
    if not removed:
        return None
    try:
        return table.commit(base, adds=staged, removes=removed, changes_data=False)
    except CommitConflict:  # after any other error the files may be the head's
        discard(table, staged)
        raise


def orphans(table: Table, base: Snapshot) -> list[str]:
    """Parquet files in the table's folder that `base` does not name: staged and lost, or removed by a commit."""
    named = {file.path for file in base.files}
    keys = table.store.list("")
    return [key for key in keys if "/" not in key and key.endswith(".parquet") and key not in named]


def _rewrite(
    con: DuckDBPyConnection, table: Table, base: Snapshot, group: Sequence[DataFile], name: Callable[[], str]
) -> list[StagedFile]:
    label = group[0].path.rsplit("-", 1)[0] + "-" if "-" in group[0].path else ""
    select = base.scan_files(group)
    staged = stage(con, select, table=table, schema=base.schema, name=lambda: label + name())
    before = content_hash(con, select, base.schema.names)
    after = content_hash(con, scan_staged(table, base.schema, staged), base.schema.names)
    if before != after:
        discard(table, staged)
        raise ConservationBroken(f"{table.ref}: compaction of version {base.version} turned {before} into {after}")
    return staged


def _groups(files: Sequence[DataFile], month_column: str | None, target_bytes: int) -> Iterator[list[DataFile]]:
    by_month: dict[tuple[object, ...], list[DataFile]] = defaultdict(list)
    for file in files:
        month = _month(file, month_column)
        if file.size_bytes < target_bytes and month is not None:
            by_month[month].append(file)
    for month_files in by_month.values():
        yield from _bins(month_files, target_bytes)


def _bins(files: Sequence[DataFile], target_bytes: int) -> Iterator[list[DataFile]]:
    group: list[DataFile] = []
    for file in files:
        if group and sum(f.size_bytes for f in group) + file.size_bytes > target_bytes:
            if len(group) > 1:
                yield group
            group = []
        group.append(file)
    if len(group) > 1:
        yield group


def _month(file: DataFile, column: str | None) -> tuple[object, ...] | None:
    """The month all rows of the file lie in, () without a column; None if they span months or cannot be told."""
    if column is None:
        return ()
    if file.rows and file.stats.null_count.get(column) == file.rows:
        return ("none",)
    low, high = _year_month(file.stats.minimum.get(column)), _year_month(file.stats.maximum.get(column))
    return low if low == high else None


def _year_month(bound: StatValue | None) -> tuple[object, ...] | None:
    return (getattr(bound, "year", None), getattr(bound, "month", None)) if hasattr(bound, "year") else None
