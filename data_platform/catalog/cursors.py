"""Where a page ended, as a word that leads to the next one. Whoever asks hands it back as it was.

A cursor comes from outside: what is no list of the expected kinds, or holds what no database does, is refused.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from data_platform.errors import ConfigurationError
from data_platform.metastore.column_types import storable

Part: TypeAlias = str | int | float
_MOST_ROWS = 1 << 63  # ids of a database lie below


class UnknownCursor(ConfigurationError):
    """No page gave this cursor."""

    def __init__(self) -> None:
        super().__init__("this cursor was not given by a page; begin with the first page")


def cursor_of(*parts: Part) -> str:
    """The cursor of a page that ended at a line with these values."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def place_in(cursor: str, kinds: Sequence[type[Part]]) -> tuple[Any, ...]:
    """The values of which the cursor was made, one of each kind.

    Raises:
        UnknownCursor: it was made of others, or of none.
    """
    try:
        text = base64.urlsafe_b64decode((cursor + "=" * (-len(cursor) % 4)).encode("ascii"))
        parts = json.loads(text)
        if not isinstance(parts, list):
            raise UnknownCursor
        return tuple(_part(part, kind) for part, kind in zip(parts, kinds, strict=True))
    except (ValueError, OverflowError, RecursionError):
        raise UnknownCursor from None


def _part(part: object, kind: type[Part]) -> Part:
    match part:
        case str() if kind is str and storable(part) == part:
            return part
        case bool():
            raise UnknownCursor
        case int() if kind is int and 0 <= part < _MOST_ROWS:
            return part
        case int() | float() if kind is float and math.isfinite(part):
            return float(part)
        case _:
            raise UnknownCursor
