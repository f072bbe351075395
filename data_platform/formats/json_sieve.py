"""Guesses quickly which lines the columnar kernel would refuse, once it has refused a stretch: it does not say which.

Only sorts lines; what a line holds is always read by the kernel or by the exact parser, so a wrong guess costs time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import orjson

from data_platform.contracts.model import Contract
from data_platform.contracts.types import ColumnType, TypeKind

_Fits: TypeAlias = Callable[[Any], bool]

_NONE: type = type(None)
_PLAIN: dict[TypeKind, set[type]] = {
    TypeKind.STRING: {str, _NONE},
    TypeKind.DATE: {str, _NONE},
    TypeKind.TIMESTAMP: {str, _NONE},
    TypeKind.INTEGER: {int, _NONE},
    TypeKind.BOOLEAN: {bool, _NONE},
    TypeKind.DECIMAL: {int, float, _NONE},
    TypeKind.DOUBLE: {int, float, _NONE},
}


class JsonSieve:
    """Sorts lines for one contract."""

    def __init__(self, contract: Contract) -> None:
        self._fits = _object((column.name, column.type) for column in contract.columns)

    def passes(self, line: bytes) -> bool:
        """Whether the line is an object of the contract's fields, each of about its type."""
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            return False
        return type(record) is dict and self._fits(record)


def _fits(kind: ColumnType) -> _Fits:
    if kind.kind is TypeKind.OBJECT:
        inner = _object((field.name, field.type) for field in kind.fields)
        return lambda value: value is None or (type(value) is dict and inner(value))
    if kind.kind is TypeKind.ARRAY and kind.item is not None:
        item = _fits(kind.item)
        return lambda value: value is None or (type(value) is list and all(map(item, value)))
    allowed = _PLAIN[kind.kind]
    return lambda value: type(value) in allowed


def _object(fields: Iterable[tuple[str, ColumnType]]) -> _Fits:
    checks = {name: _fits(kind) for name, kind in fields}

    def fits(record: dict[str, Any]) -> bool:
        return all(name in checks and checks[name](value) for name, value in record.items())

    return fits
