"""A raw table far larger than the memory limit is read, admitted, audited and published within a bound."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from data_platform_tests.end_to_end.kiosk_files import ITEMS, write_members, write_prices, write_ratings
from data_platform_tests.end_to_end.processes import finish, start
from data_platform_tests.end_to_end.walking import at, fates, open_ledgers, rows

ROWS = 3_000_000
LIMIT = "256MB"
BOUND_BYTES = 900 << 20  # the interpreter with its libraries takes about 400 MiB of it; 644 MiB were measured


@pytest.mark.campaign
def test_three_million_orders_are_published_in_little_memory(tmp_path: Path) -> None:
    source, home = tmp_path / "source", tmp_path / "home"
    write_members(source, "2026-03-01", {"M1": ("Bern", "2026-02-01")})
    write_prices(source, "2026-03-01", [(item, "2.00", 1) for item in ITEMS])
    write_ratings(source, "2026-03-01", [("R1", "tea", 5)])
    (source / "orders").mkdir()
    for day in range(1, 6):
        write_many(source / "orders" / f"orders_2026-03-{day:02}.csv", day, ROWS // 5)
    run = start("measured_process", home, source, f"memory_limit={LIMIT}")
    peak_bytes = int(finish(run, seconds=900).split()[-1])
    print(f"\npeak {peak_bytes >> 20} MiB with memory_limit={LIMIT} and {ROWS:,} rows")
    with at(home, source) as platform:
        assert fates(platform, "curated.kiosk.orders") == {"curated": ROWS - 5 * 100, "quarantined": 5 * 100}
        assert rows(platform, "served.kiosk.daily_sales", "SELECT sum(orders_count) FROM {}") == [(ROWS - 5 * 100,)]
        assert open_ledgers(platform) == []
    assert peak_bytes < BOUND_BYTES


def write_many(file: Path, day: int, count: int) -> None:
    """One day of orders; the first hundred have a quantity of zero."""
    duckdb.sql(f"""
        COPY (SELECT 'O-{day}-' || n AS order_id,
                     strftime(TIMESTAMP '2026-03-{day:02} 00:00:00' + to_seconds(n % 86400), '%Y-%m-%dT%H:%M:%SZ') AS ordered_at,
                     'M' || n % 1000 AS member_id, ['tea', 'bun', 'map', 'pen'][1 + n % 4] AS item,
                     CASE WHEN n < 100 THEN 0 ELSE 1 + n % 5 END AS quantity, ['EUR', 'CHF'][1 + n % 2] AS currency,
                     CAST(n % 10000 AS DECIMAL(18, 2)) / 100 AS amount
              FROM range({count}) AS t(n)) TO '{file}' (HEADER, DELIMITER ',')""")
