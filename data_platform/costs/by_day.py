"""What each day cost, all datasets together. The sum over days is the sum of the charges in `charges`."""

from __future__ import annotations

from bisect import bisect_right
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from data_platform.costs.charges import charge_of_storage, charge_of_use
from data_platform.costs.prices import PriceList
from data_platform.metastore.engine import Metastore
from data_platform.metastore.storage_meters import StoredEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCost:
    """One day (UTC); compute is with memory and transfer."""

    day: date
    compute: Decimal
    storage: Decimal


def costs_by_day(metastore: Metastore, price_list: PriceList, first: date, last: date) -> list[DayCost]:
    """Every day from `first` to `last`, both included; a day that was not metered holds what the day before did."""
    operations = metastore.operations
    used = operations.run_meters.by_day(first, last)
    metered = operations.storage_meters.days(first, last)
    stored = operations.storage_meters.by_day(metered)
    found = []
    for low, high, prices in price_list.spans(first, last):
        for day in (low + timedelta(days=n) for n in range((high - low).days + 1)):
            compute = charge_of_use(used[day], prices).direct if day in used else Decimal(0)
            place = bisect_right(metered, day)
            zones = stored[metered[place - 1]] if place else {}
            month = monthrange(day.year, day.month)[1]
            storage = sum(
                (charge_of_storage(_entry(*zone), prices, days=month).storage for zone in zones.items()), Decimal(0)
            )
            found.append(DayCost(day=day, compute=compute, storage=storage))
    return found


def _entry(zone: str, size_bytes: int) -> StoredEntry:
    return StoredEntry(dataset="", zone=zone, owner="", cost_centre="", tags={}, byte_days=size_bytes)
