"""One JSON record at a time, exactly, as the contract's columns. Decoding the line is in `json_exact`.

This is the plain statement of what is accepted. `json_columns` reads whole blocks where it can prove the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from data_platform.contracts.model import Column, Contract, FileFormat, SchemaChange
from data_platform.contracts.types import ColumnType, StructField, TypeKind
from data_platform.formats.json_exact import ExactDecoder, JsonValue, Number, Refused, json_text
from data_platform.formats.lexical import Fault, Value, exact_decimal, parse_text
from data_platform.formats.rejected import Reason

_PARTS = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
_EXPONENT_LIMIT = 1_000


@dataclass(frozen=True, slots=True)
class JsonRecord:
    """A record that was read: one value per contract column, and the fields the contract does not name."""

    values: tuple[Any, ...]
    extra: str | None
    added: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JsonFault:
    """Why a record was not read, the top-level column at fault, and the fields by which it drifted."""

    fault: Fault
    column: str | None = None
    added: tuple[str, ...] = ()


@dataclass(slots=True)
class _Unknown:
    """Fields of one record that the contract does not name, by dotted path."""

    found: dict[str, JsonValue] = field(default_factory=dict)


class JsonParser:
    """Parses records of one contract."""

    def __init__(self, contract: Contract, file_format: FileFormat) -> None:
        self._contract = contract
        self._format = file_format
        self._decoder = ExactDecoder(file_format)

    def parse(self, line: bytes, *, is_torn: bool = False) -> JsonRecord | JsonFault:
        """The record in `line`; `is_torn` says that the file ends in it without a line end."""
        try:
            return self._record(self._decoder.record(line, is_torn=is_torn))
        except Refused as refused:
            added = (refused.column,) if refused.fault.reason is Reason.SCHEMA_ADDED and refused.column else ()
            return JsonFault(refused.fault, None if added else refused.column, added)

    def _record(self, document: dict[str, JsonValue]) -> JsonRecord:
        unknown = _Unknown()
        values = []
        named = set()
        for column in self._contract.columns:
            name = _present_name(column, document)
            named.add(name)
            if name is None and column.required:
                raise Refused(Reason.MISSING, "required field is absent", column.name)
            value = None if name is None else document[name]
            try:
                values.append(self._convert(value, column.type, column.name, unknown))
            except Refused as refused:
                raise Refused(refused.fault.reason, refused.fault.detail, refused.column or column.name) from refused
        for name, value in document.items():
            if name not in named:
                self._keep(name, value, unknown)
        added = tuple(unknown.found)
        return JsonRecord(tuple(values), json_text(unknown.found) if added else None, added)

    def _keep(self, path: str, value: JsonValue, unknown: _Unknown) -> None:
        if self._contract.schema_change is SchemaChange.FREEZE:
            raise Refused(Reason.SCHEMA_ADDED, "a field that the contract does not name", path)
        unknown.found[path] = value

    def _convert(self, value: JsonValue, column_type: ColumnType, path: str, unknown: _Unknown) -> Any:
        if value is None:
            return None
        match column_type.kind:
            case TypeKind.OBJECT:
                return self._convert_object(value, column_type.fields, path, unknown)
            case TypeKind.ARRAY:
                if not isinstance(value, list) or column_type.item is None:
                    raise Refused(Reason.SCHEMA_TYPE, f"{path} is not an array")
                items = enumerate(value)
                return [self._convert(item, column_type.item, f"{path}[{place}]", unknown) for place, item in items]
            case _:
                if isinstance(value, dict | list):
                    raise Refused(Reason.SCHEMA_TYPE, f"{path} is an object or array, not {column_type}")
                outcome = _scalar(value, column_type, coerce=self._format.coerce)
        if isinstance(outcome, Fault):
            raise Refused(outcome.reason, outcome.detail)
        return outcome

    def _convert_object(
        self, value: JsonValue, fields: tuple[StructField, ...], path: str, unknown: _Unknown
    ) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Refused(Reason.SCHEMA_TYPE, f"{path} is not an object")
        converted = {}
        for part in fields:
            if part.required and part.name not in value:
                raise Refused(Reason.MISSING, f"required field {path}.{part.name} is absent")
            converted[part.name] = self._convert(value.get(part.name), part.type, f"{path}.{part.name}", unknown)
        for name, item in value.items():
            if name not in converted:
                self._keep(f"{path}.{name}", item, unknown)
        return converted


def _present_name(column: Column, document: dict[str, JsonValue]) -> str | None:
    names = [name for name in (column.name, *column.aliases) if name in document]
    if len(names) > 1:
        raise Refused(Reason.DUPLICATE_COLUMN, "given twice, once by an alias", column.name)
    return names[0] if names else None


def _scalar(value: bool | str, column_type: ColumnType, *, coerce: bool) -> Value | Fault:
    kind = column_type.kind
    is_number = isinstance(value, Number)
    if isinstance(value, bool):
        return value if kind is TypeKind.BOOLEAN else _mismatch(kind)
    if kind in (TypeKind.DATE, TypeKind.TIMESTAMP, TypeKind.STRING):
        return (
            _mismatch(kind)
            if is_number and not (coerce and kind is TypeKind.STRING)
            else parse_text(str(value), column_type)
        )
    if kind is TypeKind.BOOLEAN:
        return parse_text(value, column_type) if coerce and not is_number else _mismatch(kind)
    if is_number:
        return _number(value, column_type)
    return parse_text(value, column_type) if coerce else _mismatch(kind)


def _mismatch(kind: TypeKind) -> Fault:
    return Fault(Reason(f"TYPE_{kind.name}"), f"not a JSON value for {kind.value}")


def _number(text: str, column_type: ColumnType) -> Value | Fault:
    if column_type.kind is TypeKind.DOUBLE:
        return parse_text(text, column_type)
    match = _PARTS.fullmatch(text)
    if match is None:
        return _mismatch(column_type.kind)
    sign, whole, fraction, exponent = match.groups()
    if column_type.kind is TypeKind.INTEGER:
        if fraction is not None or exponent is not None:
            return Fault(Reason.TYPE_INTEGER, "not a whole number in plain digits")
        return parse_text("0" if whole == "0" else text, column_type)
    return _decimal(sign, whole, fraction or "", exponent or "0", column_type)


def _decimal(sign: str, whole: str, fraction: str, exponent: str, column_type: ColumnType) -> Value | Fault:
    digits = (whole + fraction).strip("0")
    if not digits:
        return exact_decimal("", "0", "", column_type)
    size = exponent.lstrip("+-0") or "0"
    if len(size) > len(str(_EXPONENT_LIMIT)) or int(size) > _EXPONENT_LIMIT:
        return Fault(Reason.OUT_OF_RANGE, "exponent far beyond any column")
    shifted = whole + fraction
    point = len(whole) + (-int(size) if exponent.startswith("-") else int(size))
    shifted = shifted.rjust(len(shifted) - point, "0") if point < 0 else shifted.ljust(point, "0")
    point = max(point, 0)
    return exact_decimal(sign, shifted[:point].lstrip("0") or "0", shifted[point:].rstrip("0"), column_type)


def drifted_names(records: Iterable[JsonRecord | JsonFault]) -> set[str]:
    """The unknown fields that `records` brought."""
    return {name for record in records for name in record.added}
