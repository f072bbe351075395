"""The price list: one YAML file, read strictly, with prices that hold from a day on. Applying them is in `charges`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from data_platform.contracts.places import FileFaults, Place, exact, nearest, shown_path
from data_platform.contracts.shape import hold_against
from data_platform.contracts.yaml_lines import parse_yaml
from data_platform.errors import Fault, FaultyProject
from data_platform.lakehouse.table_ref import Zone

DEFAULT_LIST = Path(__file__).parent / "prices.yaml"
LANDING, OTHER = "landing", "other"
ZONES = (LANDING, *(zone.value for zone in Zone), OTHER)
_ANY_ZONE = "default"
_RATES = ("cpu_hour", "memory_gib_hour", "read_gib", "written_gib")


class SharedMethod(StrEnum):
    """How costs that are no dataset's are split among datasets."""

    PROPORTIONAL = "proportional"  # to what each costs itself
    EVEN = "even"
    NONE = "none"  # they stay a line of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What one unit costs from a day on, in the list's currency.

    Attributes:
        since: None for the first list, which holds from the beginning.
        storage_gib_month: by zone, every zone named.
    """

    since: date | None
    cpu_hour: Decimal
    memory_gib_hour: Decimal
    read_gib: Decimal
    written_gib: Decimal
    storage_gib_month: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """A price file.

    Attributes:
        path: as people are shown it.
        prices: in order of time; the first has no day.
    """

    path: str
    currency: str
    shared: SharedMethod
    prices: tuple[Prices, ...]

    def spans(self, first: date, last: date) -> Iterator[tuple[date, date, Prices]]:
        """The days from `first` to `last`, both included, cut where prices change."""
        for prices, after in zip(self.prices, (*self.prices[1:], None), strict=True):
            low = max(first, prices.since or first)
            high = min(last, after.since - timedelta(days=1)) if after is not None and after.since else last
            if low <= high:
                yield low, high, prices


class _PricesFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    since: str | None = Field(default=None, alias="from")
    cpu_hour: int | float | None = None
    memory_gib_hour: int | float | None = None
    read_gib: int | float | None = None
    written_gib: int | float | None = None
    storage_gib_month: dict[str, int | float] | None = None


class _ListFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    currency: str | None = None
    shared: str | None = None
    prices: list[_PricesFile] | None = None


def read_prices(path: Path) -> PriceList:
    """Reads a price file.

    Raises:
        FaultyProject: with every fault, each with its line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        raise FaultyProject([Fault(shown_path(path), 0, message, "mend DATA_PLATFORM_PRICES")]) from error
    file = FileFaults(shown_path(path), parse_yaml(content))
    for problem in file.document.problems:
        file.at_line(*problem)
    is_unread = file.document.data is None and file.document.problems
    found = _list(Place(file.document.data, (), file)) if not is_unread and hold_against(_ListFile, file) else None
    if file.faults or found is None:
        raise FaultyProject(file.faults)
    return found


def _list(top: Place) -> PriceList:
    currency, shared = top.text("currency"), top.text("shared") or SharedMethod.PROPORTIONAL
    if not (len(currency) == 3 and currency.isascii() and currency.isupper()):
        top.missing("currency", "the list has no currency of ISO 4217", "add currency: EUR")
    if shared not in set(SharedMethod):
        message = f"shared costs cannot be split by {shared!r}"
        top.missing("shared", message, nearest(shared, map(str, SharedMethod)))
        shared = SharedMethod.NONE
    prices = tuple(map(_prices, top.items("prices")))
    if not prices:
        top.missing("prices", "the list has no prices", "add prices: with one entry")
    _hold_order(top, prices)
    return PriceList(path=top.file.path, currency=currency, shared=SharedMethod(shared), prices=prices)


def _prices(place: Place) -> Prices:
    rates = {name: _rate(place, name) for name in _RATES}
    storage = place.into("storage_gib_month")
    given = storage.value if isinstance(storage.value, dict) else {}
    storage.refuse_unknown((*ZONES, _ANY_ZONE), "storage")
    by_zone = {name: _rate(storage, name) for name in given}
    lacking = [zone for zone in ZONES if zone not in by_zone] if _ANY_ZONE not in by_zone else []
    if lacking:
        message = f"storage has no price for {', '.join(lacking)}"
        place.missing("storage_gib_month", message, "add default: 0.02 to storage_gib_month")
    usual = by_zone.get(_ANY_ZONE, Decimal(0))
    return Prices(
        since=_since(place),
        storage_gib_month={zone: by_zone.get(zone, usual) for zone in ZONES},
        cpu_hour=rates["cpu_hour"],
        memory_gib_hour=rates["memory_gib_hour"],
        read_gib=rates["read_gib"],
        written_gib=rates["written_gib"],
    )


def _rate(place: Place, name: str) -> Decimal:
    number = exact(place.get(name))
    if number is None:
        place.missing(name, f"{name} has no price", f"add {name}: 0 if it costs nothing")
    elif number < 0:
        place.into(name).fault(f"{name} is below zero", "write what a unit costs, or 0")
    return number or Decimal(0)


def _since(place: Place) -> date | None:
    text = place.text("from")
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        place.into("from").fault(f"{text!r} is no day", "write it as 2026-07-01")
        return None


def _hold_order(top: Place, prices: tuple[Prices, ...]) -> None:
    for index, place in enumerate(top.items("prices")):
        if index == 0 and place.has("from"):
            place.into("from").fault("the first prices have a day, so the days before have none", "remove `from` here")
        if index == 0 or ("prices", index, "from") in top.file.faulty:
            continue
        since, before = prices[index].since, prices[index - 1].since
        if since is None:
            place.missing("from", "these prices have no day from which they hold", "add from: 2026-07-01")
        elif before is not None and since <= before:
            place.into("from").fault(f"{since} is not after {before}", "order the prices by day")
