from __future__ import annotations

from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from data_platform.errors import ConfigurationError
from data_platform.lakehouse.found_tables import FoundColumn, FoundKind, FoundTable
from data_platform.lakehouse.inventory import Inventory
from data_platform.lakehouse.object_store import ObjectStore
from data_platform.lakehouse.tables import Lake
from data_platform_tests.integration.lakehouse.conftest import Place

ROWS = pa.table({"id": [1, 2, 3], "name": ["a", "b", None], "at": pa.array([1, 2, 3], pa.timestamp("us", tz="UTC"))})
COLUMNS = (FoundColumn("id", "BIGINT"), FoundColumn("name", "VARCHAR"), FoundColumn("at", "TIMESTAMP WITH TIME ZONE"))


def parquet(rows: pa.Table = ROWS) -> bytes:
    out = BytesIO()
    pq.write_table(rows, out)
    return out.getvalue()


def write(place: Place, folder: str, **options: Any) -> None:
    credentials = {} if place.credentials is None else {"storage_options": place.credentials.delta_options()}
    write_deltalake(f"{place.uri}/{folder}", ROWS, **credentials, **options)


def found(lake: Lake) -> dict[str, FoundTable]:
    return {table.place: table for table in Inventory(lake).tables()}


def test_delta_tables_are_found_wherever_they_are(place: Place, lake: Lake) -> None:
    write(place, "tables/curated/shop/orders")
    write(place, "tables/curated/shop/orders", mode="append")
    write(place, "tables/curated/shop/orders/copies/old")
    write(place, "exports/2026/orders", partition_by=["id"])
    tables = found(lake)
    assert set(tables) == {
        "tables/curated/shop/orders", "tables/curated/shop/orders/copies/old", "exports/2026/orders",
    }  # fmt: skip
    orders = tables["tables/curated/shop/orders"]
    assert (orders.kind, orders.columns, orders.rows, orders.version) == (FoundKind.DELTA, COLUMNS, 6, 1)
    assert orders.size_bytes
    assert orders.size_bytes > 100
    assert not any(table.lost or table.fault for table in tables.values())


def test_parquet_without_a_log_is_a_table_by_folder_and_by_file_where_tables_stand(
    store: ObjectStore, lake: Lake
) -> None:
    for key in (
        "tables/curated/shop/extract.parquet",
        "tables/curated/shop/parts/0.parquet",
        "tables/curated/shop/parts/1.parquet",
        "dump/day=1/a.parquet",
        "dump/day=2/hour=3/b.parquet",
        "dump/day=2/notes.txt",
        "loose.parquet",
    ):
        store.put_if_absent(key, parquet())
    tables = found(lake)
    assert {place: table.rows for place, table in tables.items()} == {
        "tables/curated/shop/extract.parquet": 3, "tables/curated/shop/parts": 6, "dump": 6, "loose.parquet": 3,
    }  # fmt: skip
    assert {table.kind for table in tables.values()} == {FoundKind.PARQUET}
    assert {table.columns for table in tables.values()} == {COLUMNS}
    assert tables["dump"].size_bytes == 2 * len(parquet())


def test_what_the_platform_keeps_beside_its_tables_is_not_looked_into(store: ObjectStore, lake: Lake) -> None:
    for key in ("landing/shop/orders/objects/1.parquet", "_rejected/1/a.parquet", "warehouse/served.duckdb"):
        store.put_if_absent(key, parquet())
    assert found(lake) == {}


def test_one_table_is_looked_at_again_by_its_place(place: Place, store: ObjectStore, lake: Lake) -> None:
    write(place, "tables/curated/shop/orders")
    store.put_if_absent("loose.parquet", parquet())
    inventory = Inventory(lake)
    for table in inventory.tables():
        assert inventory.at(table.place) == table
    assert inventory.at("tables/curated/shop/nothing") is None
    assert inventory.at("tables/curated/shop") is None


def test_files_that_are_gone_or_of_another_size_are_told(place: Place, store: ObjectStore, lake: Lake) -> None:
    write(place, "tables/curated/shop/orders")
    write(place, "tables/curated/shop/orders", mode="append")
    one, other = (key for key in store.list("tables/curated/shop/orders") if key.endswith(".parquet"))
    size = store.size(other)
    store.delete(one)
    store.replace(other, b"short")
    (orders,) = found(lake).values()
    assert set(orders.lost) == {
        f"{one.rpartition('/')[2]}: missing", f"{other.rpartition('/')[2]}: 5 bytes instead of {size}",
    }  # fmt: skip


def test_what_cannot_be_read_is_found_with_its_fault(place: Place, store: ObjectStore, lake: Lake) -> None:
    store.put_if_absent("broken.parquet", b"not parquet")
    write(place, "tables/curated/shop/orders")
    store.replace("tables/curated/shop/orders/_delta_log/00000000000000000000.json", b"{")
    tables = found(lake)
    assert "cannot be read as Parquet" in tables["broken.parquet"].fault
    assert "cannot be opened" in tables["tables/curated/shop/orders"].fault


def test_a_folder_is_moved_whole_and_over_nothing(place: Place, store: ObjectStore, lake: Lake) -> None:
    write(place, "exports/orders")
    before = {key.removeprefix("exports/"): store.read(key) for key in store.list("exports")}
    store.move("exports/orders", "_rejected/1/exports/orders")
    assert store.list("exports") == []
    assert {key.removeprefix("_rejected/1/exports/"): store.read(key) for key in store.list("_rejected")} == before
    assert found(lake) == {}
    store.put_if_absent("a.parquet", parquet())
    store.put_if_absent("b.parquet", parquet())
    with pytest.raises(ConfigurationError, match="nothing was moved"):
        store.move("a.parquet", "b.parquet")
    assert store.exists("a.parquet")
