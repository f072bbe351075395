"""The columns of an NDJSON file: names, types and presence, found line by line with numbers as they were written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from data_platform.contracts.model import FileFormat
from data_platform.contracts.types import ColumnType, StructField, TypeKind
from data_platform.formats.compression import read_blocks
from data_platform.formats.draft_types import QUOTED_TYPES, STRING, TextTypes

_BATCH = 5_000


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


@dataclass(slots=True)
class Shape:
    """What has been seen in one place of the records."""

    records: int = 0  # of the object around it
    present: int = 0  # not null
    kinds: set[str] = field(default_factory=set)
    fields: dict[str, Shape] = field(default_factory=dict)
    item: Shape | None = None
    _texts: TextTypes = field(default_factory=lambda: TextTypes(QUOTED_TYPES))
    _numbers: TextTypes = field(default_factory=lambda: TextTypes(TextTypes().candidates[1:4]))
    _waiting: dict[str, list[str]] = field(default_factory=lambda: {"text": [], "number": []})

    def take(self, value: Any) -> None:
        """Adds one value."""
        if value is None:
            return
        self.present += 1
        if isinstance(value, dict):
            self.kinds.add("object")
            for name, inner in value.items():
                self.fields.setdefault(name, Shape()).take(inner)
        elif isinstance(value, list):
            self.kinds.add("array")
            self.item = self.item or Shape()
            for inner in value:
                self.item.take(inner)
        elif isinstance(value, bool):
            self.kinds.add("boolean")
        else:
            kind = "number" if isinstance(value, _Number) else "text"
            self.kinds.add(kind)
            self._waiting[kind].append(str(value))
            if len(self._waiting[kind]) >= _BATCH:
                self._settle()

    @property
    def type(self) -> ColumnType | None:
        """The type that holds everything seen; None where no type does."""
        self._settle()
        if len(self.kinds) > 1:
            return None
        match next(iter(self.kinds), "text"):
            case "object":
                found = {name: shape.type for name, shape in self.fields.items()}
                fields = [StructField(name, of) for name, of in found.items() if of is not None]
                whole = fields and len(fields) == len(found)
                return ColumnType(kind=TypeKind.OBJECT, fields=tuple(fields)) if whole else None
            case "array":
                item = self.item.type if self.item and self.item.present else STRING
                return ColumnType(kind=TypeKind.ARRAY, item=item) if item else None
            case "boolean":
                return ColumnType(kind=TypeKind.BOOLEAN)
            case "number":
                return self._numbers.type if self._numbers.candidates else None
            case _:
                return self._texts.type

    def _settle(self) -> None:
        for kind, types in (("text", self._texts), ("number", self._numbers)):
            if self._waiting[kind]:
                types.take(pa.array(self._waiting[kind], pa.string()))
                self._waiting[kind].clear()


def shape_of_lines(path: Path, file_format: FileFormat) -> Shape:
    """The records of a file as one object; lines that are no JSON objects are left to the reader to reject."""
    whole = Shape()
    decoder = json.JSONDecoder(parse_float=_Number, parse_int=_Number)
    for line in _lines(path, file_format):
        try:
            record = decoder.decode(line.decode("utf-8"))
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            whole.records += 1
            whole.take(record)
    return whole


def _lines(path: Path, file_format: FileFormat) -> Iterator[bytes]:
    rest = b""
    for block in read_blocks(path, file_format):
        *lines, rest = (rest + block).split(b"\n")
        yield from (line for line in lines if line.strip())
    if rest.strip():
        yield rest
