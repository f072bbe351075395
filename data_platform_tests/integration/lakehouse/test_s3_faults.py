"""The store on S3 while requests fail, hang, are cut, or are carried out without anybody hearing of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pyarrow as pa
import pytest
from duckdb import DuckDBPyConnection

from data_platform.errors import CommitConflict, ConfigurationError, SourceRefused, SourceUnavailable
from data_platform.lakehouse import s3_files
from data_platform.lakehouse.credentials import StoreCredentials
from data_platform.lakehouse.duck import Engine
from data_platform.lakehouse.durability import HeadKind, verified_head, writable_snapshot
from data_platform.lakehouse.object_store import ObjectStore, open_store
from data_platform.lakehouse.tables import Lake, StagedFile, Table
from data_platform_tests.integration.lakehouse.faulty_s3 import Fault, FaultyS3, faulty_s3
from data_platform_tests.integration.lakehouse.orders import created, ids, rows, staged
from data_platform_tests.servers import S3_BUCKET

_numbers = count()


@pytest.fixture(scope="module")
def gate(s3_credentials: StoreCredentials) -> Iterator[tuple[FaultyS3, StoreCredentials]]:
    with faulty_s3(s3_credentials, seed=7) as found:
        yield found


@pytest.fixture
def faulty(gate: tuple[FaultyS3, StoreCredentials], monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyS3]:
    monkeypatch.setattr(s3_files, "_ATTEMPTS", 5)
    gate[0].seen.clear()
    yield gate[0]
    gate[0].rates, gate[0].rule = {}, None


@pytest.fixture
def root() -> str:
    return f"s3://{S3_BUCKET}/faults{next(_numbers)}"


@pytest.fixture
def store(root: str, gate: tuple[FaultyS3, StoreCredentials], faulty: FaultyS3) -> ObjectStore:
    return open_store(root, gate[1])


@pytest.fixture
def table(root: str, gate: tuple[FaultyS3, StoreCredentials], faulty: FaultyS3) -> Table:
    return created(Lake(root, gate[1]))


@pytest.fixture
def session(gate: tuple[FaultyS3, StoreCredentials], tmp_path: Path) -> Iterator[DuckDBPyConnection]:
    engine = Engine(spill_dir=tmp_path / "spill", memory_limit="500MB", credentials=gate[1])
    with engine, engine.session() as con:
        yield con


def staged_orders(con: DuckDBPyConnection, table: Table, first: int, count: int) -> list[StagedFile]:
    return staged(con, table, rows(first, count))


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.SLOW_DOWN, Fault.CUT, Fault.LOST, Fault.DELAY])
@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE"])
def test_one_bad_answer_is_not_noticed(store: ObjectStore, faulty: FaultyS3, fault: Fault, method: str) -> None:
    faulty.once(fault, method, "/x")
    assert store.put_if_absent("x", b"whole")
    assert store.read("x") == b"whole"
    assert store.size("x") == 5
    with store.open("x") as file:
        assert file.read() == b"whole"
    assert store.list("") == ["x"]
    assert not store.put_if_absent("x", b"other")
    store.replace("x", b"new")
    store.delete("x")
    assert not store.exists("x")
    assert faulty.faults == 1


def test_a_listing_whose_answer_fails_is_complete_all_the_same(store: ObjectStore, faulty: FaultyS3) -> None:
    for number in range(5):
        store.put_if_absent(f"a/{number}", b"")
    for fault in (Fault.ERROR, Fault.CUT, Fault.LOST):
        faulty.once(fault, "GET", "list-type=2")
        assert len(store.list("a")) == 5
        faulty.once(fault, "GET", "list-type=2")
        assert store.folders("") == ["a"]


def test_a_put_whose_answer_is_lost_was_ours_and_another_ones_was_not(store: ObjectStore, faulty: FaultyS3) -> None:
    for data in (b"bytes", Path(__file__)):
        faulty.once(Fault.LOST, "PUT", "/mine")
        assert store.put_if_absent("mine", data)
        assert not store.put_if_absent("mine", data)  # the same bytes, but they were there
        store.delete("mine")
    store.put_if_absent("theirs", b"bytes")
    faulty.once(Fault.LOST, "PUT", "/theirs")
    assert not store.put_if_absent("theirs", b"bytes")
    assert not store.put_if_absent("theirs", b"ours")
    assert store.read("theirs") == b"bytes"


def test_a_large_object_whose_last_answer_is_lost_is_put_whole_and_never_twice(
    store: ObjectStore, faulty: FaultyS3, tmp_path: Path
) -> None:
    large = tmp_path / "large"
    large.write_bytes(os.urandom(105 << 20))
    faulty.once(Fault.LOST, "POST", "uploadId=")
    try:
        assert store.put_if_absent("large", large)
    except SourceUnavailable:
        assert not store.put_if_absent("large", large)
    assert store.size("large") == 105 << 20


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.LOST])
def test_a_store_that_stays_away_is_unavailable_and_never_empty(
    store: ObjectStore, faulty: FaultyS3, fault: Fault
) -> None:
    store.put_if_absent("a/x", b"1")
    faulty.rule = lambda *_: fault
    calls = [
        lambda: store.read("a/x"),
        lambda: store.exists("a/x"),
        lambda: store.size("a/x"),
        lambda: store.list("a"),
        lambda: store.folders(""),
        lambda: store.open("a/x").read(),
        lambda: store.put_if_absent("a/y", b"2"),
        lambda: store.replace("a/x", b"2"),
        lambda: store.delete("a/x"),
    ]
    for call in calls:
        with pytest.raises(SourceUnavailable, match=r"http://127\.0\.0\.1:\d+ does not answer"):
            call()


def test_a_store_that_hangs_is_given_up_in_bounded_time(
    root: str, gate: tuple[FaultyS3, StoreCredentials], faulty: FaultyS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_files, "_READ_SECONDS", 0.5)
    monkeypatch.setattr(s3_files, "_ATTEMPTS", 2)
    impatient = open_store(root, gate[1])
    faulty.rule = lambda *_: Fault.HANGS
    with pytest.raises(SourceUnavailable, match="does not answer"):
        impatient.read("x")


def test_an_endpoint_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_files, "_ATTEMPTS", 2)
    nowhere = StoreCredentials(endpoint_url="http://127.0.0.1:1", access_key_id="a", secret_access_key="b")
    store = open_store("s3://bucket/x", nowhere)
    with pytest.raises(SourceUnavailable, match=r"http://127\.0\.0\.1:1 does not answer.*check that the endpoint"):
        store.list("")


def test_refused_credentials_and_a_missing_bucket_are_told(
    store: ObjectStore, gate: tuple[FaultyS3, StoreCredentials], faulty: FaultyS3
) -> None:
    faulty.rule = lambda *_: Fault.REFUSED
    with pytest.raises(SourceRefused, match="did not take the credentials"):
        store.read("x")
    faulty.rule = None
    with pytest.raises(ConfigurationError, match="no bucket nobodys"):
        open_store("s3://nobodys/x", gate[1]).put_if_absent("x", b"")


def test_a_table_whose_creation_is_not_answered_is_there_once(
    root: str, gate: tuple[FaultyS3, StoreCredentials], faulty: FaultyS3
) -> None:
    lake = Lake(root, gate[1])
    faulty.once(Fault.LOST, "PUT", "00000000000000000000.json")
    assert created(lake).version() == 0
    assert faulty.seen[Fault.LOST] == 1


def test_a_commit_whose_answer_is_lost_has_landed(table: Table, faulty: FaultyS3, session: DuckDBPyConnection) -> None:
    files = staged_orders(session, table, 1, 3)
    faulty.once(Fault.LOST, "PUT", "00000000000000000001.json")
    commit = table.commit(table.snapshot(), adds=files, transactions={"s": 1}, metadata={"run": "r1"})
    assert (commit.version, commit.rows_added) == (1, 3)
    assert faulty.seen[Fault.LOST] == 1
    assert ids(session, table.snapshot()) == [1, 2, 3]
    assert table.snapshot().transaction("s") == 1
    assert commit.digest == table.log.digest(1)


def test_a_commit_without_files_or_by_another_writer_is_told_by_what_it_says(table: Table, faulty: FaultyS3) -> None:
    base = table.snapshot()
    faulty.once(Fault.LOST, "PUT", "00000000000000000001.json")
    assert table.commit(base, transactions={"s": 1}).version == 1
    faulty.rule = None
    for other in ({"s": 2}, {}):
        with pytest.raises(CommitConflict):
            table.commit(base, transactions=other)
    assert table.version() == 1


def test_columns_added_by_a_commit_whose_answer_is_lost_are_there_once(table: Table, faulty: FaultyS3) -> None:
    base = table.snapshot()
    faulty.once(Fault.LOST, "PUT", "00000000000000000001.json")
    assert table.add_columns(base, [pa.field("colour", pa.string())]).version == 1
    with pytest.raises(CommitConflict):
        table.add_columns(base, [pa.field("shape", pa.string())])
    assert table.snapshot().schema.names == [*base.schema.names, "colour"]


def test_a_commit_that_nobody_can_tell_of_keeps_its_files(
    table: Table, faulty: FaultyS3, session: DuckDBPyConnection
) -> None:
    files = staged_orders(session, table, 1, 3)
    base = table.snapshot()
    faulty.rule = lambda method, path: Fault.LOST if "00000000000000000001.json" in path else None
    with pytest.raises(SourceUnavailable):
        table.commit(base, adds=files)
    faulty.rule = None
    assert ids(session, table.snapshot()) == [1, 2, 3]  # it did land


def test_an_outage_never_makes_a_head_or_a_checkpoint_look_torn(
    table: Table, faulty: FaultyS3, session: DuckDBPyConnection
) -> None:
    files = staged_orders(session, table, 1, 3)
    table.commit(table.snapshot(), adds=files)
    table.checkpoint()
    for part in (files[0].path, "_delta_log", "checkpoint"):
        faulty.rule = lambda _, path, part=part: Fault.ERROR if part in path else None
        with pytest.raises(SourceUnavailable):
            writable_snapshot(table, lambda _: None)
    faulty.rule = None
    assert verified_head(table, lambda _: None).kind is HeadKind.OK
    assert table.store.list("_damaged") == []
    assert ids(session, writable_snapshot(table, lambda _: None)) == [1, 2, 3]


def test_a_query_over_a_store_that_is_away_is_unavailable(
    table: Table, faulty: FaultyS3, gate: tuple[FaultyS3, StoreCredentials], tmp_path: Path
) -> None:
    with Engine(spill_dir=tmp_path, credentials=gate[1]) as engine:
        with engine.session() as con:
            table.commit(table.snapshot(), adds=staged_orders(con, table, 1, 3))
        snapshot = table.snapshot()
        faulty.rule = lambda _, path: Fault.SLOW_DOWN if path.endswith(".parquet") else None
        with pytest.raises(SourceUnavailable, match="does not answer"), engine.session() as con:
            con.execute(snapshot.scan()).fetchall()
        with pytest.raises(SourceUnavailable, match="does not answer"), engine.session() as con:
            staged_orders(con, table, 4, 5)
