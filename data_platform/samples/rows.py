"""How the shop's things are spelled in the files it hands over: column names and one row per thing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import TypeAlias

from data_platform.samples.shop import Customer, Order, Payment, Product
from data_platform.samples.traffic import WebEvent

TextRow: TypeAlias = tuple[str, ...]
PaymentRow: TypeAlias = tuple[str, str | None, str, str, str, Decimal, datetime]

COLUMNS = {
    "customers": ("customer_id", "full_name", "email", "phone", "birth_date", "country", "city", "segment",
                  "marketing_consent", "updated_at"),
    "products": ("product_id", "name", "category", "list_price", "launched_on", "change", "updated_at"),
    "orders": ("order_id", "customer_id", "ordered_at", "status", "currency", "total_amount"),
    "order_lines": ("order_id", "line_number", "product_id", "ordered_at", "quantity", "unit_price", "line_amount"),
    "payments": ("payment_id", "order_id", "kind", "method", "currency", "amount", "paid_at"),
}  # fmt: skip


def customer_row(customer: Customer) -> TextRow:
    """A line of a customer snapshot."""
    c = customer
    return (c.customer_id, c.full_name, c.email, c.phone or "", _day(c.birth_date), c.country, c.city, c.segment,
            "true" if c.marketing_consent else "false", _moment(c.updated_at))  # fmt: skip


def product_row(product: Product) -> TextRow:
    """A line of a product change file."""
    p = product
    return (p.product_id, p.name, p.category, _money(p.price_cents), _day(p.launched_on), p.change,
            _moment(p.updated_at))  # fmt: skip


def order_row(order: Order) -> TextRow:
    """A line of a day's orders."""
    return (order.order_id, order.customer_id, _moment(order.ordered_at), order.status, order.currency,
            _money(order.total_cents))  # fmt: skip


def line_rows(order: Order) -> Iterator[tuple[tuple[str, int], TextRow]]:
    """The order's lines as rows, each with its key."""
    for line in order.lines:
        row = (order.order_id, str(line.number), line.product_id, _moment(order.ordered_at), str(line.quantity),
               _money(line.price_cents), _money(line.amount_cents))  # fmt: skip
        yield (order.order_id, line.number), row


def payment_row(payment: Payment) -> PaymentRow:
    """A typed row of a day's payments."""
    p = payment
    return (p.payment_id, p.order_id, p.kind, p.method, p.currency, Decimal(p.amount_cents).scaleb(-2), p.paid_at)


def event_text(event: WebEvent) -> str:
    """One NDJSON line; the experiment field is written only by collectors that know it."""
    content = asdict(event) | {"event_time": _moment(event.event_time)}
    if event.experiment is None:
        del content["experiment"]
    return json.dumps(content, ensure_ascii=False)


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def _day(day: date | None) -> str:
    return "" if day is None else day.isoformat()
