"""The files of the kiosk: a few days of orders, members, prices and ratings with one of each kind of bad row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ORDER_COLUMNS = "order_id,ordered_at,member_id,item,quantity,currency,amount"
DAYS = ("2026-03-01", "2026-03-02", "2026-03-03")
ITEMS = ("tea", "bun", "map", "pen")


def order(day: str, number: int, **changes: str) -> str:
    """One sound order line; `changes` spoil it."""
    fields = {
        "order_id": f"O-{day}-{number:03}",
        "ordered_at": f"{day}T{8 + number % 12:02}:{number % 60:02}:00Z",
        "member_id": f"M{number % 7}",
        "item": ITEMS[number % len(ITEMS)],
        "quantity": str(1 + number % 3),
        "currency": ("EUR", "CHF")[number % 2],
        "amount": f"{(1 + number % 3) * 2}.50",
    } | changes
    return ",".join(fields.values())


def write_orders(source: Path, name: str, lines: Sequence[str], *, header: str = ORDER_COLUMNS) -> Path:
    """Writes one orders file."""
    return write(source / "orders" / name, "\n".join([header, *lines]) + "\n")


def write(path: Path, text: str) -> Path:
    """Writes a text file and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def write_kiosk(source: Path, *, orders_a_day: int = 24) -> Path:
    """Writes all files of the first drop: every fate but late occurs."""
    for day in DAYS:
        sound = [order(day, number) for number in range(orders_a_day)]
        spoiled = [
            order(day, 900, quantity="-2"),
            order(day, 901, currency="XXX"),
            order(day, 902, quantity="many"),  # rejected: no number
            order(day, 3),  # a repeat of a sound line
            order(day, 903),
            order(day, 903, amount="99.00"),  # conflicting: the same key, another amount
        ]
        write_orders(source, f"orders_{day}.csv", [*sound, *spoiled])
    write_orders(
        source, "orders_2026-03-02_again.csv", (source / "orders/orders_2026-03-02.csv").read_text().splitlines()[1:]
    )
    write_members(source, DAYS[0], {f"M{n}": ("Bern" if n % 2 else "Ulm", "2026-02-01") for n in range(7)})
    write_members(source, DAYS[1], {f"M{n}": ("Bern" if n % 2 else "Ulm", "2026-02-01") for n in range(7)})
    moved = {f"M{n}": ("Bern" if n % 2 else "Ulm", "2026-02-01") for n in range(6)}  # M6 left
    write_members(
        source, DAYS[2], moved | {"M0": ("Graz", "2026-03-02"), "M7": ("Linz", "2026-03-02"), "M8": ("", "2026-03-02")}
    )
    for revision, day in enumerate(DAYS, start=1):
        write_prices(source, day, [(item, f"{revision}.{index}0", revision) for index, item in enumerate(ITEMS)])
    write_prices(source, "2026-03-04", [("tea", "-1.00", 9), ("bun", "0.50", 1), ("map", "3.20", 3)])
    for number, day in enumerate(DAYS):
        write_ratings(
            source,
            day,
            [(f"R{number}{n}", ITEMS[n % 4], 1 + n % 5) for n in range(12)]
            + [("R00", "tea", 1), (f"R{number}x", "pen", 9)],
        )
    return source


def write_late_orders(source: Path) -> Path:
    """The second drop: two orders far too late, one within the allowed lateness, one of the next day."""
    late = [order("2026-03-01", 700), order("2026-03-02", 701)]
    in_time = [order("2026-03-03", 702, ordered_at="2026-03-03T18:30:00Z"), order("2026-03-04", 1)]
    return write_orders(source, "orders_2026-03-04.csv", [*late, *in_time])


def write_members(source: Path, day: str, members: dict[str, tuple[str, str]], *, prefix: str = "") -> Path:
    """Writes one evening's snapshot: member to (city, day of the change)."""
    lines = [f"{key},Guest {key},{city},{changed}T09:00:00Z" for key, (city, changed) in members.items()]
    return write(
        source / "members" / f"{prefix}members_{day}.csv",
        "\n".join(["member_id,full_name,city,updated_at", *lines]) + "\n",
    )


def write_prices(source: Path, day: str, changes: Sequence[tuple[str, str, int]]) -> Path:
    """Writes one file of price changes."""
    lines = [
        json.dumps({"item": item, "price": float(price), "revision": revision}) for item, price, revision in changes
    ]
    return write(source / "prices" / f"prices_{day}.ndjson", "\n".join(lines) + "\n")


def write_ratings(source: Path, day: str, ratings: Sequence[tuple[str, str, int]]) -> Path:
    """Writes one Parquet file of ratings."""
    path = source / "ratings" / f"ratings_{day}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {name: [rating[i] for rating in ratings] for i, name in enumerate(("rating_id", "item", "stars"))}
    schema = pa.schema([("rating_id", pa.string()), ("item", pa.string()), ("stars", pa.int32())])
    pq.write_table(pa.table(columns, schema=schema), path)
    return path
