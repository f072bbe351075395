"""Who bears what: shared costs split by the declared method, and amounts rounded so that they still add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from data_platform.costs.charges import Charge
from data_platform.costs.prices import SharedMethod

CENT = Decimal("0.01")


def split_shared(charges: Sequence[Charge], method: SharedMethod) -> tuple[Charge, ...]:
    """The charges with each dataset's share of the platform's own work, which then is no line any more.

    Where nothing is to be split, or nobody is there to bear it, the platform's own work stays lines of its own. The sum
    is the same either way.
    """
    own = [charge for charge in charges if not charge.is_shared]
    shared = sum((charge.direct for charge in charges if charge.is_shared), Decimal(0))
    weights = _weights(own, method)
    whole = sum(weights, Decimal(0))
    if not whole:
        return tuple(charges)
    shares = [shared * weight / whole for weight in weights]
    heaviest = weights.index(max(weights))
    shares[heaviest] += shared - sum(shares, Decimal(0))  # what dividing left over
    return tuple(replace(charge, shared=share) for charge, share in zip(own, shares, strict=True))


def rounded(amounts: Sequence[Decimal], total: Decimal) -> list[Decimal]:
    """The amounts in cents, adding up to `total`: the largest remainders are rounded up (Hamilton's method).

    Args:
        amounts: none is below zero.
        total: in whole cents; their sum, rounded.
    """
    low = [amount.quantize(CENT, ROUND_FLOOR) for amount in amounts]
    missing = int((total - sum(low, Decimal(0))) / CENT)
    order = sorted(range(len(amounts)), key=lambda index: (low[index] - amounts[index], index))
    for index in order[:missing]:
        low[index] += CENT
    return low


def in_cents(amount: Decimal) -> Decimal:
    """One amount, rounded half to even."""
    return amount.quantize(CENT, ROUND_HALF_EVEN)


def _weights(own: Sequence[Charge], method: SharedMethod) -> list[Decimal]:
    match method:
        case SharedMethod.PROPORTIONAL:
            return [charge.direct for charge in own]
        case SharedMethod.EVEN:  # by dataset: one that changed hands has several lines
            lines = Counter(charge.dataset for charge in own)
            return [Decimal(1) / lines[charge.dataset] for charge in own]
        case SharedMethod.NONE:
            return [Decimal(0) for _ in own]
