"""Turns meters into money: what was used and stored, at the prices of its day. Who bears it is in `allocation`.

Nothing is rounded here. A month is a calendar month in UTC.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import zip_longest
from types import MappingProxyType
from typing import Any

from data_platform.contracts.domains import PLATFORM_DOMAIN
from data_platform.costs.ownership import domain_of
from data_platform.costs.prices import PriceList, Prices
from data_platform.metastore.engine import Metastore
from data_platform.metastore.run_meters import UsedEntry
from data_platform.metastore.storage_meters import StoredEntry

GIB = Decimal(2**30)
HOUR_SECONDS = Decimal(3600)
# what charges are added up by, and what nothing of it is
ADDED: Mapping[str, Any] = MappingProxyType({
    **dict.fromkeys(("compute", "memory", "transfer", "storage", "shared"), Decimal(0)),
    "runs": 0,
    "cpu_seconds": 0.0,
    **dict.fromkeys(("bytes_read", "bytes_written", "logical_bytes_in", "stored_byte_days"), 0),
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What one dataset, or one kind of platform work, cost under one owner, cost centre and set of tags.

    Attributes:
        compute: of CPU time. memory: of memory over time. transfer: of bytes read and written.
        shared: its share of what is no dataset's.
        stored_byte_days: each day's bytes, added up.
    """

    dataset: str
    owner: str = ""
    cost_centre: str = ""
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    compute: Decimal = Decimal(0)
    memory: Decimal = Decimal(0)
    transfer: Decimal = Decimal(0)
    storage: Decimal = Decimal(0)
    shared: Decimal = Decimal(0)
    runs: int = 0
    cpu_seconds: float = 0.0
    bytes_read: int = 0
    bytes_written: int = 0
    logical_bytes_in: int = 0
    stored_byte_days: int = 0

    @property
    def direct(self) -> Decimal:
        """Without any share of what others caused."""
        return self.compute + self.memory + self.transfer + self.storage

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.direct + self.shared

    @property
    def is_shared(self) -> bool:
        """Whether it is the platform's own work."""
        return domain_of(self.dataset) == PLATFORM_DOMAIN

    @property
    def is_untagged(self) -> bool:
        """Whether it is a dataset's and nobody, no cost centre or no tag is named for it."""
        return not self.is_shared and not (self.owner and self.cost_centre and self.tags)

    def plus(self, other: Charge) -> Charge:
        """Both together, under this one's names."""
        return replace(self, **{name: getattr(self, name) + getattr(other, name) for name in ADDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """How far the days of a report are covered by storage meters.

    Attributes:
        carried: days that were not metered and count as the metered day before them.
        unknown: days before anything was metered; their storage is not charged.
    """

    days: int
    carried: int
    unknown: int


def charges(metastore: Metastore, price_list: PriceList, first: date, last: date) -> tuple[Charge, ...]:
    """What was used and stored from `first` to `last`, both included, by dataset, owner, cost centre and tags."""
    found: dict[tuple[object, ...], Charge] = {}
    stored_days = metastore.operations.storage_meters.days(first, last)
    for low, high, prices in _spans(price_list, first, last):
        for used in metastore.operations.run_meters.totals(low, high):
            _add(found, charge_of_use(used, prices))
        weights = _weights(stored_days, low, high)
        for stored in metastore.operations.storage_meters.totals(weights):
            _add(found, charge_of_storage(stored, prices, days=monthrange(low.year, low.month)[1]))
    return tuple(found[key] for key in sorted(found, key=str))


def covered(metastore: Metastore, first: date, last: date) -> Covered:
    """How far the days are covered by storage meters."""
    metered = metastore.operations.storage_meters.days(first, last)
    days = max((last - first).days + 1, 0)
    counted = sum(_weights(metered, first, last).values())
    inside = sum(1 for day in metered if first <= day <= last)
    return Covered(days=days, carried=counted - inside, unknown=days - counted)


def charge_of_use(used: UsedEntry, prices: Prices) -> Charge:
    """What use costs at some prices."""
    return Charge(
        dataset=used.dataset,
        owner=used.owner,
        cost_centre=used.cost_centre,
        tags=used.tags,
        compute=Decimal(used.cpu_seconds) / HOUR_SECONDS * prices.cpu_hour,
        memory=Decimal(used.memory_byte_seconds) / GIB / HOUR_SECONDS * prices.memory_gib_hour,
        transfer=(used.bytes_read * prices.read_gib + used.bytes_written * prices.written_gib) / GIB,
        runs=used.runs,
        cpu_seconds=used.cpu_seconds,
        bytes_read=used.bytes_read,
        bytes_written=used.bytes_written,
        logical_bytes_in=used.logical_bytes_in,
    )


def charge_of_storage(stored: StoredEntry, prices: Prices, *, days: int) -> Charge:
    """What stored byte-days cost at some prices, in a month of `days`."""
    return Charge(
        dataset=stored.dataset,
        owner=stored.owner,
        cost_centre=stored.cost_centre,
        tags=stored.tags,
        storage=stored.byte_days / GIB / days * prices.storage_gib_month[stored.zone],
        stored_byte_days=stored.byte_days,
    )


def _add(found: dict[tuple[object, ...], Charge], charge: Charge) -> None:
    key = (charge.dataset, charge.owner, charge.cost_centre, tuple(sorted(charge.tags.items())))
    found[key] = found[key].plus(charge) if key in found else charge


def _spans(price_list: PriceList, first: date, last: date) -> Iterator[tuple[date, date, Prices]]:
    """The days cut where prices change and where a month ends."""
    for low, high, prices in price_list.spans(first, last):
        while low <= high:
            end = min(high, low.replace(day=monthrange(low.year, low.month)[1]))
            yield low, end, prices
            low = end + timedelta(days=1)


def _weights(metered: tuple[date, ...], first: date, last: date) -> dict[date, int]:
    """For how many days from `first` to `last` each metered day counts: until the next metered one."""
    found = {}
    for day, after in zip_longest(metered, metered[1:]):
        end = last if after is None else min(last, after - timedelta(days=1))
        count = (end - max(day, first)).days + 1
        if count > 0:
            found[day] = count
    return found
