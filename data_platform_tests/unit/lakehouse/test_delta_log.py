from __future__ import annotations

import json

import pytest

from data_platform.lakehouse.delta_log import parse_entry

INFO = {"commitInfo": {"timestamp": 0, "operation": "WRITE", "data_platform.actions": "2", "code": "v1"}}
ADD = {"add": {"path": "a%20b.parquet", "size": 5, "dataChange": True, "stats": '{"numRecords":3}'}}
TXN = {"txn": {"appId": "till", "version": 4}}


def text(*actions: object) -> bytes:
    return "\n".join(map(json.dumps, actions)).encode()


def test_a_whole_entry_tells_files_rows_transactions_and_metadata() -> None:
    commit = parse_entry(3, text(INFO, ADD, TXN))
    assert commit is not None
    assert (commit.version, commit.added[0].path, commit.rows_added) == (3, "a b.parquet", 3)
    assert (commit.transactions, commit.metadata) == ({"till": 4}, {"code": "v1"})


def test_an_entry_cut_anywhere_is_not_whole() -> None:
    whole = text(INFO, ADD, TXN)
    assert [length for length in range(len(whole)) if parse_entry(0, whole[:length]) is not None] == []


@pytest.mark.parametrize("data", [b"\xff", b"null", b"{}", b'{"add":{},"txn":{}}', b"\n\n", b'{"surprise":{}}'])
def test_garbage_is_not_whole(data: bytes) -> None:
    assert parse_entry(0, data) is None


def test_an_entry_of_another_writer_without_a_count_is_accepted() -> None:
    assert parse_entry(0, text({"commitInfo": {"timestamp": 0}}, ADD)) is not None
