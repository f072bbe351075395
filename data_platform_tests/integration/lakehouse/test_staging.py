from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count

import pyarrow as pa
import pytest
from duckdb import DuckDBPyConnection

from data_platform.errors import ConfigurationError, ConservationBroken
from data_platform.lakehouse import staging
from data_platform.lakehouse.staging import discard, scan_kept, scan_staged, stage
from data_platform.lakehouse.tables import Lake
from data_platform_tests.integration.lakehouse.orders import REF, SCHEMA, append, created, ids, name, rows, staged


def test_rows_lie_in_one_file_per_month_and_nothing_is_visible(lake: Lake, con: DuckDBPyConnection) -> None:
    table = created(lake)
    select = (
        f"{rows(0, 3, day='2024-02-28')} UNION ALL {rows(10, 2, day='2023-12-31')} "
        "UNION ALL SELECT 99, NULL, NULL, NULL"
    )
    files = staged(con, table, select, month='"at"')
    assert [(file.path.rsplit("-", 1)[0], file.rows) for file in files] == [("2023-12", 2), ("2024-02", 3), ("none", 1)]
    assert table.snapshot().rows == 0
    assert all(table.store.size(file.path) == file.size_bytes for file in files)
    assert con.execute(f"SELECT count(*), sum(id) FROM ({scan_staged(table, SCHEMA, files)})").fetchall() == [(6, 123)]
    table.commit(table.snapshot(), adds=files)
    snapshot = table.snapshot()
    low, high = datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 2, 29, tzinfo=UTC)
    assert [file.rows for file in snapshot.overlapping("at", low, high)] == [3]
    assert [file.rows for file in snapshot.holding_nulls("at")] == [1]


def test_no_rows_stage_no_file(lake: Lake, con: DuckDBPyConnection) -> None:
    table = created(lake)
    empty = f"SELECT * FROM ({rows(0, 5)}) WHERE id < 0"
    assert staged(con, table, empty) == []
    assert staged(con, table, empty, month='"at"') == []
    assert [key for key in table.store.list("") if key.endswith(".parquet")] == []


def test_discarded_files_are_gone(local_lake: Lake, con: DuckDBPyConnection) -> None:
    table = created(local_lake)
    files = staged(con, table, rows(0, 5))
    discard(table, files)
    discard(table, files)
    assert not table.store.exists(files[0].path)


def test_kept_and_staged_files_are_scanned_together(local_lake: Lake, con: DuckDBPyConnection) -> None:
    table = created(local_lake)
    append(con, table, 0, 3)
    base = table.snapshot()
    files = staged(con, table, rows(50, 2))
    found = con.execute(f"SELECT id FROM ({scan_kept(base, base.files, files)}) ORDER BY id").fetchall()
    assert found == [(0,), (1,), (2,), (50,), (51,)]
    assert con.execute(f"SELECT count(*) FROM ({scan_kept(base, [], [])})").fetchall() == [(0,)]


def test_many_months_are_bounded_by_sharing_files(
    local_lake: Lake, con: DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "MAX_FILES", 5)
    table = created(local_lake)
    select = (
        "SELECT range AS id, TIMESTAMPTZ '1990-01-15 00:00:00+00' + INTERVAL (range) MONTH AS at, "
        "CAST(1 AS DECIMAL(18, 2)) AS amount, '' AS note FROM range(23)"
    )
    files = staged(con, table, select, month='"at"')
    assert [file.rows for file in files] == [5, 5, 5, 5, 3]
    table.commit(table.snapshot(), adds=files)
    assert ids(con, table.snapshot()) == list(range(23))


def test_infinite_and_ancient_times_are_staged_without_bounds(local_lake: Lake, con: DuckDBPyConnection) -> None:
    table = created(local_lake)
    moments = [
        "infinity",
        "-infinity",
        "0001-01-01 00:00:00+00",
        "9999-12-31 23:59:59.999999+00",
        "2024-01-01 00:00:00+00",
    ]
    select = " UNION ALL ".join(
        f"SELECT CAST({n} AS BIGINT) AS id, TIMESTAMPTZ '{moment}' AS at, CAST(0 AS DECIMAL(18, 2)) AS amount, '' AS note"
        for n, moment in enumerate(moments)
    )
    files = staged(con, table, select, month='"at"')
    assert sum(file.rows for file in files) == 5
    table.commit(table.snapshot(), adds=files)
    assert ids(con, table.snapshot()) == [0, 1, 2, 3, 4]
    found = table.snapshot().overlapping("at", datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC))
    assert 4 in [row[0] for row in con.execute(f"SELECT id FROM ({table.snapshot().scan_files(found)})").fetchall()]


@pytest.mark.parametrize(
    ("select", "fault"),
    [
        ("SELECT 1 AS id", "at: absent"),
        (rows(0, 1).replace("range AS id", "CAST(range AS INTEGER) AS id"), "id: INTEGER instead of BIGINT"),
        (f"SELECT *, 1 AS extra FROM ({rows(0, 1)})", "extra: INTEGER instead of absent"),
    ],
)
def test_columns_of_another_type_are_refused_by_name(
    local_lake: Lake, con: DuckDBPyConnection, select: str, fault: str
) -> None:
    with pytest.raises(ConfigurationError, match=fault):
        staged(con, created(local_lake), select)


def test_columns_may_come_in_any_order(local_lake: Lake, con: DuckDBPyConnection) -> None:
    table = created(local_lake)
    files = staged(con, table, f'SELECT note, amount, "at", id FROM ({rows(3, 1)})')
    table.commit(table.snapshot(), adds=files)
    assert con.execute(f"SELECT * FROM ({table.snapshot().scan()})").fetchall()[0][0] == 3


def test_a_select_that_changes_between_its_runs_stages_nothing(local_lake: Lake, con: DuckDBPyConnection) -> None:
    table = created(local_lake)
    con.execute("CREATE SEQUENCE moved START 0 INCREMENT 1 CYCLE MINVALUE 0 MAXVALUE 2000")
    select = (
        "SELECT range AS id, TIMESTAMPTZ '2024-01-01 00:00:00+00' + INTERVAL (nextval('moved')) DAY AS at, "
        "CAST(0 AS DECIMAL(18, 2)) AS amount, '' AS note FROM range(100)"
    )
    with pytest.raises(ConservationBroken, match="not deterministic"):
        staged(con, table, select, month='"at"')
    assert [key for key in table.store.list("") if key.endswith(".parquet")] == []


def test_a_failing_select_leaves_no_file(lake: Lake, con: DuckDBPyConnection) -> None:
    table = created(lake)
    with pytest.raises(Exception, match="boom"):
        staged(
            con,
            table,
            f"SELECT * REPLACE (CASE WHEN id = 4 THEN error('boom') ELSE note END AS note) FROM ({rows(0, 5)})",
        )
    assert [key for key in table.store.list("") if key.endswith(".parquet")] == []


@pytest.mark.parametrize("stem", ["short", "../../escape", "has space", "a/b/c/d/e"])
def test_a_file_name_that_could_leave_the_folder_is_refused(
    local_lake: Lake, con: DuckDBPyConnection, stem: str
) -> None:
    with pytest.raises(ConfigurationError, match="staged file name"):
        stage(con, rows(0, 1), table=created(local_lake), schema=SCHEMA, name=lambda: stem)


NAMES = ["plain", "with space", "do.t", 'quo"te', "it's", "ünï", "SELECT", "a,b"]


def test_bounds_hold_every_value_whatever_the_columns_are_called(local_lake: Lake, con: DuckDBPyConnection) -> None:
    schema = pa.schema([(column, pa.string()) for column in NAMES])
    table = local_lake.table(REF)
    base = table.create(schema)
    texts = ["", "a\nb", "quote\"'\\", "ü" * 40, "\U0001f600" * 10, "x" * 300, "a\x01b", "\x7f", "zz\U0010ffff"]
    con.execute("CREATE TABLE odd (v VARCHAR)")
    con.executemany("INSERT INTO odd VALUES (?)", [[text] for text in texts])
    columns = ", ".join(f'v AS "{column.replace(chr(34), chr(34) * 2)}"' for column in NAMES)
    numbers = count()
    for text in texts:
        con.execute("CREATE OR REPLACE TABLE one AS SELECT * FROM odd WHERE v = ?", [text])
        select = f"SELECT {columns} FROM one"
        files = stage(con, select, table=table, schema=schema, name=lambda: f"{next(numbers):08}")
        base = table.snapshot()
        table.commit(base, adds=files)
    snapshot = table.snapshot()
    for column in NAMES:
        for text in texts:
            found = snapshot.overlapping(column, text, text)
            relation = snapshot.scan_files(found, [column])
            hits = [row[0] for row in con.execute(f"SELECT * FROM ({relation})").fetchall()]
            assert text in hits, (column, text)
        assert len(snapshot.overlapping(column, "a\nb", "a\nb")) < len(texts), column


def test_bounds_of_every_type_are_exact_or_wider(local_lake: Lake, con: DuckDBPyConnection) -> None:
    schema = pa.schema(
        [
            ("i", pa.int32()), ("d", pa.decimal128(38, 10)), ("f", pa.float64()), ("nan", pa.float64()), ("b", pa.bool_()),
            ("day", pa.date32()), ("at", pa.timestamp("us", tz="UTC")), ("nulls", pa.int64()),
            ("st", pa.struct([("a", pa.int64())])), ("li", pa.list_(pa.string())),
        ]
    )  # fmt: skip
    table = local_lake.table(REF)
    base = table.create(schema)
    select = """
        SELECT CAST(v AS INTEGER) AS i, CAST(v || '.1234567891' AS DECIMAL(38, 10)) AS d, v / 8 AS f,
               CASE WHEN v = 1 THEN CAST('nan' AS DOUBLE) ELSE 1 END AS nan, v = 1 AS b, DATE '2024-02-28' + v AS day,
               TIMESTAMPTZ '2024-01-01 00:00:00.000001+00' + INTERVAL (v) MICROSECOND AS at, CAST(NULL AS BIGINT) AS nulls,
               {'a': CAST(v AS BIGINT)} AS st, ['x'] AS li
        FROM (SELECT CAST(unnest([1, 2, 3]) AS INTEGER) AS v)"""
    table.commit(base, adds=stage(con, select, table=table, schema=schema, name=name))
    stats = table.snapshot().files[0].stats
    assert stats.minimum == {
        "i": 1, "d": Decimal("1.1234567891"), "f": 0.125, "day": date(2024, 2, 29), "at": datetime(2024, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    assert stats.maximum == {
        "i": 3, "d": Decimal("3.1234567891"), "f": 0.375, "day": date(2024, 3, 2),
        "at": datetime(2024, 1, 1, 0, 0, 0, 1000, tzinfo=UTC),
    }  # fmt: skip
    assert stats.null_count == {"i": 0, "d": 0, "f": 0, "nan": 0, "b": 0, "day": 0, "at": 0, "nulls": 3}
    assert table.snapshot().overlapping("nulls", 1, 5) == ()
