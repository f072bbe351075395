from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from duckdb import DuckDBPyConnection

from data_platform.clock import ManualClock
from data_platform.errors import CommitConflict, ConfigurationError, DamagedTable
from data_platform.lakehouse.staging import stage
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.lakehouse.tables import Lake
from data_platform_tests.integration.lakehouse.conftest import Place
from data_platform_tests.integration.lakehouse.orders import REF, SCHEMA, append, created, ids, rows, staged


def test_a_table_that_does_not_exist_is_a_snapshot_without_version_or_rows(lake: Lake) -> None:
    table = lake.table(REF)
    snapshot = table.snapshot()
    assert (table.exists(), table.version(), snapshot.version, snapshot.rows) == (False, -1, -1, 0)
    assert snapshot.timestamp is None
    assert snapshot.transaction("any") is None
    with pytest.raises(ConfigurationError, match="create the table"):
        table.commit(snapshot)


def test_creating_twice_gives_the_same_table(local_lake: Lake) -> None:
    first = created(local_lake).snapshot()
    append_free = local_lake.table(REF).create(SCHEMA)
    assert (first.version, append_free.version) == (0, 0)
    assert append_free.schema.equals(SCHEMA)
    assert local_lake.tables() == [REF]
    assert first.handle is not None
    assert first.handle.metadata().configuration["delta.enableExpiredLogCleanup"] == "false"


def test_a_commit_is_read_back_with_its_rows_statistics_digest_and_metadata(
    lake: Lake, con: DuckDBPyConnection
) -> None:
    table = created(lake)
    commit = append(con, table, 0, 24, transactions={"till": 3, "side/x": 9}, metadata={"code": "v1"})
    snapshot = table.snapshot()
    assert (commit.version, commit.rows_added, snapshot.version, snapshot.rows) == (1, 24, 1, 24)
    entry = table.store.read("_delta_log/00000000000000000001.json")
    assert commit.digest == hashlib.sha256(entry).hexdigest()
    assert (snapshot.transaction("till"), snapshot.transaction("side/x"), snapshot.transaction("none")) == (3, 9, None)
    (file,) = snapshot.files
    assert file.size_bytes == table.store.size(file.path)
    assert (file.stats.minimum["id"], file.stats.maximum["id"]) == (0, 23)
    assert file.stats.maximum["at"] == datetime(2024, 3, 1, 23, tzinfo=UTC)
    assert file.stats.maximum["amount"] == Decimal("23.00")
    assert ids(con, snapshot) == list(range(24))
    (logged,) = list(table.history(1))
    assert (logged.digest, logged.transactions, logged.metadata["code"]) == (
        commit.digest,
        {"till": 3, "side/x": 9},
        "v1",
    )
    assert (logged.rows_added, logged.changes_data) == (24, True)


def test_adding_and_removing_is_one_commit_and_old_versions_stay_readable(lake: Lake, con: DuckDBPyConnection) -> None:
    table = created(lake)
    append(con, table, 0, 10)
    append(con, table, 10, 10)
    base = table.snapshot()
    (replaced,) = base.overlapping("id", 12, 12)
    new = staged(con, table, rows(100, 5))
    commit = table.commit(base, adds=new, removes=[replaced])
    assert (commit.rows_added, commit.rows_removed, commit.version) == (5, 10, 3)
    assert ids(con, table.snapshot()) == [*range(10), *range(100, 105)]
    assert ids(con, table.snapshot(2)) == list(range(20))
    entry = table.store.read("_delta_log/00000000000000000003.json").decode().splitlines()
    assert sorted(next(iter(json.loads(line))) for line in entry) == ["add", "commitInfo", "remove"]


def test_a_commit_without_files_carries_its_transactions(local_lake: Lake) -> None:
    table = created(local_lake)
    commit = table.commit(table.snapshot(), transactions={"till": 1})
    assert (commit.version, table.snapshot().transaction("till"), table.snapshot().rows) == (1, 1, 0)


def test_two_appends_from_one_snapshot_never_both_commit(lake: Lake, con: DuckDBPyConnection) -> None:
    table = created(lake)
    base = table.snapshot()
    table.commit(base, adds=staged(con, table, rows(0, 1)))
    with pytest.raises(CommitConflict, match="another writer"):
        table.commit(base, adds=staged(con, table, rows(1, 1)))
    assert ids(con, table.snapshot()) == [0]


@pytest.mark.parametrize("kind", ["append", "replace", "transaction", "columns"])
def test_any_commit_from_a_stale_snapshot_is_a_conflict_and_changes_nothing(
    local_lake: Lake, con: DuckDBPyConnection, kind: str
) -> None:
    table = created(local_lake)
    append(con, table, 0)
    stale = table.snapshot()
    append(con, table, 10)
    new = staged(con, table, rows(20, 1))
    attempts = {
        "append": lambda: table.commit(stale, adds=new),
        "replace": lambda: table.commit(stale, adds=new, removes=stale.files),
        "transaction": lambda: table.commit(stale, transactions={"till": 1}),
        "columns": lambda: table.add_columns(stale, [pa.field("new", pa.string())]),
    }
    with pytest.raises(CommitConflict, match="another writer"):
        attempts[kind]()
    assert table.version() == 2
    assert ids(con, table.snapshot()) == list(range(20))


def test_a_snapshot_can_be_committed_onto_only_once(local_lake: Lake) -> None:
    table = created(local_lake)
    base = table.snapshot()
    table.commit(base, transactions={"till": 1})
    with pytest.raises(CommitConflict):
        table.commit(base, transactions={"till": 2})
    assert table.snapshot().transaction("till") == 1


def test_transactions_and_rows_survive_a_checkpoint(lake: Lake, con: DuckDBPyConnection) -> None:
    table = created(lake)
    append(con, table, 0, transactions={"till": 7})
    append(con, table, 10)
    table.checkpoint()
    append(con, table, 20, transactions={"web": 1})
    snapshot = table.snapshot()
    assert table.store.exists("_delta_log/_last_checkpoint")
    assert (snapshot.transaction("till"), snapshot.transaction("web")) == (7, 1)
    assert ids(con, snapshot) == list(range(30))
    assert snapshot.files[0].stats.null_count["id"] == 0


@pytest.mark.parametrize(
    "damage", ["hint_garbage", "hint_wrong", "checkpoint_garbage", "checkpoint_empty", "checkpoint_gone"]
)
def test_a_damaged_checkpoint_falls_back_to_the_json_log(
    local_lake: Lake, con: DuckDBPyConnection, damage: str
) -> None:
    table = created(local_lake)
    append(con, table, 0, transactions={"till": 7})
    table.checkpoint()
    append(con, table, 10)
    checkpoint = "_delta_log/00000000000000000001.checkpoint.parquet"
    hint = "_delta_log/_last_checkpoint"
    match damage:
        case "hint_garbage":
            table.store.replace(hint, b"garbage")
        case "hint_wrong":
            table.store.replace(hint, b'{"version":77,"size":3}')
        case "checkpoint_gone":
            table.store.delete(checkpoint)
        case _:
            table.store.replace(checkpoint, b"PAR1garbage" if damage == "checkpoint_garbage" else b"")
    snapshot = table.snapshot()
    assert (snapshot.version, snapshot.transaction("till")) == (2, 7)
    assert ids(con, snapshot) == list(range(20))


@pytest.mark.parametrize(
    "entry",
    [b"", b"\0" * 100, b'{"commitInfo":{', b'{"odd":{}}\n', b"[]\n", b'{"add":1}\n'],
    ids=["empty", "zeros", "cut", "unknown", "list", "number"],
)
def test_a_torn_head_is_never_read_as_fewer_rows(local_lake: Lake, con: DuckDBPyConnection, entry: bytes) -> None:
    table = created(local_lake)
    append(con, table, 0)
    append(con, table, 10)
    table.store.replace("_delta_log/00000000000000000002.json", entry)
    with pytest.raises(DamagedTable, match="version 2 is torn"):
        table.snapshot()
    assert ids(con, table.snapshot(1)) == list(range(10))


def test_a_head_cut_between_two_lines_is_torn_too(local_lake: Lake, con: DuckDBPyConnection) -> None:
    table = created(local_lake)
    append(con, table, 0)
    key = "_delta_log/00000000000000000001.json"
    table.store.replace(key, table.store.read(key).split(b"\n")[0] + b"\n")
    with pytest.raises(DamagedTable, match="version 1 is torn"):
        table.snapshot()


def test_time_travel_by_time_finds_the_newest_version_then(local_lake: Lake, con: DuckDBPyConnection) -> None:
    table = created(local_lake)
    append(con, table, 0)
    append(con, table, 10)
    moments = [commit.timestamp for commit in table.history()]
    assert [table.snapshot_at(moment).version for moment in moments] == [0, 1, 2]
    assert table.snapshot_at(moments[2] + timedelta(days=1)).version == 2
    with pytest.raises(ConfigurationError, match="did not exist"):
        table.snapshot_at(moments[0] - timedelta(seconds=1))
    with pytest.raises(ConfigurationError, match="no version 9"):
        table.snapshot(9)


def test_added_columns_are_null_in_older_files_and_kept_in_newer_ones(
    local_lake: Lake, con: DuckDBPyConnection
) -> None:
    table = created(local_lake)
    append(con, table, 0, 2)
    table.add_columns(table.snapshot(), [pa.field("colour", pa.string()), pa.field("size", pa.int32())])
    base = table.snapshot()
    assert base.schema.names == [*SCHEMA.names, "colour", "size"]
    assert con.execute(f"SELECT colour, size FROM ({base.scan()})").fetchall() == [(None, None)] * 2
    select = f"SELECT *, 'red' AS colour, CAST(id AS INTEGER) AS size FROM ({rows(5, 1)})"
    table.commit(base, adds=stage(con, select, table=table, schema=base.schema, name=lambda: "file-with-colour"))
    found = con.execute(f"SELECT size, colour, id FROM ({table.snapshot().scan()}) ORDER BY id").fetchall()
    assert found == [(None, None, 0), (None, None, 1), (5, "red", 5)]
    assert con.execute(f"SELECT typeof(size) FROM ({table.snapshot().scan(['size'])}) LIMIT 1").fetchall() == [
        ("INTEGER",)
    ]
    with pytest.raises(ConfigurationError, match="major version"):
        table.add_columns(table.snapshot(), [pa.field("id", pa.int64())])
    with pytest.raises(ConfigurationError, match="major version"):
        table.add_columns(table.snapshot(), [pa.field("x", pa.int64(), nullable=False)])


def test_statistics_reach_beyond_the_thirty_second_column(local_lake: Lake, con: DuckDBPyConnection) -> None:
    schema = pa.schema([(f"c{n:02}", pa.int64()) for n in range(40)])
    table = local_lake.table(TableRef(Zone.RAW, "wide", "wide"))
    base = table.create(schema)
    select = "SELECT " + ", ".join(f"CAST({n} AS BIGINT) AS c{n:02}" for n in range(40))
    table.commit(base, adds=stage(con, select, table=table, schema=schema, name=lambda: "wide-file"))
    assert table.snapshot().files[0].stats.maximum["c39"] == 39


def test_tables_with_partition_folders_or_column_mapping_are_refused(local_lake: Lake, local_place: Place) -> None:
    data = pa.table({"a": [1], "b": ["x"]})
    write_deltalake(f"{local_place.uri}/{REF.path}", data, partition_by=["b"])
    with pytest.raises(ConfigurationError, match="partition folders"):
        local_lake.table(REF).snapshot()
    mapped = TableRef(Zone.RAW, "commerce", "mapped")
    table = local_lake.table(mapped)
    table.create(SCHEMA)
    key = "_delta_log/00000000000000000000.json"
    text = table.store.read(key).decode()
    text = text.replace('"minReaderVersion":1,"minWriterVersion":2', '"minReaderVersion":2,"minWriterVersion":5')
    changed = text.replace('"delta.checkpointInterval":"100"', '"delta.columnMapping.mode":"name"')
    table.store.replace(key, changed.encode())
    with pytest.raises((ConfigurationError, DamagedTable)):
        table.snapshot()


def test_action_times_come_from_the_clock_that_was_passed_in(local_place: Place, con: DuckDBPyConnection) -> None:
    clock = ManualClock(datetime(2001, 2, 3, tzinfo=UTC))
    table = created(Lake(local_place.uri, clock=clock))
    append(con, table, 0)
    actions = pa.table(DeltaTable(table.store.root).get_add_actions()).to_pylist()
    assert actions[0]["modification_time"] == 981158400000  # 2001-02-03T00:00:00Z
