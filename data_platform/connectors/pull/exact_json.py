"""JSON without loss: numbers keep every digit that was sent, and a value becomes one line of NDJSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any

import orjson
import simplejson  # type: ignore[import-untyped]

_AS_WE_SAY = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS


def read_json(text: bytes | str) -> Any:
    """The value of a JSON text; numbers with a fraction or an exponent are decimals, NaN and Infinity too.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=Decimal)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except (ValueError, ArithmeticError):
        # The standard library refuses whole numbers of more than 4,300 digits, which JSON allows.
        try:
            return json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=Decimal)
        except ArithmeticError as error:
            raise ValueError("a number is out of bounds") from error


def json_line(value: Any) -> bytes:
    """A value as one line, without its end. What JSON has no type for is written as text (`as_text`).

    A bare NaN, which is no JSON, is written as it came: the reader rejects that record alone.
    """
    try:
        return orjson.dumps(value, default=_exact, option=_AS_WE_SAY)
    except TypeError:  # whole numbers of more than 64 bits, half a surrogate pair
        return str(
            simplejson.dumps(value, use_decimal=True, allow_nan=True, separators=(",", ":"), default=as_text)
        ).encode()


def plain(value: Any) -> Any:
    """A database value as JSON can say it, without loss.

    Moments with an offset are written in UTC with Z, bytes as base64, lengths of time as ISO 8601 seconds.
    """
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float | Decimal):
        return value if isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    return as_text(value)


def as_text(value: object) -> str:
    """A value that JSON has no type for."""
    if isinstance(value, datetime):
        return value.isoformat() if value.tzinfo is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        microseconds = value // timedelta(microseconds=1)
        return f"PT{Decimal(microseconds).scaleb(-6).normalize():f}S"
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode()
    return str(value)


def _exact(value: object) -> Any:
    return orjson.Fragment(str(value)) if isinstance(value, Decimal) else as_text(value)
