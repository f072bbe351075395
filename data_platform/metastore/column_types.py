"""Column types that hold the same value on SQLite and on PostgreSQL. Which columns there are is in `tables`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, stored and given back in UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Refuses naive times: their zone would be a guess."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; pass an aware datetime")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """SQLite gives the stored UTC digits without zone, PostgreSQL the session's zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PlainText(TypeDecorator[str]):
    """Text that any database can hold: NUL and lone surrogates (odd file names) are written as escapes."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """Also turns a `StrEnum` member into its value, which psycopg would store by name."""
        return None if value is None else storable(str(value))


class Word(TypeDecorator[StrEnum]):
    """A member of a closed set, stored as its value."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, words: type[StrEnum]) -> None:
        super().__init__()
        self.words = words

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """Refuses a word outside the set."""
        return None if value is None else str(self.words(value))

    def process_result_value(self, value: str | None, _dialect: Dialect) -> StrEnum | None:
        """The member of the set."""
        return None if value is None else self.words(value)


class Json(TypeDecorator[Any]):
    """A JSON value as text, the same on both databases.

    Decimals, dates and other values become text; NaN and infinities too, since JSON has no word for them.
    """

    impl = sa.Text
    cache_ok = True

    def __init__(self, shape: type[dict[str, Any]] | type[tuple[Any, ...]] = dict) -> None:
        super().__init__()
        self.shape = shape

    def process_bind_param(self, value: Any, _dialect: Dialect) -> str | None:
        """Keys in sorted order, so that equal values are equal text."""
        return None if value is None else json.dumps(_plain(value), sort_keys=True, allow_nan=False)

    def process_result_value(self, value: str | None, _dialect: Dialect) -> Any:
        """The value in the declared shape."""
        decode: Callable[[Any], Any] = self.shape
        return None if value is None else decode(json.loads(value))


def storable(text: str) -> str:
    """The text as any database can hold it: NUL and lone surrogates as escapes."""
    if text.isprintable():
        return text
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


def _plain(value: Any) -> Any:
    match value:
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case float() if not math.isfinite(value):
            return str(value)
        case None | bool() | int() | float():
            return value
        case datetime():
            return value.isoformat()
        case _:
            return str(value)
