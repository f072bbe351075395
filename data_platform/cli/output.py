"""How commands speak: tables and JSON on stdout, everything else on stderr, progress only where somebody watches."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from data_platform.cli.widths import broken, column_widths

_STYLES = {
    "passed": "green",
    "published": "green",
    "equal": "green",
    "proven": "green",
    "ok": "green",
    "succeeded": "green",
    "failed": "red",
    "wrong": "red",
    "differs": "red",
    "not proven": "red",
    "missing": "red",
    "blocked": "red",
    "warning": "yellow",
    "stale": "yellow",
    "running": "cyan",
    "started": "cyan",
}


def stdout() -> Console:
    """Where results go. As wide as it takes where nobody watches, so that no cell is cut in a file or a pipe."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=400)


def stderr() -> Console:
    """Where messages and progress go."""
    return Console(stderr=True, highlight=False)


def say(message: str) -> None:
    """One message for people, on stderr."""
    click.echo(message, err=True)


def counted(count: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table for people, on stdout. Words that name a state are coloured; numbers stand to the right."""
    console = stdout()
    console.print(table_of(title, columns, rows, width=console.width))


def table_of(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, width: int | None = None
) -> Table:
    """A table for people; with a `width`, names that do not fit are broken where they have a dot or the like."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = column_widths([list(columns), *([cell.plain for cell in row] for row in cells)], width) if width else None
    table = Table(
        title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="bold"
    )
    for number, name in enumerate(columns):
        is_number = bool(rows) and all(_is_number(row[number]) or row[number] is None for row in rows)
        table.add_column(
            name, justify="right" if is_number else "left", overflow="fold", width=widths[number] if widths else None
        )
    for row_ in cells:
        table.add_row(*(_broken(cell, w) for cell, w in zip(row_, widths, strict=True)) if widths else row_)
    return table


def print_json(value: object) -> None:
    """One JSON document on stdout; half a surrogate pair, which UTF-8 has no bytes for, stays an escape."""
    text = json.dumps(plain(value), indent=2, ensure_ascii=False)
    click.echo(text.encode("utf-8", "backslashreplace").decode())


def plain(value: object) -> Any:
    """The value as JSON knows it: decimals and times as text, so that nothing is rounded; bytes in base64."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, Decimal | Path | timedelta):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no word for it
    return value if isinstance(value, str | int | float | bool | None) else str(value)


@contextmanager
def working(message: str) -> Iterator[None]:
    """Shows that something is going on while the block runs; silent where nobody watches."""
    console = stderr()
    if not console.is_terminal:
        yield
        return
    with console.status(message):
        yield


def _cell(value: object) -> Text:
    if value is None:
        return Text("–", style="dim")
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return Text(text, style=_STYLES.get(text.split(" (")[0], ""))


def _broken(cell: Text, width: int) -> Text:
    return Text(broken(cell.plain, width), style=cell.style)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
