from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from data_platform.costs.by_day import costs_by_day
from data_platform.costs.charges import charges
from data_platform.costs.prices import read_prices
from data_platform.metastore.engine import open_metastore
from data_platform.metastore.run_meters import RunMeterEntry
from data_platform.metastore.storage_meters import StorageMeterEntry

PRICES = """
currency: EUR
shared: none
prices:
  - {cpu_hour: 1, memory_gib_hour: 0, read_gib: 0, written_gib: 2, storage_gib_month: {default: 31}}
  - {from: 2026-03-03, cpu_hour: 10, memory_gib_hour: 0, read_gib: 0, written_gib: 0, storage_gib_month: {default: 31}}
"""
FIRST = date(2026, 3, 1)


def test_days_are_charged_at_their_prices_and_add_up_to_the_charges(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(PRICES)
    price_list = read_prices(tmp_path / "prices.yaml")
    metastore = open_metastore(f"sqlite:///{tmp_path}/metastore.db")
    metastore.migrate()
    at = datetime(2026, 3, 1, tzinfo=UTC)
    for dataset, n, hours in (("raw.shop.a", 0, 2), ("raw.shop.b", 0, 1), ("raw.shop.a", 2, 3)):
        used = RunMeterEntry(run_id=f"{dataset}{n}", dataset=dataset, metered_on=FIRST + timedelta(days=n), started_at=at,
                             ended_at=at, cpu_seconds=3600 * hours, bytes_written=2**30)  # fmt: skip
        metastore.operations.run_meters.add([used])
    for n, gib in ((0, 1), (2, 4)):  # the second day was not metered
        day = FIRST + timedelta(days=n)
        metastore.operations.storage_meters.replace(day, [
            StorageMeterEntry(place=name, metered_on=day, zone="raw", dataset=name, size_bytes=gib * 2**30, files=1,
                              metered_at=at) for name in ("raw.shop.a", "raw.shop.b")])  # fmt: skip
    found = costs_by_day(metastore, price_list, FIRST, FIRST + timedelta(days=3))
    # hours at 1, later at 10, and 2 for each GiB written before that; a GiB costs 1 a day in a month of 31
    assert [(one.day.day, round(one.compute, 9), round(one.storage, 9)) for one in found] == [
        (1, 3 + 4, 2),
        (2, 0, 2),
        (3, 30, 8),
        (4, 0, 8),
    ]
    whole = charges(metastore, price_list, FIRST, FIRST + timedelta(days=3))
    by_day = sum((one.compute + one.storage for one in found), Decimal(0))
    assert round(sum((one.direct for one in whole), Decimal(0)), 9) == round(by_day, 9)
    assert costs_by_day(metastore, price_list, date(2026, 2, 1), date(2026, 2, 1))[0].storage == 0
    metastore.close()
