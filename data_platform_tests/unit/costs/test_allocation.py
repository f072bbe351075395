from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from data_platform.costs.allocation import in_cents, rounded, split_shared
from data_platform.costs.charges import Charge
from data_platform.costs.prices import SharedMethod

AMOUNTS = st.decimals(min_value=0, max_value=10**6, places=9, allow_nan=False)


def of(dataset: str, amount: str | Decimal, **names: str) -> Charge:
    return Charge(dataset=dataset, compute=Decimal(amount), **names)


def test_shared_costs_follow_what_each_costs_itself() -> None:
    found = split_shared(
        [of("raw.shop.a", "3"), of("raw.shop.b", "1"), of("platform.scan", "6"), of("platform.idle", "2")],
        SharedMethod.PROPORTIONAL,
    )
    assert [(charge.dataset, charge.shared) for charge in found] == [("raw.shop.a", 6), ("raw.shop.b", 2)]


def test_shared_costs_split_evenly_are_split_by_dataset_whoever_had_it() -> None:
    found = split_shared(
        [of("raw.shop.a", "3", owner="x"), of("raw.shop.a", "1", owner="y"), of("raw.shop.b", "0"), of("platform.scan", "8")],
        SharedMethod.EVEN,
    )  # fmt: skip
    assert [charge.shared for charge in found] == [2, 2, 4]


def test_shared_costs_that_are_not_split_stay_a_line() -> None:
    charges = [of("raw.shop.a", "3"), of("platform.scan", "8")]
    assert split_shared(charges, SharedMethod.NONE) == tuple(charges)


def test_shared_costs_that_nobody_can_bear_stay_a_line() -> None:
    charges = [of("raw.shop.a", "0"), of("platform.scan", "8")]
    assert split_shared(charges, SharedMethod.PROPORTIONAL) == tuple(charges)
    assert split_shared(charges[1:], SharedMethod.EVEN) == tuple(charges[1:])


@given(st.lists(AMOUNTS, max_size=30), st.lists(AMOUNTS, max_size=5), st.sampled_from(SharedMethod))
def test_no_method_adds_or_loses_money(own: list[Decimal], shared: list[Decimal], method: SharedMethod) -> None:
    charges = [of(f"raw.shop.d{number}", amount) for number, amount in enumerate(own)]
    charges += [of(f"platform.work{number}", amount) for number, amount in enumerate(shared)]
    found = split_shared(charges, method)
    whole = sum(map(Fraction, [*own, *shared]))
    assert abs(sum(Fraction(charge.total) for charge in found) - whole) <= whole * Fraction(1, 10**18)
    assert all(charge.shared >= 0 for charge in found)


@given(st.lists(AMOUNTS, min_size=1, max_size=30))
def test_amounts_in_cents_add_up_and_none_moves_by_a_cent_or_more(amounts: list[Decimal]) -> None:
    total = in_cents(sum(amounts, Decimal(0)))
    found = rounded(amounts, total)
    assert sum(found, Decimal(0)) == total
    assert all(abs(cents - amount) < Decimal("0.01") for cents, amount in zip(found, amounts, strict=True))
    assert all(cents == cents.quantize(Decimal("0.01")) for cents in found)


def test_the_largest_remainders_are_rounded_up() -> None:
    amounts = [Decimal("1.004"), Decimal("1.003"), Decimal("1.003")]
    assert rounded(amounts, Decimal("3.01")) == [Decimal("1.01"), Decimal("1.00"), Decimal("1.00")]
