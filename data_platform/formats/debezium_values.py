"""Values that Debezium writes in forms of its own, as the JSON that the contract's type reads.

Days and moments counted from 1970 and decimals as bytes are told by the schema in the envelope; a decimal as text needs
none. A value without a conversion stays as it is, for the type to accept or refuse. Top-level fields only.
Source: Debezium documentation, "Data type mappings"; Kafka Connect's logical types Date, Timestamp and Decimal.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

import orjson

from data_platform.contracts.model import Column
from data_platform.contracts.types import ColumnType, TypeKind
from data_platform.formats.json_exact import ExactDecoder, Refused, json_text
from data_platform.formats.rejected import Reason

_Conversion: TypeAlias = Callable[[Any], "bytes | None"]

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_CONNECT = "org.apache.kafka.connect.data."
_UNITS_US = {
    "io.debezium.time.Timestamp": 1_000,
    f"{_CONNECT}Timestamp": 1_000,
    "io.debezium.time.MicroTimestamp": 1,
}
_FIRST_DAY, _FIRST_MOMENT = date(1970, 1, 1), datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_DIGITS_LIMIT = 1_000  # of a scale, and of bytes: far beyond any column


class Conversions:
    """The conversions of one schema, or of none."""

    def __init__(self, columns: Iterable[Column], schema: Mapping[str, Any], exact: ExactDecoder) -> None:
        self._exact = exact
        self._by_name: dict[str, _Conversion] = {}
        self._keys: dict[str, bytes] = {}
        for column in columns:
            for name in (column.name, *column.aliases):
                if (conversion := _conversion(column.type, schema.get(name, {}))) is not None:
                    self._by_name[name] = conversion
                    self._keys[name] = orjson.dumps(name) + b":"

    def apply(self, record: bytes, fields: Mapping[str, Any]) -> bytes:
        """`record` with its values converted; `fields` are its values as plain Python.

        Raises:
            Refused: OUT_OF_RANGE or TYPE_TIMESTAMP of a value that its type cannot hold; DUPLICATE_COLUMN.
        """
        tokens: dict[str, bytes] = {}
        for name, conversion in self._by_name.items():
            value = fields.get(name)
            if value is not None and (token := self._token(name, value, conversion)) is not None:
                tokens[name] = token
        return self._exchanged(record, fields, tokens) if tokens else record

    def _exchanged(self, record: bytes, fields: Mapping[str, Any], tokens: Mapping[str, bytes]) -> bytes:
        """`record` with the tokens in place of the values: text for text where that is sure, else member by member."""
        exchanged = record
        for name, token in tokens.items():
            key = self._keys[name]
            written = key + orjson.dumps(fields[name])
            if exchanged.count(written) != 1:
                return self._rewritten(record, tokens)
            exchanged = exchanged.replace(written, key + token)
        return exchanged if record.count(b"{") == 1 else self._rewritten(record, tokens)

    def _token(self, name: str, value: Any, conversion: _Conversion) -> bytes | None:
        try:
            return conversion(value)
        except OverflowError as error:
            raise Refused(Reason.OUT_OF_RANGE, "before year 1 or after year 9999", name) from error
        except Refused as refused:
            raise Refused(refused.fault.reason, refused.fault.detail, name) from refused

    def _rewritten(self, record: bytes, tokens: Mapping[str, bytes]) -> bytes:
        values = self._exact.record(record)
        members = (
            b"%b:%b" % (json_text(name).encode(), tokens.get(name) or json_text(value).encode())
            for name, value in values.items()
        )
        return b"{%b}" % b",".join(members)


def field_schemas(schema: Any, part: str) -> dict[str, Any]:
    """The schema of each field of the record in `part` of an envelope; none where there is no such schema."""
    return _schemas(_schemas(schema).get(part))


def _schemas(schema: Any) -> dict[str, Any]:
    members = schema.get("fields") if isinstance(schema, dict) else None
    named = (item for item in members if isinstance(item, dict)) if isinstance(members, list) else ()
    return {item["field"]: item for item in named if isinstance(item.get("field"), str)}


def _conversion(column_type: ColumnType, schema: Mapping[str, Any]) -> _Conversion | None:
    name = schema.get("name")
    match column_type.kind:
        case TypeKind.DECIMAL if name == f"{_CONNECT}Decimal":
            parameters = schema.get("parameters")
            return partial(_decimal, scale=parameters.get("scale") if isinstance(parameters, dict) else None)
        case TypeKind.DECIMAL if name == "io.debezium.data.VariableScaleDecimal":
            return _variable_decimal
        case TypeKind.DECIMAL:
            return _number_in_text
        case TypeKind.DATE if name in ("io.debezium.time.Date", f"{_CONNECT}Date"):
            return _day
        case TypeKind.DATE if name == "io.debezium.time.IsoDate":
            return _iso_day
        case TypeKind.TIMESTAMP if name in _UNITS_US:
            return partial(_moment, unit_us=_UNITS_US[name], is_local=column_type.timezone is not None)
        case TypeKind.TIMESTAMP if name == "io.debezium.time.NanoTimestamp":
            return partial(_moment_of_nanoseconds, is_local=column_type.timezone is not None)
        case _:
            return None


def _number_in_text(value: Any) -> bytes | None:
    return value.encode() if isinstance(value, str) and _NUMBER.fullmatch(value) else None


def _decimal(value: Any, scale: Any) -> bytes | None:
    """The unscaled number in `value`, big-endian two's complement in base64, as an exact JSON number."""
    try:
        places = int(scale)
        data = base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        return None
    if not data or abs(places) > _DIGITS_LIMIT or len(data) > _DIGITS_LIMIT:
        raise Refused(Reason.TYPE_DECIMAL, "no decimal of Kafka Connect")
    unscaled = int.from_bytes(data, "big", signed=True)
    digits = str(abs(unscaled) * 10 ** max(-places, 0)).rjust(places + 1, "0")
    sign = "-" if unscaled < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}".encode() if places > 0 else f"{sign}{digits}".encode()


def _variable_decimal(value: Any) -> bytes | None:
    return _decimal(value.get("value"), value.get("scale")) if isinstance(value, dict) else None


def _day(value: Any) -> bytes | None:
    return b'"%b"' % (_FIRST_DAY + timedelta(days=value)).isoformat().encode() if type(value) is int else None


def _iso_day(value: Any) -> bytes | None:
    return json_text(value.removesuffix("Z")).encode() if isinstance(value, str) else None


def _moment(value: Any, unit_us: int, *, is_local: bool) -> bytes | None:
    if type(value) is not int:
        return None
    return b'"%b%b"' % (moment_text(value * unit_us).encode(), b"" if is_local else b"Z")


def _moment_of_nanoseconds(value: Any, *, is_local: bool) -> bytes | None:
    if type(value) is int and value % 1_000:
        raise Refused(Reason.TYPE_TIMESTAMP, "nanoseconds that microseconds cannot hold")
    return _moment(value // 1_000, 1, is_local=is_local) if type(value) is int else None


def moment_text(since_1970_us: int) -> str:
    """The moment without offset, as YYYY-MM-DDTHH:MM:SS[.ffffff].

    Raises:
        OverflowError: before year 1 or after year 9999.
    """
    return (_FIRST_MOMENT + timedelta(microseconds=since_1970_us)).isoformat()
