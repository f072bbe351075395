"""PostgreSQL's text of a value as JSON that loses nothing: the first copy and the stream both go through here.

Numbers that JSON readers would round (numeric, money) stay text, and so does whatever JSON has no type for (dates,
intervals, arrays, ranges, enums, JSON itself). The session is set so that the text is ISO 8601 and in UTC.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Iterator

from pydantic import JsonValue

# Asked of every session, since the text of a value depends on it.
SESSION = {
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
}
_BOOL, _BYTEA, _INT8, _INT2, _INT4, _OID, _FLOAT4, _FLOAT8, _TIMESTAMP, _TIMESTAMPTZ = (
    16, 17, 20, 21, 23, 26, 700, 701, 1114, 1184,
)  # fmt: skip
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPED = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}

Reading = Callable[[bytes], JsonValue]


def reading_of(type_oid: int) -> Reading:
    """How the text of a type's values becomes JSON; `type_oid` is never that of a domain."""
    return _READINGS.get(type_oid, _text)


def copied_rows(block: bytes) -> Iterator[list[bytes | None]]:
    """The rows of a block of `COPY … TO STDOUT` in text format; None is NULL."""
    for line in block.split(b"\n")[:-1]:
        fields = line.split(b"\t")
        if b"\\" in line:
            yield [None if field == rb"\N" else _ESCAPE.sub(_unescaped, field) for field in fields]
        else:
            yield list(fields)


def _unescaped(found: re.Match[bytes]) -> bytes:
    return _ESCAPED.get(found[1], found[1])


def _text(value: bytes) -> JsonValue:
    return value.decode("utf-8", "backslashreplace")


def _bool(value: bytes) -> JsonValue:
    return value == b"t"


def _int(value: bytes) -> JsonValue:
    return int(value)


def _float(value: bytes) -> JsonValue:
    number = float(value)
    return number if math.isfinite(number) else _text(value)  # JSON has no NaN and no Infinity


def _bytes(value: bytes) -> JsonValue:
    return base64.b64encode(bytes.fromhex(value[2:].decode())).decode()


def _timestamp(value: bytes) -> JsonValue:
    return _text(value if value.endswith(b"BC") else value.replace(b" ", b"T", 1))


def _instant(value: bytes) -> JsonValue:
    # `infinity` and years before our era have no ISO 8601 form that readers take, so they stay what they are.
    return _text(value[:-3].replace(b" ", b"T", 1) + b"Z") if value.endswith(b"+00") else _text(value)


_READINGS: dict[int, Reading] = {
    _BOOL: _bool,
    _BYTEA: _bytes,
    _INT2: _int,
    _INT4: _int,
    _INT8: _int,
    _OID: _int,
    _FLOAT4: _float,
    _FLOAT8: _float,
    _TIMESTAMP: _timestamp,
    _TIMESTAMPTZ: _instant,
}
