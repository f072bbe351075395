"""The defects that can be planted, one entry each: what is done to a row, and what must become of it.

How many of them meet which rows is in `planting`; the closed list of fates is in `planted`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, TypeVar

from data_platform.samples.planted import Fate
from data_platform.samples.rows import COLUMNS, PaymentRow, TextRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoiler(Generic[T]):
    """One kind of defect.

    Attributes:
        reason: the reason code expected, empty for fates without one.
        count: how many are planted at the usual measure of dirt.
        rows: rows that meet the fate for each one planted.
        loses: whether the sound row is gone afterwards.
        spoil: the row and the running number of the defect to the rows written instead.
    """

    kind: str
    reason: str
    fate: Fate
    count: int
    spoil: Callable[[T, int], list[T]]
    rows: int = 1
    loses: bool = True


def _with(dataset: str, row: TextRow, **values: str) -> TextRow:
    fields = list(row)
    for name, value in values.items():
        fields[COLUMNS[dataset].index(name)] = value
    return tuple(fields)


def _field(dataset: str, column: str, *values: str) -> Callable[[TextRow, int], list[TextRow]]:
    return lambda row, number: [_with(dataset, row, **{column: values[number % len(values)]})]


def _stranger(dataset: str, column: str, *values: str) -> Callable[[TextRow, int], list[TextRow]]:
    """Keeps the sound row and adds a spoiled one under a key that nothing else refers to."""
    key, letter = COLUMNS[dataset][0], {"customers": "C9", "products": "P9"}[dataset]

    def spoil(row: TextRow, number: int) -> list[TextRow]:
        digits = len(row[0]) - 2
        bad = {column: values[number % len(values)], key: f"{letter}{_checksum(column) + number:0{digits}d}"}
        if dataset == "products":
            bad["change"] = "upsert"
        return [row, _with(dataset, row, **bad)]

    return spoil


def _checksum(text: str) -> int:
    """A fixed number for a column, so that two kinds never share a key."""
    return 100 * (sum(text.encode()) % 90)


def _twice(row: T, _number: int) -> list[T]:
    return [row, row]


def _negative_quantity(row: TextRow, number: int) -> list[TextRow]:
    quantity, price = -(number % 4 + 1), Decimal(row[COLUMNS["order_lines"].index("unit_price")])
    return [_with("order_lines", row, quantity=str(quantity), line_amount=str(quantity * price))]


def _wrong_line_amount(row: TextRow, number: int) -> list[TextRow]:
    amount = Decimal(row[COLUMNS["order_lines"].index("line_amount")]) + number + 1
    return [_with("order_lines", row, line_amount=str(amount))]


def _conflicting_order(row: TextRow, _number: int) -> list[TextRow]:
    total = Decimal(row[COLUMNS["orders"].index("total_amount")])
    return [row, _with("orders", row, total_amount=str(total + 1))]


def _negative_payment(row: PaymentRow, _number: int) -> list[PaymentRow]:
    return [(*row[:5], -row[5], row[6])]


def _payment_of_nothing(row: PaymentRow, _number: int) -> list[PaymentRow]:
    return [(row[0], None, *row[2:])]


def _event(column: str, *values: object) -> Callable[[str, int], list[str]]:
    def spoil(text: str, number: int) -> list[str]:
        return [json.dumps(json.loads(text) | {column: values[number % len(values)]}, ensure_ascii=False)]

    return spoil


def _malformed(text: str, number: int) -> list[str]:
    match number % 4:
        case 0:
            return [text[: len(text) // 2]]  # cut, with a line after it
        case 1:
            return [text.replace('"', "'")]
        case 2:
            return [text[:-1] + ",}"]
        case _:
            return [text.replace('"send_attempt": 1', '"send_attempt": NaN')]


def _conflicting_event(text: str, _number: int) -> list[str]:
    return [text, json.dumps(json.loads(text) | {"page_url": "https://shop.example.com/other"}, ensure_ascii=False)]


def _sent_again(text: str, _number: int) -> list[str]:
    return [text, text.replace('"send_attempt": 1', '"send_attempt": 2')]


Q, R, D = Fate.QUARANTINED, Fate.REJECTED, Fate.DUPLICATE

CUSTOMERS: tuple[Spoiler[TextRow], ...] = (
    Spoiler(kind="email_charset", reason="CHARSET_POLICY", fate=Q, count=6, loses=False, spoil=_stranger(
        "customers", "email", "anna\u200b.weber@example.com", "moc.elpmaxe@\u202eliam", "p\u0430ula@example.com")),
    Spoiler(kind="country_missing", reason="NULL", fate=Q, count=3, loses=False,
            spoil=_stranger("customers", "country", "")),
    Spoiler(kind="bad_birth_date", reason="TYPE_DATE", fate=R, count=4, loses=False,
            spoil=_stranger("customers", "birth_date", "1980-02-30", "31/12/1980", "0000-00-00")),
)  # fmt: skip
PRODUCTS: tuple[Spoiler[TextRow], ...] = (
    Spoiler(kind="bad_list_price", reason="TYPE_DECIMAL", fate=R, count=4, loses=False,
            spoil=_stranger("products", "list_price", "1,234.56", "NaN", "12.3.4")),
    Spoiler(kind="negative_list_price", reason="RANGE", fate=Q, count=3, loses=False,
            spoil=_stranger("products", "list_price", "-4.20")),
)  # fmt: skip
ORDERS: tuple[Spoiler[TextRow], ...] = (
    Spoiler(kind="unknown_currency", reason="ENUM", fate=Q, count=6, spoil=_field("orders", "currency", "XYZ", "eur")),
    Spoiler(kind="customer_missing", reason="NULL", fate=Q, count=4, spoil=_field("orders", "customer_id", "")),
    Spoiler(kind="conflicting_key", reason="CONFLICTING_KEY", fate=Q, count=3, rows=2, spoil=_conflicting_order),
    Spoiler(kind="too_few_fields", reason="FIELD_COUNT", fate=R, count=5, spoil=lambda row, _: [row[:4]]),
    Spoiler(kind="bad_total", reason="TYPE_DECIMAL", fate=R, count=5,
            spoil=_field("orders", "total_amount", "1,234.56", "NaN", "twelve", "12.3.4")),
    Spoiler(kind="bad_ordered_at", reason="TYPE_TIMESTAMP", fate=R, count=4, spoil=_field(
        "orders", "ordered_at", "2026-02-30T10:00:00Z", "31/12/2026 10:00", "2026-03-05 10:00:00",
        "2026-03-05T25:00:00Z")),
    Spoiler(kind="repeated_row", reason="", fate=D, count=6, loses=False, spoil=_twice),
)  # fmt: skip
ORDER_LINES: tuple[Spoiler[TextRow], ...] = (
    Spoiler(kind="negative_quantity", reason="RANGE", fate=Q, count=8, spoil=_negative_quantity),
    Spoiler(kind="amount_does_not_add_up", reason="LINE_AMOUNT_ADDS_UP", fate=Q, count=4, spoil=_wrong_line_amount),
    Spoiler(kind="too_many_fields", reason="FIELD_COUNT", fate=R, count=3, spoil=lambda row, _: [(*row, "gift", "")]),
    Spoiler(kind="fractional_quantity", reason="TYPE_INTEGER", fate=R, count=3,
            spoil=_field("order_lines", "quantity", "5.7")),
    Spoiler(kind="repeated_row", reason="", fate=D, count=5, loses=False, spoil=_twice),
)  # fmt: skip
PAYMENTS: tuple[Spoiler[PaymentRow], ...] = (
    Spoiler(kind="negative_amount", reason="RANGE", fate=Q, count=4, spoil=_negative_payment),
    Spoiler(kind="order_missing", reason="NULL", fate=Q, count=3, spoil=_payment_of_nothing),
    Spoiler(kind="repeated_row", reason="", fate=D, count=5, loses=False, spoil=_twice),
)
WEB_EVENTS: tuple[Spoiler[str], ...] = (
    Spoiler(kind="malformed_line", reason="SYNTAX", fate=R, count=12, spoil=_malformed),
    Spoiler(kind="text_for_number", reason="TYPE_INTEGER", fate=R, count=4, spoil=_event("send_attempt", "two")),
    Spoiler(kind="session_missing", reason="NULL", fate=Q, count=4, spoil=_event("session_id", None)),
    Spoiler(kind="unknown_event_type", reason="ENUM", fate=Q, count=4, spoil=_event("event_type", "teleport")),
    Spoiler(kind="far_future", reason="EVENT_TIME_RANGE", fate=Q, count=5,
            spoil=_event("event_time", "2099-01-01T00:00:00Z")),
    Spoiler(kind="long_past", reason="EVENT_TIME_RANGE", fate=Q, count=3,
            spoil=_event("event_time", "1970-01-01T00:00:00Z")),
    Spoiler(kind="conflicting_key", reason="CONFLICTING_KEY", fate=Q, count=3, rows=2, spoil=_conflicting_event),
    Spoiler(kind="repeated_line", reason="", fate=D, count=20, loses=False, spoil=_twice),
    Spoiler(kind="sent_again", reason="", fate=D, count=12, loses=False, spoil=_sent_again),
)  # fmt: skip
