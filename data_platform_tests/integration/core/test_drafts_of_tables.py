"""`contracts infer` on what is no single file: a table of the store, a Delta folder of somebody else, Parquet files."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from deltalake import write_deltalake

from data_platform.cli.main import run

PRICES = pa.table({
    "sku": pa.array([f"S{number}" for number in range(40)]),
    "price": pa.array([Decimal(number) for number in range(40)], pa.decimal128(10, 2)),
    "day": pa.array([date(2026, 1, number % 28 + 1) for number in range(40)]),
    "note": pa.array([None if number % 2 else "x" for number in range(40)]),
})  # fmt: skip
EXPECTED = {
    "sku": ("string", None, True),
    "price": ("number", "decimal(10,2)", True),
    "day": ("date", None, True),
    "note": ("string", None, None),
}


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new project to type commands in."""
    assert run(["init", str(tmp_path / "shop"), "--domain", "shop"]) == 0
    for name in ("DATA_PLATFORM_DOMAINS", "DATA_PLATFORM_SOURCE"):  # `.env` exports them; taken back at the end
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path / "shop")


def drafted(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, tuple[str, str | None, bool | None]]:
    capsys.readouterr()
    assert run(["contracts", "infer", *words]) == 0
    (table,) = yaml.safe_load(capsys.readouterr().out)["schema"]
    return {p["name"]: (p["logicalType"], p.get("physicalType"), p.get("required")) for p in table["properties"]}


def test_a_delta_folder_is_read_as_its_log_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_deltalake(str(tmp_path / "prices"), PRICES.append_column("old", pa.array([1] * 40)))
    write_deltalake(str(tmp_path / "prices"), PRICES, mode="overwrite", schema_mode="overwrite")
    assert drafted(capsys, str(tmp_path / "prices"), "--dataset", "curated.shop.prices") == EXPECTED


def test_a_folder_of_parquet_files_is_one_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "prices").mkdir()
    for number in range(2):
        pq.write_table(PRICES.slice(20 * number, 20), tmp_path / "prices" / f"{number}.parquet")
    assert drafted(capsys, str(tmp_path / "prices"), "--dataset", "raw.shop.prices") == EXPECTED


def test_a_table_of_the_store_is_drafted_without_the_platforms_own_columns(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["ingest", "run", "orders"]) == 0
    found = drafted(capsys, "raw.shop.orders")
    assert set(found) == {"order_id", "customer_email", "ordered_at", "quantity", "amount"}


def test_what_is_none_of_these_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["contracts", "infer", "nowhere"]) == 2
    assert "neither a file, nor a folder, nor the name of a table" in capsys.readouterr().err
    assert run(["contracts", "infer", "raw.shop.orders"]) == 2
    assert "nor a table of the store" in capsys.readouterr().err


def refused(capsys: pytest.CaptureFixture[str], source: Path) -> str:
    capsys.readouterr()
    assert run(["contracts", "infer", str(source)]) == 2
    return capsys.readouterr().err


def test_a_file_of_a_folder_that_is_not_whole_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "prices").mkdir()
    pq.write_table(PRICES, tmp_path / "prices" / "a.parquet")
    (tmp_path / "prices" / "b.parquet").touch()
    told = refused(capsys, tmp_path / "prices")
    assert f"{tmp_path / 'prices' / 'b.parquet'} cannot be read as Parquet" in told
    assert "holds nothing" in told
    assert "move it away" in told


def test_files_of_a_folder_that_are_no_table_together_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "prices").mkdir()
    pq.write_table(PRICES, tmp_path / "prices" / "a.parquet")
    pq.write_table(pa.table({"sku": [1], "more": [1]}), tmp_path / "prices" / "b.parquet")
    told = refused(capsys, tmp_path / "prices")
    assert "b.parquet are not of one table" in told
    assert "'more' is in one only" in told
    assert "'sku' is string in the first and int64 in the other" in told


def test_a_column_without_values_in_one_file_takes_its_type_from_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "prices").mkdir()
    pq.write_table(PRICES.set_column(0, "sku", pa.nulls(40)), tmp_path / "prices" / "a.parquet")
    pq.write_table(PRICES.set_column(3, "note", pa.nulls(40)), tmp_path / "prices" / "b.parquet")
    found = drafted(capsys, str(tmp_path / "prices"), "--dataset", "raw.shop.prices")
    assert (found["sku"], found["note"]) == (("string", None, None), ("string", None, None))


def test_what_holds_nothing_is_told_with_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nothing").mkdir()
    assert f"{tmp_path / 'nothing'} is empty: name a file with data" in refused(capsys, tmp_path / "nothing")
    (tmp_path / "nothing" / "orders.csv").write_text("")
    assert f"name one of its files, such as {tmp_path / 'nothing' / 'orders.csv'}" in refused(
        capsys, tmp_path / "nothing"
    )
    assert "orders.csv is empty: name a file with data" in refused(capsys, tmp_path / "nothing" / "orders.csv")
    assert "/dev/null is a device or a pipe: write what it gives to a file" in refused(capsys, Path("/dev/null"))
