"""What the costs page says. What things cost is decided in `costs`; here amounts become lines that still add up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from data_platform.costs.allocation import in_cents, rounded
from data_platform.costs.by_day import costs_by_day
from data_platform.costs.prices import PriceList
from data_platform.costs.report import CostOf, Report
from data_platform.metastore.engine import Metastore
from data_platform.serving.console.operations.charts import Chart, Series

_CENTS = 2
_DIGITS = ((Decimal(10), _CENTS), (Decimal("0.1"), 4), (Decimal(0), 6))
_TREND_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """One group's costs as they are shown: compute, storage and share add up to its total, up to the last digit.

    Attributes:
        compute: with memory and transfer.
        fill: its part of the largest, 0 to 100.
    """

    name: str
    compute: Decimal
    storage: Decimal
    shared: Decimal
    total: Decimal
    compute_per_tb: Decimal | None
    storage_per_tb: Decimal | None
    runs: int
    stored_bytes: int
    fill: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CostTable:
    """Groups and their sum, in which every column adds up."""

    by: str
    lines: Sequence[CostLine]
    compute: Decimal
    storage: Decimal
    shared: Decimal
    total: Decimal


def digits_of(total: Decimal) -> int:
    """How many decimals amounts are shown with, so that small sums are not all zero."""
    return next(digits for least, digits in _DIGITS if abs(total) >= least)


def table(report: Report, costs: Iterable[CostOf], digits: int) -> CostTable:
    """Groups of a report, the dearest first, with amounts rounded so that lines add up to the sum below them."""
    listed = list(costs)
    columns = {
        "compute": [one.compute + one.memory + one.transfer for one in listed],
        "storage": [one.storage for one in listed],
        "shared": [one.shared for one in listed],
    }
    shown = {name: evened(amounts, digits) for name, amounts in columns.items()}
    totals = [sum(parts, Decimal(0)) for parts in zip(*shown.values(), strict=True)]
    most = max(totals, default=Decimal(0)) or Decimal(1)
    lines = [
        CostLine(
            name=one.name,
            compute=shown["compute"][place],
            storage=shown["storage"][place],
            shared=shown["shared"][place],
            total=totals[place],
            compute_per_tb=one.compute_per_tb,
            storage_per_tb=one.storage_per_tb,
            runs=one.runs,
            stored_bytes=one.stored_bytes,
            fill=round(100 * totals[place] / most),
        )
        for place, one in enumerate(listed)
    ]
    sums = {name: sum(amounts, Decimal(0)) for name, amounts in shown.items()}
    return CostTable(by=report.by, lines=lines, **sums, total=sum(totals, Decimal(0)))


def evened(amounts: Sequence[Decimal], digits: int) -> list[Decimal]:
    """Amounts with some decimals that add up to their rounded sum."""
    scale = Decimal(10) ** (digits - _CENTS)
    scaled = [amount * scale for amount in amounts]
    return [one / scale for one in rounded(scaled, in_cents(sum(scaled, Decimal(0))))]


def trend(metastore: Metastore, price_list: PriceList, today: date) -> Chart:
    """Compute and storage of the last days."""
    days = costs_by_day(metastore, price_list, today - timedelta(days=_TREND_DAYS - 1), today)
    return Chart(
        kind="bars",
        label="Costs by day",
        along="Day",
        unit=price_list.currency,
        x=[one.day.isoformat() for one in days],
        series=[
            Series(name="compute", values=[float(one.compute) for one in days]),
            Series(name="storage", values=[float(one.storage) for one in days]),
        ],
    )
