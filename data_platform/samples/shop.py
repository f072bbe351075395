"""The trade of a small web shop, one day at a time, drawn from a seeded generator and free of any defect.

What customers do on the web site is in `traffic`; spoiling rows on purpose is in `defects`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from data_platform.samples import vocabulary as words

_SECONDS_OF_TRADE = 22 * 3600  # from 00:30 to 22:30, so that a session before an order stays in its day
_ORDER_STATUSES = ("paid",) * 5 + ("shipped",) * 13 + ("cancelled",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """One customer as the shop's customer system shows it in a daily snapshot."""

    customer_id: str
    full_name: str
    email: str
    phone: str | None
    birth_date: date | None
    country: str
    city: str
    currency: str
    segment: str
    marketing_consent: bool
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One change of one product; prices are whole cents of EUR."""

    product_id: str
    name: str
    category: str
    price_cents: int
    launched_on: date
    change: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of an order; `price_cents` is in the order's currency."""

    number: int
    product_id: str
    quantity: int
    price_cents: int

    @property
    def amount_cents(self) -> int:
        """Quantity times unit price."""
        return self.quantity * self.price_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order as it stood when its day closed."""

    order_id: str
    customer_id: str
    ordered_at: datetime
    status: str
    currency: str
    lines: tuple[Line, ...]

    @property
    def total_cents(self) -> int:
        """Sum of the lines."""
        return sum(line.amount_cents for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Money that moved: a capture comes in, a refund goes out; the amount is positive in both."""

    payment_id: str
    order_id: str
    kind: str
    method: str
    currency: str
    amount_cents: int
    paid_at: datetime


@dataclass(frozen=True, slots=True)
class TradingDay:
    """Everything the shop's systems hand over for one day, before any defect."""

    day: date
    customers: tuple[Customer, ...]
    products: tuple[Product, ...]
    orders: tuple[Order, ...]
    payments: tuple[Payment, ...]


class Shop:
    """The shop's state between days. Equal arguments give equal days."""

    def __init__(self, *, rng: Random, scale: float, start: date) -> None:
        self._rng = rng
        self._orders_per_day = max(20, round(70 * scale))
        self._newcomers_per_day = max(1, round(3 * scale))
        self._movers_per_day = max(1, round(4 * scale))
        self._customers: dict[str, Customer] = {}
        self._products: dict[str, Product] = {}
        self._next_customer = 1
        before = start - timedelta(days=1)
        for _ in range(max(60, round(260 * scale))):
            self._register(before)
        for number in range(1, max(30, round(60 * scale)) + 1):
            self._launch(number, before)

    def trade(self, start: date, days: int) -> Iterator[TradingDay]:
        """The days from `start` on. On the first day every product is new; on the sixth no customer changes."""
        for index in range(days):
            day = start + timedelta(days=index)
            if index > 0 and index != 5:
                self._change_customers(day)
            products = tuple(self._products.values()) if index == 0 else self._reprice(day)
            customers, shelf = tuple(self._customers.values()), tuple(self._products.values())
            orders = tuple(
                self._order(day, number, self._buyer(customers, number), shelf)
                for number in range(1, self._orders_per_day + 1)
            )
            yield TradingDay(day, customers, products, orders, tuple(self._pay(orders)))

    def _register(self, day: date) -> None:
        rng, number = self._rng, self._next_customer
        self._next_customer += 1
        first, last, place = rng.choice(words.FIRST_NAMES), rng.choice(words.LAST_NAMES), rng.choice(words.PLACES)
        mailbox = f"{first}.{last}.{number}".lower().translate(str.maketrans("éáëó'", "eaeo."))
        customer = Customer(
            customer_id=f"C{number:07d}", full_name=f"{first} {last}", email=f"{mailbox}@example.com",
            phone=None if rng.random() < 0.15 else f"{place.dialling_code}{rng.randrange(10**5, 10**6)}",
            birth_date=None if rng.random() < 0.2 else date(1950, 1, 1) + timedelta(days=rng.randrange(20_000)),
            country=place.country, city=place.city, currency=place.currency, segment=rng.choice(words.SEGMENTS),
            marketing_consent=rng.random() < 0.6, updated_at=self._moment(day),
        )  # fmt: skip
        self._customers[customer.customer_id] = customer

    def _launch(self, number: int, day: date) -> None:
        rng = self._rng
        category = rng.choice(tuple(words.CATEGORIES))
        product = Product(
            product_id=f"P{number:05d}", name=f"{rng.choice(words.STYLES)} {rng.choice(words.CATEGORIES[category])}",
            category=category, price_cents=rng.randrange(250, 9_000, 5), change="upsert",
            launched_on=day - timedelta(days=rng.randrange(30, 900)), updated_at=self._moment(day),
        )  # fmt: skip
        self._products[product.product_id] = product

    def _change_customers(self, day: date) -> None:
        rng = self._rng
        del self._customers[rng.choice(tuple(self._customers))]
        for customer_id in rng.sample(tuple(self._customers), self._movers_per_day):
            old = self._customers[customer_id]
            place = rng.choice(
                [p for p in words.PLACES if p.currency == old.currency and p.city != old.city]
                or [p for p in words.PLACES if p.currency == old.currency]
            )
            self._customers[customer_id] = replace(
                old, country=place.country, city=place.city, updated_at=self._moment(day)
            )
        for _ in range(self._newcomers_per_day):
            self._register(day)

    def _reprice(self, day: date) -> tuple[Product, ...]:
        changed = []
        for product_id in self._rng.sample(tuple(self._products), max(2, len(self._products) // 15)):
            old = self._products[product_id]
            price = max(100, old.price_cents * self._rng.randrange(85, 120) // 100)
            self._products[product_id] = replace(old, price_cents=price, updated_at=self._moment(day))
            changed.append(self._products[product_id])
        return tuple(changed)

    def _order(self, day: date, number: int, customer: Customer, shelf: tuple[Product, ...]) -> Order:
        rng = self._rng
        percent = words.PERCENT_OF_EUR[customer.currency]
        products = rng.sample(shelf, rng.choice((1, 1, 2, 2, 3, 4, 5)))
        lines = tuple(
            Line(number=i, product_id=product.product_id, quantity=rng.choice((1, 1, 1, 2, 2, 3, 6)),
                 price_cents=product.price_cents * percent // 100)
            for i, product in enumerate(products, start=1)
        )  # fmt: skip
        ordered_at = datetime.combine(day, time(0, 30), UTC) + timedelta(seconds=rng.randrange(_SECONDS_OF_TRADE))
        return Order(order_id=f"O{day:%Y%m%d}-{number:06d}", customer_id=customer.customer_id, ordered_at=ordered_at,
                     status=rng.choice(_ORDER_STATUSES), currency=customer.currency, lines=lines)  # fmt: skip

    def _buyer(self, customers: tuple[Customer, ...], number: int) -> Customer:
        loyal = max(10, len(customers) // 8)
        return customers[self._rng.randrange(len(customers) if number % 3 else loyal)]

    def _pay(self, orders: tuple[Order, ...]) -> Iterator[Payment]:
        """Every order is paid in full within 80 minutes, some in two parts; a cancelled one is refunded in full."""
        rng = self._rng
        for order in orders:
            method, total = rng.choice(words.PAYMENT_METHODS), order.total_cents
            parts = [total // 2, total - total // 2] if rng.random() < 0.08 else [total]
            moves = [("capture", part) for part in parts] + [("refund", total)] * (order.status == "cancelled")
            paid_at = order.ordered_at
            for number, (kind, amount) in enumerate(moves, start=1):
                paid_at += timedelta(seconds=rng.randrange(20, 1_600))
                yield Payment(payment_id=f"PAY-{order.order_id[1:]}-{number}", order_id=order.order_id, kind=kind,
                              method=method, currency=order.currency, amount_cents=amount, paid_at=paid_at)  # fmt: skip

    def _moment(self, day: date) -> datetime:
        return datetime.combine(day, time(6), UTC) + timedelta(seconds=self._rng.randrange(12 * 3600))
