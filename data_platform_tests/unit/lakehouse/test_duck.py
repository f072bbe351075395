from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from data_platform.lakehouse.duck import Engine, attach_layers, register_query, register_snapshot
from data_platform.lakehouse.snapshots import Snapshot
from data_platform.lakehouse.table_ref import TableRef, Zone


def test_a_connection_is_bounded_in_utc_and_fetches_no_extension(tmp_path: Path) -> None:
    with Engine(spill_dir=tmp_path / "spill", memory_limit="100MB", threads=1) as engine, engine.session() as con:
        names = ["TimeZone", "memory_limit", "threads", "autoinstall_known_extensions", "autoload_known_extensions"]
        found = [con.execute("SELECT current_setting(?)", [name]).fetchall()[0][0] for name in names]
        assert found == ["UTC", "95.3 MiB", 1, False, False]
        assert con.execute("SELECT TIMESTAMPTZ '2024-01-01 00:00:00'::VARCHAR").fetchall() == [
            ("2024-01-01 00:00:00+00",)
        ]


def test_a_query_larger_than_memory_spills_and_the_folder_is_removed(tmp_path: Path) -> None:
    spill = tmp_path / "spill"
    with Engine(spill_dir=spill, memory_limit="40MB", threads=1) as engine, engine.session() as con:
        con.execute("CREATE TABLE big AS SELECT range AS a, md5(range::VARCHAR) AS b FROM range(1200000)")
        assert con.execute("SELECT count(*) FROM big").fetchall() == [(1_200_000,)]
        assert [path for path in spill.rglob("*") if path.is_file()]
    assert list(spill.iterdir()) == []


def test_two_engines_of_one_process_have_their_own_spill_folders(tmp_path: Path) -> None:
    with Engine(spill_dir=tmp_path) as one, Engine(spill_dir=tmp_path) as other, one.session(), other.session():
        assert len(list(tmp_path.iterdir())) == 2


def test_snapshots_resolve_by_their_three_part_names(tmp_path: Path) -> None:
    empty = Snapshot(
        ref=TableRef(Zone.RAW, "commerce", "orders"),
        version=0,
        schema=pa.schema([("id", pa.int64())]),
        files=(),
        timestamp=datetime(2024, 1, 1, tzinfo=UTC),
        root="/nowhere",
    )
    with Engine(spill_dir=tmp_path) as engine, engine.session() as con:
        attach_layers(con, ["raw", "curated", "served"])
        register_snapshot(con, "raw.commerce.orders", empty)
        register_snapshot(con, "raw.commerce.orders", empty)
        register_query(con, "late.commerce.odd name", "SELECT 1 AS id")
        joined = con.execute('SELECT l.id FROM late.commerce."odd name" l LEFT JOIN raw.commerce.orders o USING (id)')
        assert joined.fetchall() == [(1,)]
        with pytest.raises(ValueError, match=r"three|layer"):
            register_query(con, "orders", "SELECT 1")
