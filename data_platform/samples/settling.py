"""Payments that do not settle their orders: missing, short or too high. No rule breaks; reconciliation lists them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

from data_platform.samples.shop import Payment

_USUAL = (("payment_missing", 6), ("payment_short", 5), ("payment_too_high", 2))


def unsettle(payments: tuple[Payment, ...], rng: Random, kinds: list[str]) -> list[Payment]:
    """The payments, with one order unsettled for each of `kinds`; only orders with a single capture are taken."""
    moves = Counter(payment.order_id for payment in payments)
    single = [payment.order_id for payment in payments if moves[payment.order_id] == 1]
    chosen = dict(zip(rng.sample(single, min(len(kinds), len(single))), kinds, strict=False))
    settled = [_changed(payment, chosen.get(payment.order_id)) for payment in payments]
    return [payment for payment in settled if payment is not None]


def kinds_by_day(days: int, dirt: float) -> list[list[str]]:
    """Which kinds fall on which day."""
    schedule: list[list[str]] = [[] for _ in range(days)]
    step = 0
    for kind, usual in _USUAL:
        for _ in range(max(1, round(usual * dirt))):
            schedule[step * 3 % days].append(kind)
            step += 1
    return schedule


def _changed(payment: Payment, kind: str | None) -> Payment | None:
    match kind:
        case "payment_missing":
            return None
        case "payment_short":
            return replace(payment, amount_cents=payment.amount_cents - payment.amount_cents // 3)
        case "payment_too_high":
            return replace(payment, amount_cents=payment.amount_cents + 1_000)
        case _:
            return payment
