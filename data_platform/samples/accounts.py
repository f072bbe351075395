"""The generator's own books: what revenue and reconciliation must show, counted from sound rows only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from data_platform.samples.planted import Difference, Revenue
from data_platform.samples.shop import Line, Order, Payment


class Accounts:
    """Takes every row that must be admitted, and nothing else."""

    def __init__(self) -> None:
        self._billed: dict[tuple[str, str], int] = {}
        self._paid: dict[tuple[str, str], int] = {}
        self._revenue: dict[tuple[str, str], Counter[str]] = {}

    def take_order(self, order: Order) -> None:
        """Enters one admitted order; a cancelled one is billed nothing."""
        is_cancelled = order.status == "cancelled"
        self._billed[(order.order_id, order.currency)] = 0 if is_cancelled else order.total_cents
        day = self._revenue.setdefault((f"{order.ordered_at:%Y-%m-%d}", order.currency), Counter())
        day["orders"] += 1
        day["cancelled" if is_cancelled else "gross"] += 1 if is_cancelled else order.total_cents

    def take_line(self, order: Order, line: Line) -> None:
        """Enters one admitted line of an admitted order."""
        if order.status != "cancelled":
            self._revenue[(f"{order.ordered_at:%Y-%m-%d}", order.currency)]["lines"] += line.amount_cents

    def take_payment(self, payment: Payment) -> None:
        """Enters one admitted payment; a refund counts against."""
        key = (payment.order_id, payment.currency)
        sign = -1 if payment.kind == "refund" else 1
        self._paid[key] = self._paid.get(key, 0) + sign * payment.amount_cents

    @property
    def reconciled_orders(self) -> int:
        """Rows of the reconciliation, settled ones included."""
        return len(self._billed.keys() | self._paid.keys())

    def differences(self) -> tuple[Difference, ...]:
        """Every order in every currency that does not settle, in order of its key."""
        return tuple(self._differences())

    def _differences(self) -> Iterator[Difference]:
        for key in sorted(self._billed.keys() | self._paid.keys()):
            billed, paid = self._billed.get(key), self._paid.get(key)
            status = _status(billed, paid)
            if status != "settled":
                yield Difference(order_id=key[0], currency=key[1], status=status,
                                 billed=_money(billed or 0), paid=_money(paid or 0))  # fmt: skip

    def revenue(self) -> tuple[Revenue, ...]:
        """Revenue by day and currency, in that order."""
        return tuple(
            Revenue(order_date=day, currency=currency, orders_count=row["orders"],
                    cancelled_orders_count=row["cancelled"], gross_amount=_money(row["gross"]),
                    line_amount=_money(row["lines"]))
            for (day, currency), row in sorted(self._revenue.items())
        )  # fmt: skip


def _status(billed: int | None, paid: int | None) -> str:
    if billed is None:
        return "payment_without_order"
    difference = billed - (paid or 0)
    if difference == 0:
        return "settled"
    if paid is None:
        return "unpaid"
    return "underpaid" if difference > 0 else "overpaid"


def _money(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)
