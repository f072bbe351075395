"""Where a domain stands against the budget in its `domain.yaml`. Nothing is stopped here."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from data_platform.contracts.domain_files import Domain


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetStanding:
    """What a domain may spend in a period, and what it has spent in it.

    Attributes:
        first, last: the days counted so far.
        used_percent: None where the budget and the price list are in different currencies.
    """

    domain: str
    period: str
    first: date
    last: date
    amount: Decimal
    currency: str
    spent: Decimal
    spent_currency: str
    used_percent: Decimal | None

    @classmethod
    def of(cls, domain: Domain, span: tuple[date, date], spent: Decimal, currency: str) -> BudgetStanding:
        """The standing of a domain that has a budget."""
        budget = domain.budget
        assert budget is not None
        return cls(
            domain=domain.name,
            period=budget.period,
            first=span[0],
            last=span[1],
            amount=budget.amount,
            currency=budget.currency,
            spent=spent,
            spent_currency=currency,
            used_percent=spent * 100 / budget.amount if currency == budget.currency else None,
        )


def period_of(day: date, period: str) -> tuple[date, date]:
    """The first and the last day of the calendar period (UTC) that `day` lies in; weeks begin on Monday.

    Args:
        day: any day of it.
        period: one of `contracts.domain_files.PERIODS`.
    """
    match period:
        case "day":
            return day, day
        case "week":
            monday = day - timedelta(days=day.weekday())
            return monday, monday + timedelta(days=6)
        case "quarter":
            start = (day.month - 1) // 3 * 3 + 1
            return date(day.year, start, 1), _month_end(date(day.year, start + 2, 1))
        case "year":
            return date(day.year, 1, 1), date(day.year, 12, 31)
        case _:
            return day.replace(day=1), _month_end(day)


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])
