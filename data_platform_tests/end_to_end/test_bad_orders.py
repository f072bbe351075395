"""Bad orders never reach a reader: bad rows are quarantined, a bad file is rejected whole, good files are served."""

from __future__ import annotations

from pathlib import Path

from data_platform.metastore.tables import FileOutcome
from data_platform.wiring.platform import Platform
from data_platform_tests.end_to_end.kiosk_files import ORDER_COLUMNS, order, write_orders
from data_platform_tests.end_to_end.processes import reading
from data_platform_tests.end_to_end.reader_process import read_served, read_warehouse
from data_platform_tests.end_to_end.sales import daily_sales
from data_platform_tests.end_to_end.walking import at, fates, hash_of, open_ledgers, rows, walk

GOOD_1 = [order("2026-03-01", n) for n in range(10)]
GOOD_2 = [order("2026-03-02", n) for n in range(10)]
BAD = [
    order("2026-03-02", 90, quantity="-3"),
    order("2026-03-02", 91, currency="XYZ"),
    order("2026-03-02", 92, amount="-7.50"),
]
RENAMED = ORDER_COLUMNS.replace("quantity", "pieces")
GOOD_3 = [order("2026-03-03", n) for n in range(10)]
GOOD_4 = [order("2026-03-04", n) for n in range(10)]


def test_bad_rows_bad_files_and_good_files_of_one_poll_go_their_own_ways(tmp_path: Path) -> None:
    home, source = tmp_path / "home", tmp_path / "source"
    write_orders(source, "orders_2026-03-01.csv", GOOD_1)
    with at(home, source) as platform:
        _feed_other_sources(source)
        walk(platform)
        with reading(home, source) as seen:
            write_orders(source, "orders_2026-03-02.csv", [*GOOD_2, *BAD])
            write_orders(source, "orders_2026-03-03.csv", GOOD_3, header=RENAMED)
            write_orders(source, "orders_2026-03-04.csv", GOOD_4)
            walk(platform)
            final = read_served(platform)
        assert final == daily_sales([*GOOD_1, *GOOD_2, *GOOD_4])
        assert read_warehouse(platform.settings.warehouse_file) == final
        assert sorted(rows(platform, "held.kiosk.orders", "SELECT fate, reason, rule FROM {}")) == [
            ("quarantined", "ENUM", "currency_enum"),
            ("quarantined", "RANGE", "amount_bounds"),
            ("quarantined", "RANGE", "quantity_bounds"),
        ]
        assert fates(platform, "curated.kiosk.orders") == {"curated": 30, "quarantined": 3}
        whole = {line.name: line for line in platform.metastore.batches.files("raw.kiosk.orders", batch_id="orders/2")}
        assert whole["orders_2026-03-03.csv"].outcome is FileOutcome.REJECTED
        assert whole["orders_2026-03-03.csv"].reason.startswith("SCHEMA_")
        assert open_ledgers(platform) == []
    # Days that do not touch are published one after the other: each is whole, and a bad row is in none.
    states = [daily_sales(GOOD_1), daily_sales([*GOOD_1, *GOOD_2]), daily_sales([*GOOD_1, *GOOD_2, *GOOD_4])]
    assert seen["reads"] > 10
    assert all(result in states for door in ("served", "warehouse") for result in seen[door])


def test_a_file_with_a_renamed_column_alone_leaves_what_is_served_as_it_is(kiosk: Platform) -> None:
    source = kiosk.settings.source
    write_orders(source, "orders_2026-03-01.csv", GOOD_1)
    _feed_other_sources(source)
    walk(kiosk)
    table = kiosk.lake.tables()[-1]
    before = {ref: hash_of(kiosk, ref) for ref in kiosk.lake.tables() if ref.zone.value in ("curated", "served")}
    write_orders(source, "orders_2026-03-02.csv", GOOD_2, header=RENAMED)
    walk(kiosk)
    assert table in before
    assert {ref: hash_of(kiosk, ref) for ref in before} == before
    rejected = rows(kiosk, "rejected.kiosk.orders", "SELECT source_name, reason FROM {}")
    assert [name for name, _ in rejected] == ["orders_2026-03-02.csv"]
    write_orders(source, "orders_2026-03-02_mended.csv", GOOD_2)
    walk(kiosk)
    assert read_served(kiosk) == daily_sales([*GOOD_1, *GOOD_2])
    assert open_ledgers(kiosk) == []


def _feed_other_sources(source: Path) -> None:
    from data_platform_tests.end_to_end.kiosk_files import write_members, write_prices, write_ratings

    write_members(source, "2026-03-01", {"M1": ("Bern", "2026-02-01")})
    write_prices(source, "2026-03-01", [("tea", "2.00", 1)])
    write_ratings(source, "2026-03-01", [("R1", "tea", 5)])
