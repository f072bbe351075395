from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from data_platform.errors import ConfigurationError, PublishBlocked
from data_platform.lakehouse.content_hash import content_hash
from data_platform.publication.decisions import Decision
from data_platform_tests.integration.core.orders import CURATED, SQL, deliver, orders
from data_platform_tests.kit import Kit, at, dataset, later

DAILY = ("day date key partition", "orders int required", "total decimal(12,2) required")
DAILY_SQL = """SELECT day, CAST(count(*) AS BIGINT) AS orders, CAST(sum(amount) AS DECIMAL(12,2)) AS total
FROM curated.shop.orders
WHERE day >= $partition_start AND day < $partition_end
GROUP BY day
"""
DAYS = [f"2026-03-{day:02}" for day in (1, 2, 3)]


def shop(kit: Kit) -> Kit:
    orders(kit)
    kit.served("daily", DAILY, DAILY_SQL, materialization="partition")
    kit.served(
        "total",
        ("total decimal(18,2) required",),
        "SELECT CAST(coalesce(sum(amount), 0) AS DECIMAL(18,2)) AS total FROM curated.shop.orders",
        materialization="table",
    )
    return kit


def three_days(kit: Kit) -> Kit:
    shop(kit)
    deliver(kit, "a.csv", *[(f"A{n}", at(day), f"{n + 1}.00", "") for n, day in enumerate(DAYS)])
    kit.refresh("curated.orders")
    kit.refresh("served.daily")
    kit.refresh("served.total")
    return kit


def hash_without(kit: Kit, name: str, day: str) -> Any:
    with kit.platform.engine.session() as con:
        return content_hash(con, f"SELECT * FROM ({kit.head(name).scan()}) WHERE day <> DATE '{day}'")


def test_only_the_partitions_in_range_change_and_the_rows_beside_them_are_kept(kit: Kit) -> None:
    three_days(kit)
    before = hash_without(kit, "served.daily", DAYS[1])
    assert len(kit.head("served.daily").files) == 1
    deliver(kit, "b.csv", *[(f"B{n}", at(day, "23:30:00"), "10.00", "") for n, day in enumerate(DAYS)])
    kit.decide("curated.orders", Decision.ADMIT_LATE, [])
    kit.refresh("curated.orders")
    kit.materialize("served.daily", DAYS[1])
    assert hash_without(kit, "served.daily", DAYS[1]) == before


def test_a_day_without_rows_is_published_empty_and_one_that_had_rows_loses_them(kit: Kit) -> None:
    three_days(kit)
    published = kit.materialize("served.daily", "2026-03-04", "2026-03-05")
    assert [(c.partition, c.source) for c in published.partitions] == [("2026-03-04", 0), ("2026-03-05", 0)]
    kit.served("daily", DAILY, DAILY_SQL.replace("GROUP BY", "AND amount > 2 GROUP BY"), materialization="partition")
    kit.materialize("served.daily", DAYS[0], DAYS[1])
    assert [row["day"].day for row in kit.rows("served.daily")] == [3]


def test_a_partition_column_may_be_a_timestamp(kit: Kit) -> None:
    orders(kit)
    sql = DAILY_SQL.replace("SELECT day,", "SELECT ordered_at AS moment,").replace(
        "GROUP BY day", "GROUP BY ordered_at"
    )
    kit.served("daily", ("moment timestamp key partition", *DAILY[1:]), sql, materialization="partition")
    deliver(
        kit,
        "a.csv",
        ("A1", at(DAYS[0], "00:00:00"), "1.00", ""),
        ("A2", at(DAYS[0], "23:59:59"), "2.00", ""),
        ("B1", at(DAYS[1], "00:00:00"), "3.00", ""),
    )
    kit.materialize("curated.orders")
    kit.materialize("served.daily", DAYS[0], DAYS[1])
    kit.materialize("served.daily", DAYS[0])
    kit.materialize("served.daily", DAYS[1])
    assert [str(row["total"]) for row in kit.rows("served.daily")] == ["1.00", "2.00", "3.00"]


def test_rows_without_a_day_stop_the_publish_instead_of_vanishing(kit: Kit) -> None:
    orders(kit)
    sql = """SELECT CASE WHEN amount < 2 THEN NULL ELSE day END AS day, CAST(1 AS BIGINT) AS orders, amount AS total
FROM curated.shop.orders WHERE day >= $partition_start AND day < $partition_end"""
    kit.served("daily", ("day date partition", *DAILY[1:]), sql, materialization="partition")
    deliver(kit, "a.csv", ("A1", at(DAYS[0]), "1.00", ""), ("A2", at(DAYS[0]), "2.00", ""))
    kit.materialize("curated.orders")
    with pytest.raises(PublishBlocked, match="1 rows have no day"):
        kit.materialize("served.daily", DAYS[0])
    assert kit.rows("served.daily") == []


def test_a_partition_dataset_needs_a_range(kit: Kit) -> None:
    three_days(kit)
    with pytest.raises(ConfigurationError, match="name a range"):
        kit.materialize("served.daily")


# ---- staleness


def test_nothing_is_stale_after_a_run(kit: Kit) -> None:
    three_days(kit)
    assert [bool(kit.platform.staleness.of(n)) for n in kit.platform.graph.order if n.layer != "raw"] == [False] * 3


def test_a_new_file_makes_exactly_its_days_stale_all_the_way_down(kit: Kit) -> None:
    three_days(kit)
    deliver(kit, "b.csv", ("B1", at(DAYS[2], "11:00:00"), "7.00", ""))
    assert kit.stale_days("curated.orders") == [DAYS[2]]
    assert kit.stale_days("served.daily") == []
    kit.refresh("curated.orders")
    assert kit.stale_days("served.daily") == [DAYS[2]]
    assert kit.platform.staleness.of(dataset("served.total")).whole
    for name in ("served.daily", "served.total"):
        kit.refresh(name)
    assert [(r["day"].isoformat(), r["total"]) for r in kit.rows("served.daily")] == [
        (DAYS[0], Decimal("1.00")),
        (DAYS[1], Decimal("2.00")),
        (DAYS[2], Decimal("10.00")),
    ]
    left = [kit.platform.staleness.of(n) for n in kit.platform.graph.order if n.layer != "raw"]
    assert not any(left)


@pytest.mark.parametrize("changed", ["contract", "sql", "raw contract"])
def test_a_changed_recipe_makes_every_day_stale(kit: Kit, changed: str) -> None:
    three_days(kit)
    if changed == "contract":
        orders(kit, columns=[c.replace("max=1000", "max=999") for c in CURATED])
    elif changed == "sql":
        orders(kit, sql=SQL + "-- another comment\n")
    else:
        orders(kit, raw_custom={"allowed_lateness": "PT2H"})
    assert kit.stale_days("curated.orders") == DAYS
    kit.refresh("curated.orders")
    assert kit.stale_days("curated.orders") == []


def test_a_decision_makes_its_dataset_stale(kit: Kit) -> None:
    three_days(kit)
    later(kit, minutes=1)
    deliver(kit, "b.csv", ("B1", at(DAYS[2], "11:00:00"), "-7.00", ""))
    kit.refresh("curated.orders")
    kit.decide("curated.orders", Decision.RELEASE, kit.held("curated.orders"))
    assert DAYS[2] in kit.stale_days("curated.orders")
    kit.refresh("curated.orders")
    assert kit.stale_days("curated.orders") == []


def test_a_dataset_of_two_raw_inputs_goes_stale_by_their_days_only(kit: Kit) -> None:
    orders(kit)
    kit.raw("visits", ("visit string", "day date"), watermark="day")
    sql = """SELECT CAST(o.ordered_at AT TIME ZONE 'UTC' AS DATE) AS day, CAST(count(*) AS BIGINT) AS pairs
FROM raw.shop.orders AS o JOIN raw.shop.visits AS v ON v.day = CAST(o.ordered_at AT TIME ZONE 'UTC' AS DATE)
WHERE v.day >= $partition_start AND v.day < $partition_end GROUP BY ALL"""
    kit.curated("pairs", ("day date key partition", "pairs int required"), sql, materialization="partition")
    kit.drop("visits/a.csv", "visit,day\nv,2026-03-01\nv,2026-03-02\n")
    kit.ingest("visits")
    deliver(kit, "a.csv", ("A1", at(DAYS[0]), "1.00", ""))
    assert kit.stale_days("curated.pairs") == DAYS[:2]
    kit.refresh("curated.pairs")
    assert kit.stale_days("curated.pairs") == []
    kit.drop("visits/b.csv", "visit,day\nv,2026-03-01\n")
    kit.ingest("visits")
    assert kit.stale_days("curated.pairs") == DAYS[:1]
    kit.refresh("curated.pairs")
    assert [(r["day"], r["pairs"]) for r in kit.rows("curated.pairs")] == [(date(2026, 3, 1), 2)]


# ---- the warehouse file


def build(kit: Kit) -> Any:
    project = kit.platform.project
    return kit.platform.warehouse.build([d.contract for n, d in project.datasets.items() if n.layer == "served"])


def test_the_warehouse_file_says_what_the_served_tables_say(kit: Kit) -> None:
    three_days(kit)
    built = build(kit)
    assert built.rebuilt
    with duckdb.connect(str(built.file), read_only=True) as con:
        assert con.execute("SELECT day, total FROM shop.daily ORDER BY day").fetchall() == [
            (date(2026, 3, n), Decimal(n)) for n in (1, 2, 3)
        ]
        keys = con.execute(
            "SELECT constraint_column_names FROM duckdb_constraints() WHERE table_name = 'daily' "
            "AND constraint_type = 'PRIMARY KEY'"
        ).fetchall()
        assert keys == [(["day"],)]


def test_the_warehouse_file_is_made_again_only_for_another_version_and_readers_keep_theirs(kit: Kit) -> None:
    three_days(kit)
    file = build(kit).file
    inode = file.stat().st_ino
    assert not build(kit).rebuilt
    assert file.stat().st_ino == inode
    reader = duckdb.connect(str(file), read_only=True)
    deliver(kit, "b.csv", ("B1", at(DAYS[2], "11:00:00"), "7.00", ""))
    kit.refresh("curated.orders")
    kit.refresh("served.total")
    assert build(kit).rebuilt
    assert reader.execute("SELECT total FROM shop.total").fetchall() == [(Decimal("6.00"),)]
    reader.close()
    with duckdb.connect(str(file), read_only=True) as con:
        assert con.execute("SELECT total FROM shop.total").fetchall() == [(Decimal("13.00"),)]
    assert [p.name for p in file.parent.iterdir()] == ["served.duckdb"]


def test_a_warehouse_file_of_garbage_is_replaced(kit: Kit) -> None:
    three_days(kit)
    file = build(kit).file
    file.write_bytes(b"garbage")
    assert build(kit).rebuilt
    with duckdb.connect(str(file), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM shop.daily").fetchall() == [(3,)]


def test_a_project_without_served_data_gets_an_empty_file_once(kit: Kit) -> None:
    shop(kit)
    assert build(kit).rebuilt
    assert not build(kit).rebuilt
