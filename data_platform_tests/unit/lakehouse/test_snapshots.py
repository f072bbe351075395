from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import pyarrow as pa
import pytest

from data_platform.lakehouse.credentials import StoreCredentials
from data_platform.lakehouse.file_stats import FileStats
from data_platform.lakehouse.snapshots import DataFile, Snapshot
from data_platform.lakehouse.table_ref import TableRef, Zone

SCHEMA = pa.schema([("a b", pa.int64()), ("s", pa.struct([("x", pa.list_(pa.decimal128(9, 2)))])), ("t", pa.string())])


def snapshot(*files: DataFile) -> Snapshot:
    return Snapshot(
        ref=TableRef(Zone.RAW, "commerce", "orders"),
        version=3,
        schema=SCHEMA,
        files=files,
        timestamp=datetime(2024, 1, 1, tzinfo=UTC),
        root="/it's here",
    )


def file(name: str, low: int | None, high: int | None, nulls: int | None = 0) -> DataFile:
    minimum = {} if low is None else {"a b": low}
    maximum = {} if high is None else {"a b": high}
    return DataFile(name, 1, 10, FileStats(minimum, maximum, {} if nulls is None else {"a b": nulls}))


def test_overlapping_drops_only_files_that_cannot_hold_the_range() -> None:
    files = [file("below", 0, 9), file("touching", 0, 10), file("inside", 12, 13), file("around", 0, 99)]
    files += [
        file("above", 21, 30),
        file("unknown", None, None),
        file("empty", None, None, nulls=10),
        file("half", 5, None),
    ]
    found = snapshot(*files).overlapping("a b", 10, 20)
    assert [f.path for f in found] == ["touching", "inside", "around", "unknown", "half"]


def test_files_that_may_hold_nulls_include_those_without_statistics() -> None:
    found = snapshot(file("none", 0, 1), file("some", 0, 1, nulls=2), file("unknown", 0, 1, nulls=None)).holding_nulls(
        "a b"
    )
    assert [f.path for f in found] == ["some", "unknown"]


def test_a_scan_of_no_files_is_empty_and_typed() -> None:
    with duckdb.connect() as con:
        relation = con.sql(snapshot().scan())
        assert relation.columns == SCHEMA.names
        assert [str(kind) for kind in relation.types] == ["BIGINT", "STRUCT(x DECIMAL(9,2)[])", "VARCHAR"]
        assert relation.fetchall() == []
        assert con.sql(snapshot().scan(["t", "a b"])).columns == ["a b", "t"]


def test_paths_and_columns_are_quoted_in_a_scan() -> None:
    select = snapshot(file("x.parquet", 0, 1)).scan(["a b"])
    assert """SELECT "a b" FROM read_parquet(['/it''s here/x.parquet']""" in select


def test_an_unknown_column_is_an_error() -> None:
    with pytest.raises(KeyError, match="zz"):
        snapshot().scan(["zz"])


def test_a_table_reference_reads_its_own_name() -> None:
    ref = TableRef(Zone.HELD, "commerce", "orders")
    assert TableRef.parse(str(ref)) == ref
    assert ref.path == "tables/held/commerce/orders"
    for text in ("commerce.orders", "bronze.commerce.orders"):
        with pytest.raises(ValueError):
            TableRef.parse(text)


def test_secrets_are_not_shown_and_options_take_each_librarys_spelling() -> None:
    credentials = StoreCredentials(
        endpoint_url="http://x", access_key_id="id", secret_access_key="hidden", region="r", allow_http=True
    )
    assert "hidden" not in repr(credentials)
    assert credentials.delta_options()["AWS_SECRET_ACCESS_KEY"] == "hidden"
    assert credentials.delta_options()["AWS_CONDITIONAL_PUT"] == "etag"
    assert credentials.s3fs_options() == {
        "endpoint_url": "http://x",
        "key": "id",
        "secret": "hidden",
        "client_kwargs": {"region_name": "r"},
    }
    assert StoreCredentials().s3fs_options() == {}
