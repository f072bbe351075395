"""Writes the sample shop's files with defects planted in them, day by day, and returns the record of both.

Clean files in bulk are written by `bulk`; what a defect does to a row is in `defects`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import TypeVar

from data_platform.samples import bulk, defects
from data_platform.samples.accounts import Accounts
from data_platform.samples.late_drop import write_late_drop
from data_platform.samples.planted import Defect, Drop, Fate, FileRecord, Planted
from data_platform.samples.planting import Plan, Spoiled
from data_platform.samples.product_changes import ProductHistory
from data_platform.samples.rows import TextRow, customer_row, event_text, line_rows, order_row, payment_row
from data_platform.samples.settling import kinds_by_day, unsettle
from data_platform.samples.shop import Payment, Shop, TradingDay
from data_platform.samples.traffic import WebEvent, events_of
from data_platform.samples.writing import write_csv, write_lines, write_payments

FIRST_DAY = date(2026, 3, 1)
UNCHANGED_SNAPSHOT = 5  # index of the day whose customer snapshot repeats the one before
RESENT_ORDERS = 4  # index of the day whose orders arrive a second time under another name
_EXPERIMENT_STARTS = 9  # index of the first day on which collectors write a field the contract does not name

K = TypeVar("K")
T = TypeVar("T")


def generate(
    out: Path, *, scale: float = 1.0, seed: int = 7, dirt: float = 1.0, days: int = 14, first_day: date = FIRST_DAY
) -> Planted:
    """Writes all files below `out`, and `planted.json` beside them.

    Args:
        out: a folder; files of the same names are overwritten.
        scale: 1 gives about 980 orders and 12,000 web events in 14 days.
        seed: equal arguments give equal files.
        dirt: multiplies the usual number of every defect; 0 writes clean files in bulk, without a row loop.
        days: trading days.
        first_day: the first trading day (UTC).

    Returns:
        what was planted, and what must become of every row.
    """
    if dirt == 0:
        planted = bulk.generate_clean(out, scale=scale, seed=seed, days=days, first_day=first_day)
    else:
        planted = _DirtyRun(out, scale=scale, seed=seed, dirt=dirt, days=days, first_day=first_day).write()
    planted.write(out / "planted.json")
    return planted


class _DirtyRun:
    def __init__(self, out: Path, *, scale: float, seed: int, dirt: float, days: int, first_day: date) -> None:
        self._out, self._seed, self._scale, self._days, self._first_day = out, seed, scale, days, first_day
        self._dirt = dirt
        self._rng = Random(f"defects {seed}")  # noqa: S311 - sample data, no secrets
        self._accounts = Accounts()
        self._products = ProductHistory()
        self._files: list[FileRecord] = []
        self._defects: list[Defect] = []
        self._facts: Counter[str] = Counter()
        self._customers_before: dict[str, TextRow] = {}
        self._evening: list[WebEvent] = []
        self._plans_of_text = {
            name: Plan(f"raw.commerce.{name}", spoilers, days=days, dirt=dirt)
            for name, spoilers in (("customers", defects.CUSTOMERS), ("products", defects.PRODUCTS),
                                   ("orders", defects.ORDERS), ("order_lines", defects.ORDER_LINES))
        }  # fmt: skip
        self._plan_of_payments = Plan("raw.commerce.payments", defects.PAYMENTS, days=days, dirt=dirt)
        self._plan_of_events = Plan("raw.commerce.web_events", defects.WEB_EVENTS, days=days, dirt=dirt)
        self._snapshot: Spoiled[str, TextRow] | None = None
        self._unsettled = kinds_by_day(days, dirt)

    def write(self) -> Planted:
        shop_rng = Random(f"shop {self._seed}")  # noqa: S311 - sample data, no secrets
        shop = Shop(rng=shop_rng, scale=self._scale, start=self._first_day)
        for index, trading in enumerate(shop.trade(self._first_day, self._days)):
            self._write_customers(index, trading)
            self._write_products(index, trading)
            lost_orders = self._write_orders(index, trading)
            self._write_lines(index, trading, lost_orders)
            self._write_payments(index, trading)
            self._write_events(index, trading)
        self._write_late_events()
        self._files += self._products.records()
        self._count_deleted_customers()
        self._facts["products_withdrawn"] = self._products.withdrawn
        files = sorted(self._files, key=lambda record: (record.dataset, record.file))
        return Planted(
            seed=self._seed, scale=self._scale, first_day=self._first_day.isoformat(), days=self._days,
            files=tuple(files), defects=tuple(self._defects), differences=self._accounts.differences(),
            daily_revenue=self._accounts.revenue(), reconciled_orders=self._accounts.reconciled_orders,
            facts=dict(sorted(self._facts.items())),
        )  # fmt: skip

    def _write_customers(self, index: int, trading: TradingDay) -> None:
        file = f"customers/customers_{trading.day}.csv"
        sound = {customer.customer_id: customer_row(customer) for customer in trading.customers}
        if index == UNCHANGED_SNAPSHOT and self._snapshot is not None:
            spoiled = replace(self._snapshot, defects=tuple(replace(d, file=file) for d in self._snapshot.defects))
        else:
            spoiled = self._plans_of_text["customers"].spoil(index, file, list(sound.items()), self._rng)
        changed = sum(self._customers_before.get(key) != row for key, row in sound.items())
        fates = spoiled.fates + Counter({Fate.APPLIED: changed, Fate.UNCHANGED: len(sound) - changed})
        write_csv(self._out / file, "customers", spoiled.rows)
        self._note("customers", file, spoiled, fates)
        self._snapshot, self._customers_before = spoiled, sound

    def _write_products(self, index: int, trading: TradingDay) -> None:
        file = f"products/products_{trading.day}.csv"
        rows = self._products.rows_of(index, file, trading.products)
        spoiled = self._plans_of_text["products"].spoil(index, file, rows, self._rng)
        write_csv(self._out / file, "products", spoiled.rows)
        self._products.note_file(file, len(spoiled.rows), spoiled.fates)
        self._defects += spoiled.defects

    def _write_orders(self, index: int, trading: TradingDay) -> frozenset[str]:
        file = f"orders/orders_{trading.day}.csv"
        rows = [(order.order_id, order_row(order)) for order in trading.orders]
        spoiled = self._plans_of_text["orders"].spoil(index, file, rows, self._rng)
        write_csv(self._out / file, "orders", spoiled.rows)
        self._note_admitted("orders", file, spoiled, len(rows))
        if index == RESENT_ORDERS:
            self._resend("orders", file, f"orders/orders_{trading.day}_resend.csv", len(spoiled.rows))
        for order in trading.orders:
            if order.order_id not in spoiled.lost:
                self._accounts.take_order(order)
        return spoiled.lost

    def _resend(self, dataset: str, file: str, again: str, rows: int) -> None:
        (self._out / again).write_bytes((self._out / file).read_bytes())
        self._files.append(FileRecord(dataset=f"raw.commerce.{dataset}", file=again, drop=Drop.MAIN, source_rows=rows,
                                      fates={Fate.SKIPPED: rows}))  # fmt: skip

    def _write_lines(self, index: int, trading: TradingDay, lost_orders: frozenset[str]) -> None:
        file = f"order_lines/order_lines_{trading.day}.csv"
        rows = [keyed for order in trading.orders for keyed in line_rows(order)]
        spoiled = self._plans_of_text["order_lines"].spoil(index, file, rows, self._rng)
        write_csv(self._out / file, "order_lines", spoiled.rows)
        self._note_admitted("order_lines", file, spoiled, len(rows))
        for order in trading.orders:
            for line in order.lines:
                if (order.order_id, line.number) in spoiled.lost:
                    continue
                if order.order_id in lost_orders:
                    self._facts["lines_without_order"] += 1
                else:
                    self._accounts.take_line(order, line)

    def _write_payments(self, index: int, trading: TradingDay) -> None:
        file = f"payments/payments_{trading.day}.parquet"
        payments: list[Payment] = unsettle(trading.payments, self._rng, self._unsettled[index])
        self._facts.update(self._unsettled[index])
        rows = [(payment.payment_id, payment_row(payment)) for payment in payments]
        spoiled = self._plan_of_payments.spoil(index, file, rows, self._rng)
        write_payments(self._out / file, spoiled.rows)
        self._note_admitted("payments", file, spoiled, len(rows))
        for payment in payments:
            if payment.payment_id not in spoiled.lost:
                self._accounts.take_payment(payment)

    def _write_events(self, index: int, trading: TradingDay) -> None:
        file = f"web_events/web_events_{trading.day}.ndjson"
        events = events_of(trading, self._rng, has_experiment=index >= _EXPERIMENT_STARTS)
        self._facts["events_with_unknown_field"] += sum(event.experiment is not None for event in events)
        rows = [(event.event_id, event_text(event)) for event in events]
        spoiled = self._plan_of_events.spoil(index, file, rows, self._rng)
        resent = [event_text(event) for event in self._evening]
        spoiled = replace(spoiled, rows=[*resent, *spoiled.rows])
        write_lines(self._out / file, spoiled.rows)
        fates = spoiled.fates + Counter({Fate.CURATED: len(rows) - len(spoiled.lost), Fate.DUPLICATE: len(resent)})
        self._note("web_events", file, spoiled, fates)
        if resent:
            self._defects.append(Defect(dataset="raw.commerce.web_events", file=file, kind="repeated_next_day",
                                        reason="", fate=Fate.DUPLICATE, rows=len(resent)))  # fmt: skip
        self._evening = _sound_evening_events(events, spoiled.lost) if index % 4 == 1 else []

    def _write_late_events(self) -> None:
        day = self._first_day + timedelta(days=self._days)
        count = max(3, round(20 * self._dirt))
        record, defect = write_late_drop(self._out, first_day=self._first_day, after=day, late=count, rng=self._rng)
        self._files.append(record)
        self._defects.append(defect)

    def _count_deleted_customers(self) -> None:
        """One customer a day is deleted; absence counts from the first snapshot on that has no rejected record."""
        snapshots = [record for record in self._files if record.dataset == "raw.commerce.customers"]
        last_complete = max((i for i, s in enumerate(snapshots) if not s.fates.get(Fate.REJECTED)), default=0)
        deletions = [index for index in range(1, self._days) if index != UNCHANGED_SNAPSHOT]
        self._facts["customers_deleted"] = len(deletions)
        self._facts["customers_closed"] = sum(index <= last_complete for index in deletions)

    def _note_admitted(self, name: str, file: str, spoiled: Spoiled[K, T], rows: int) -> None:
        self._note(name, file, spoiled, spoiled.fates + Counter({Fate.CURATED: rows - len(spoiled.lost)}))

    def _note(self, name: str, file: str, spoiled: Spoiled[K, T], fates: Counter[Fate]) -> None:
        self._files.append(FileRecord(dataset=f"raw.commerce.{name}", file=file, drop=Drop.MAIN,
                                      source_rows=len(spoiled.rows), fates=dict(sorted(fates.items()))))  # fmt: skip
        self._defects += spoiled.defects


def _sound_evening_events(events: list[WebEvent], lost: frozenset[str]) -> list[WebEvent]:
    """Three events of the last hour, which a browser sends again after midnight: inside every allowed lateness."""
    evening = [e for e in events if e.event_time.hour == 23 and e.event_id not in lost]
    return evening[-3:]
