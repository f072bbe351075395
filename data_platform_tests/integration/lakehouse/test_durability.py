from __future__ import annotations

import logging
from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection

from data_platform.errors import ConfigurationError, DamagedTable
from data_platform.lakehouse.durability import (
    HeadKind,
    damaged_files,
    readable_snapshot,
    verified_head,
    writable_snapshot,
)
from data_platform.lakehouse.tables import Lake, Table
from data_platform_tests.integration.lakehouse.orders import append, created, ids

HEAD = "_delta_log/00000000000000000002.json"


class Ledger(dict[int, str]):
    """Digests by version, as the ledger of commits keeps them."""

    def __call__(self, version: int) -> str | None:
        return self.get(version)


def two_commits(lake: Lake, con: DuckDBPyConnection) -> tuple[Table, Ledger]:
    """Rows 0 to 9 acknowledged at version 1, rows 10 to 19 not acknowledged at version 2."""
    table = created(lake)
    ledger = Ledger({0: table.log.digest(0)})
    ledger[1] = append(con, table, 0).digest
    append(con, table, 10)
    return table, ledger


def tear(table: Table, how: str) -> None:
    """Damages version 2 as a lost power supply would."""
    whole = table.store.read(HEAD)
    match how:
        case "empty":
            table.store.replace(HEAD, b"")
        case "cut":
            table.store.replace(HEAD, whole[: len(whole) // 2])
        case "garbage":
            table.store.replace(HEAD, b"\0" * len(whole))
        case _:
            commit = table.log.commit(2)
            assert commit is not None
            path = commit.added[0].path
            data = table.store.read(path)
            if how == "missing file":
                table.store.delete(path)
            elif how == "short file":
                table.store.replace(path, data[:-8])
            elif how == "no footer":
                table.store.replace(path, data[:-8] + b"\0" * 8)
            else:
                table.store.replace(path, data[:4] + b"\xff" * 60 + data[64:])


LOOKS = ["empty", "cut", "garbage", "missing file", "short file", "no footer"]


@pytest.mark.parametrize("how", LOOKS)
def test_readers_of_a_torn_head_get_the_version_before_and_a_warning(
    local_lake: Lake, con: DuckDBPyConnection, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    table, ledger = two_commits(local_lake, con)
    tear(table, how)
    with caplog.at_level(logging.WARNING):
        snapshot = readable_snapshot(table, ledger)
    assert ids(con, snapshot) == list(range(10))
    assert "version 2 is torn" in caplog.text
    assert verified_head(table, ledger).kind is HeadKind.TORN_UNACKNOWLEDGED


@pytest.mark.parametrize("how", [*LOOKS, "wrong pages"])
def test_a_writer_sets_an_unacknowledged_torn_head_aside_and_its_number_is_used_again(
    local_lake: Lake, con: DuckDBPyConnection, how: str
) -> None:
    table, ledger = two_commits(local_lake, con)
    tear(table, how)
    torn = table.store.read(HEAD)
    base = writable_snapshot(table, ledger)
    assert (base.version, table.version()) == (1, 1)
    (kept,) = table.store.list("_damaged")
    assert table.store.read(kept) == torn
    assert append(con, table, 50, 1).version == 2
    assert ids(con, table.snapshot()) == [*range(10), 50]


@pytest.mark.parametrize("how", ["empty", "cut", "garbage"])
def test_an_acknowledged_torn_head_stops_the_writer_with_the_command(
    local_lake: Lake, con: DuckDBPyConnection, how: str
) -> None:
    table, ledger = two_commits(local_lake, con)
    ledger[2] = table.log.digest(2)
    tear(table, how)
    assert verified_head(table, ledger).kind is HeadKind.TORN_ACKNOWLEDGED
    with pytest.raises(DamagedTable, match=r"data-platform recover curated.commerce.orders"):
        writable_snapshot(table, ledger)
    assert table.store.exists(HEAD)
    assert ids(con, readable_snapshot(table, ledger)) == list(range(10))


def test_an_acknowledged_commit_that_vanished_stops_the_writer(local_lake: Lake, con: DuckDBPyConnection) -> None:
    table, ledger = two_commits(local_lake, con)
    ledger[2] = table.log.digest(2)
    table.store.delete(HEAD)
    with pytest.raises(DamagedTable, match="version 2 was acknowledged, but the log ends at 1"):
        writable_snapshot(table, ledger)
    assert readable_snapshot(table, ledger).version == 1


def test_a_whole_head_is_ok_with_and_without_the_ledger(lake: Lake, con: DuckDBPyConnection) -> None:
    table, ledger = two_commits(lake, con)
    assert verified_head(table, ledger).is_acknowledged is False
    assert writable_snapshot(table, ledger).version == 2
    ledger[2] = table.log.digest(2)
    check = verified_head(table, ledger)
    assert (check.kind, check.version, check.is_acknowledged, check.warning) == (HeadKind.OK, 2, True, "")
    assert ids(con, readable_snapshot(table, ledger)) == list(range(20))
    assert damaged_files(table, table.snapshot()) == []


def test_a_torn_first_commit_leaves_a_table_that_does_not_exist(local_lake: Lake) -> None:
    table = created(local_lake)
    table.store.replace("_delta_log/00000000000000000000.json", b"")
    assert readable_snapshot(table, Ledger()).version == -1
    assert writable_snapshot(table, Ledger()).version == -1
    assert not table.exists()


def test_the_scrub_names_damaged_files_of_any_age(local_lake: Lake, con: DuckDBPyConnection) -> None:
    table, _ = two_commits(local_lake, con)
    oldest = next(iter(table.snapshot(1).files)).path
    (Path(table.store.root) / oldest).write_bytes(b"short")
    (fault,) = damaged_files(table, table.snapshot())
    assert fault.startswith(f"{oldest}: 5 bytes instead of")


def test_only_the_head_can_be_set_aside(local_lake: Lake, con: DuckDBPyConnection) -> None:
    table, _ = two_commits(local_lake, con)
    with pytest.raises(ConfigurationError, match="not the head"):
        table.set_aside(1)
