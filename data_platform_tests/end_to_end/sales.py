"""What `served.kiosk.daily_sales` must hold, by plain Python from the lines of the files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from data_platform_tests.end_to_end.kiosk_files import ORDER_COLUMNS

CURRENCIES = ("EUR", "CHF")


def daily_sales(lines: Iterable[str]) -> list[list[object]]:
    """Day, currency, orders, pieces, fewest pieces, amount of the sound lines; each order once."""
    orders = {fields["order_id"]: fields for fields in map(_fields, lines) if _is_sound(fields)}
    groups: defaultdict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for fields in orders.values():
        groups[(fields["ordered_at"][:10], fields["currency"])].append(fields)
    return [
        [
            *key,
            len(group),
            sum(int(each["quantity"]) for each in group),
            min(int(each["quantity"]) for each in group),
            str(sum(Decimal(each["amount"]) for each in group)),
        ]
        for key, group in sorted(groups.items())
    ]


def _fields(line: str) -> dict[str, str]:
    return dict(zip(ORDER_COLUMNS.split(","), line.split(","), strict=True))


def _is_sound(fields: dict[str, str]) -> bool:
    is_counted = fields["quantity"].isdecimal() and int(fields["quantity"]) >= 1
    return is_counted and fields["currency"] in CURRENCIES and Decimal(fields["amount"]) >= 0
