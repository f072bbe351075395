from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from data_platform.contracts.domain_files import Budget, Domain
from data_platform.costs.budgets import BudgetStanding, period_of


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("day", date(2026, 2, 18), date(2026, 2, 18)),
        ("week", date(2026, 2, 16), date(2026, 2, 22)),
        ("month", date(2026, 2, 1), date(2026, 2, 28)),
        ("quarter", date(2026, 1, 1), date(2026, 3, 31)),
        ("year", date(2026, 1, 1), date(2026, 12, 31)),
    ],
)
def test_a_period_is_the_calendar_s(period: str, first: date, last: date) -> None:
    assert period_of(date(2026, 2, 18), period) == (first, last)


def test_a_budget_in_another_currency_is_shown_and_not_compared() -> None:
    budget = Budget(amount=Decimal(200), currency="USD", period="month")
    domain = Domain(name="shop", team="Shop", path=Path(), budget=budget)
    span = (date(2026, 3, 1), date(2026, 3, 20))
    assert BudgetStanding.of(domain, span, Decimal(50), "EUR").used_percent is None
    assert BudgetStanding.of(domain, span, Decimal(50), "USD").used_percent == 25
