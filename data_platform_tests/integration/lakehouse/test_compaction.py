from __future__ import annotations

import pytest
from duckdb import DuckDBPyConnection

from data_platform.errors import CommitConflict
from data_platform.lakehouse.compaction import compact, orphans
from data_platform.lakehouse.content_hash import content_hash
from data_platform.lakehouse.tables import Lake
from data_platform_tests.integration.lakehouse.orders import append, created, ids, name, rows, staged


def test_small_files_become_one_per_month_and_the_content_stays(lake: Lake, con: DuckDBPyConnection) -> None:
    table = created(lake)
    for first, day in ((0, "2024-01-10"), (10, "2024-02-10"), (20, "2024-01-20"), (30, "2024-02-20")):
        files = staged(con, table, rows(first, 5, day=day), month='"at"')
        table.commit(table.snapshot(), adds=files, transactions={"till": first})
    base = table.snapshot()
    before = content_hash(con, base.scan())
    commit = compact(con, table, base, name=name, month_column="at")
    assert commit is not None
    assert (commit.files_added, commit.files_removed, commit.rows_added, commit.rows_removed) == (2, 4, 20, 20)
    after = table.snapshot()
    assert content_hash(con, after.scan()) == before
    assert [file.path[:7] for file in after.files] == ["2024-01", "2024-02"]
    assert after.transaction("till") == 30
    (logged,) = list(table.history(after.version))
    assert not logged.changes_data
    assert orphans(table, after) == sorted(file.path for file in base.files)
    assert compact(con, table, after, name=name, month_column="at") is None


def test_files_at_the_target_size_are_left_alone(local_lake: Lake, con: DuckDBPyConnection) -> None:
    table = created(local_lake)
    for first in (0, 10, 20):
        append(con, table, first)
    base = table.snapshot()
    assert compact(con, table, base, name=name, target_bytes=base.files[0].size_bytes) is None
    commit = compact(con, table, base, name=name, target_bytes=int(base.files[0].size_bytes * 2.5))
    assert commit is not None
    assert (commit.files_added, commit.files_removed) == (1, 2)
    assert ids(con, table.snapshot()) == list(range(30))


def test_a_compaction_that_lost_the_race_changes_nothing_and_leaves_no_file(
    local_lake: Lake, con: DuckDBPyConnection
) -> None:
    table = created(local_lake)
    append(con, table, 0)
    append(con, table, 10)
    stale = table.snapshot()
    append(con, table, 20)
    with pytest.raises(CommitConflict):
        compact(con, table, stale, name=name)
    assert ids(con, table.snapshot()) == list(range(30))
    assert orphans(table, table.snapshot()) == []


def test_a_replace_over_a_compaction_is_a_conflict_so_no_row_comes_back(
    local_lake: Lake, con: DuckDBPyConnection
) -> None:
    table = created(local_lake)
    append(con, table, 0)
    append(con, table, 10)
    stale = table.snapshot()
    assert compact(con, table, stale, name=name) is not None
    with pytest.raises(CommitConflict):
        table.commit(stale, adds=staged(con, table, rows(100, 1)), removes=stale.files[:1])
    assert ids(con, table.snapshot()) == list(range(20))
