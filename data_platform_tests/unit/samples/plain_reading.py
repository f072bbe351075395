"""Reads sample files with nothing but csv, json and pyarrow, and gives every row a fate by rules written out by hand."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq

MONEY = re.compile(r"-?\d+\.\d\d")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
CURRENCIES = {"EUR", "GBP", "USD"}
EVENT_TYPES = {"page_view", "product_view", "add_to_cart", "checkout_start", "purchase"}


class Rejected(ValueError):
    """The record cannot be read; the message is the reason code."""


class Reading:
    """Rows of one dataset that are neither rejected nor quarantined, in order of arrival, and the count of the others."""

    def __init__(self):
        self.fates = Counter()
        self.reasons = Counter()
        self.rows = []

    def reject(self, reason):
        self.fates["rejected"] += 1
        self.reasons[reason] += 1

    def quarantine(self, reason, rows=1):
        self.fates["quarantined"] += rows
        self.reasons[reason] += rows


def read_csv(folder: Path, check) -> Reading:
    """Every distinct file of the folder, or every file where the check is for snapshots."""
    reading, seen = Reading(), set()
    for path in sorted(folder.glob("*.csv")):
        content = path.read_bytes()
        if content in seen and folder.name != "customers":
            continue
        seen.add(content)
        with path.open(encoding="utf-8", newline="") as file:
            records = csv.reader(file)
            header = next(records)
            for record in records:
                reading.fates["source_rows"] += 1
                if len(record) != len(header):
                    reading.reject("FIELD_COUNT")
                    continue
                row = {name: value or None for name, value in zip(header, record, strict=True)} | {"file": path.name}
                take(reading, row, check)
    return reading


def read_parquet(folder: Path, check) -> Reading:
    reading = Reading()
    for path in sorted(folder.glob("*.parquet")):
        for row in pq.read_table(path).to_pylist():
            reading.fates["source_rows"] += 1
            take(reading, row, check)
    return reading


def read_events(folder: Path, reading: Reading | None = None) -> Reading:
    reading = reading or Reading()
    for path in sorted(folder.glob("*.ndjson")):
        for line in path.read_text(encoding="utf-8").splitlines():
            reading.fates["source_rows"] += 1
            try:
                row = json.loads(line, parse_constant=lambda text: 1 / 0)
            except (ValueError, ZeroDivisionError):
                reading.reject("SYNTAX")
                continue
            take(reading, row, event_fault)
    return reading


def take(reading, row, check):
    try:
        reason = check(row)
    except Rejected as error:
        reading.reject(str(error))
        return
    if reason:
        reading.quarantine(reason)
    else:
        reading.rows.append(row)


def money(row, name):
    if not MONEY.fullmatch(row[name]):
        raise Rejected("TYPE_DECIMAL")
    row[name] = Decimal(row[name])


def moment(row, name):
    if not MOMENT.fullmatch(row[name]):
        raise Rejected("TYPE_TIMESTAMP")
    try:
        row[name] = datetime.strptime(row[name], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise Rejected("TYPE_TIMESTAMP") from error


def order_fault(row):
    money(row, "total_amount")
    moment(row, "ordered_at")
    if row["customer_id"] is None:
        return "NULL"
    return None if row["currency"] in CURRENCIES else "ENUM"


def line_fault(row):
    if not re.fullmatch(r"-?\d+", row["quantity"]):
        raise Rejected("TYPE_INTEGER")
    row["quantity"], row["line_number"] = int(row["quantity"]), int(row["line_number"])
    money(row, "unit_price")
    money(row, "line_amount")
    moment(row, "ordered_at")
    if row["quantity"] < 1:
        return "RANGE"
    return None if row["line_amount"] == row["quantity"] * row["unit_price"] else "LINE_AMOUNT_ADDS_UP"


def payment_fault(row):
    if row["order_id"] is None:
        return "NULL"
    return "RANGE" if row["amount"] <= 0 else None


def customer_fault(row):
    if row["birth_date"] is not None:
        try:
            row["birth_date"] = date.fromisoformat(row["birth_date"])
        except ValueError as error:
            raise Rejected("TYPE_DATE") from error
    moment(row, "updated_at")
    if row["country"] is None:
        return "NULL"
    return None if row["email"].isascii() else "CHARSET_POLICY"


def product_fault(row):
    money(row, "list_price")
    moment(row, "updated_at")
    row["launched_on"] = date.fromisoformat(row["launched_on"])
    return "RANGE" if row["list_price"] <= 0 else None


def event_fault(row):
    if not isinstance(row["send_attempt"], int):
        raise Rejected("TYPE_INTEGER")
    moment(row, "event_time")
    if row["session_id"] is None:
        return "NULL"
    if row["event_type"] not in EVENT_TYPES:
        return "ENUM"
    return None if 2020 <= row["event_time"].year <= 2030 else "EVENT_TIME_RANGE"


def admit(reading: Reading, key, sequence=lambda row: 0, same=lambda row: tuple(map(str, row.items()))) -> list[dict]:
    """One row per key; counts duplicates, and quarantines keys whose newest rows differ."""
    by_key = defaultdict(list)
    for row in reading.rows:
        by_key[key(row)].append(row)
    admitted = []
    for rows in by_key.values():
        newest = [row for row in rows if sequence(row) == max(map(sequence, rows))]
        if len(set(map(same, newest))) > 1:
            reading.quarantine("CONFLICTING_KEY", len(rows))
            continue
        reading.fates["duplicate"] += len(rows) - 1
        admitted.append(newest[0])
    reading.fates["curated"] += len(admitted)
    return admitted


def set_late_aside(reading: Reading, watermark: datetime, lateness: timedelta, published: set[date]) -> None:
    """Takes events out that were too late when they arrived."""
    late = [r for r in reading.rows if r["event_time"] < watermark - lateness and r["event_time"].date() in published]
    reading.fates["late"] += len(late)
    reading.rows = [row for row in reading.rows if row not in late]


class Shop:
    """All sample files of a folder, read and admitted."""

    def __init__(self, folder: Path):
        self.orders_read = read_csv(folder / "orders", order_fault)
        self.lines_read = read_csv(folder / "order_lines", line_fault)
        self.payments_read = read_parquet(folder / "payments", payment_fault)
        self.customers_read = read_csv(folder / "customers", customer_fault)
        self.products_read = read_csv(folder / "products", product_fault)
        self.orders = admit(self.orders_read, lambda r: r["order_id"])
        self.lines = admit(self.lines_read, lambda r: (r["order_id"], r["line_number"]))
        self.payments = admit(self.payments_read, lambda r: r["payment_id"])
        first = read_events(folder / "web_events")
        watermark = max(row["event_time"] for row in first.rows)
        published = {row["event_time"].date() for row in first.rows}
        dropped = read_events(folder / "web_events_late")
        set_late_aside(dropped, watermark, timedelta(hours=2), published)
        first.fates.update(dropped.fates)
        first.rows += dropped.rows
        self.events_read = first
        self.events = admit(first, lambda r: r["event_id"], lambda r: r["send_attempt"])
        self._count_history()

    def _count_history(self):
        state, fates = {}, self.customers_read.fates
        for row in self.customers_read.rows:
            content = {name: value for name, value in row.items() if name != "file"}
            fates["unchanged" if state.get(row["customer_id"]) == content else "applied"] += 1
            state[row["customer_id"]] = content
        last = max(row["file"] for row in self.customers_read.rows)
        self.current_customers = [row for row in self.customers_read.rows if row["file"] == last]
        newest = {}
        for row in self.products_read.rows:
            if row["product_id"] not in newest or newest[row["product_id"]]["updated_at"] < row["updated_at"]:
                newest[row["product_id"]] = row
        self.products_read.fates["applied"] = len(newest)
        self.products_read.fates["superseded"] = len(self.products_read.rows) - len(newest)
        self.products = [row for row in newest.values() if row["change"] != "delete"]

    @property
    def readings(self) -> dict[str, Reading]:
        return {
            "customers": self.customers_read,
            "products": self.products_read,
            "orders": self.orders_read,
            "order_lines": self.lines_read,
            "payments": self.payments_read,
            "web_events": self.events_read,
        }
