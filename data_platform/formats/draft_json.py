"""The columns of an NDJSON file: names, types and presence, found line by line with numbers as they were written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from data_platform.contracts.model import FileFormat
from data_platform.contracts.types import ColumnType, StructField, TypeKind
from data_platform.formats.compression import read_members
from data_platform.formats.draft_fields import TOO_DEEP, LeftOut, column_name_fault, field_name_fault, is_too_deep
from data_platform.formats.draft_types import QUOTED_TYPES, STRING, TextTypes
from data_platform.formats.encodings import strip_mark
from data_platform.formats.json_exact import ExactDecoder, JsonValue, Number, Refused
from data_platform.formats.json_lines import LineStretch, line_spans, split_lines

_BATCH = 5_000
_SAID = {"array": "arrays", "boolean": "booleans", "number": "numbers", "object": "objects", "text": "text"}
_EITHER = {"number", "text"}


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

    def take(self, value: JsonValue) -> None:
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
            kind = "number" if isinstance(value, Number) else "text"
            self.kinds.add(kind)
            self._waiting[kind].append(str(value))
            if len(self._waiting[kind]) >= _BATCH:
                self._settle()

    def type_or_fault(self) -> ColumnType | str:
        """The type that holds everything seen, or why none does."""
        self._settle()
        if len(self.kinds) > 1:
            coerced = " (coerce: true in platform.format would read both as text)" if self.kinds == _EITHER else ""
            return f"it holds {' and '.join(_SAID[kind] for kind in sorted(self.kinds))}{coerced}"
        match next(iter(self.kinds), "text"):
            case "object":
                return self._object()
            case "array":
                item = self.item.type_or_fault() if self.item and self.item.present else STRING
                return f"its items: {item}" if isinstance(item, str) else ColumnType(kind=TypeKind.ARRAY, item=item)
            case "boolean":
                return ColumnType(kind=TypeKind.BOOLEAN)
            case "number":
                return self._numbers.type if self._numbers.candidates else "it holds numbers beyond every number type"
            case _:
                return self._texts.type

    def _object(self) -> ColumnType | str:
        fields: list[StructField] = []
        for name, shape in self.fields.items():
            found = field_name_fault(name, {field.name.lower() for field in fields}) or shape.type_or_fault()
            if isinstance(found, str):
                return f"its field {name!r}: {found}"
            fields.append(StructField(name, found))
        return ColumnType(kind=TypeKind.OBJECT, fields=tuple(fields)) if fields else "it holds objects without fields"

    def _settle(self) -> None:
        for kind, types in (("text", self._texts), ("number", self._numbers)):
            if self._waiting[kind]:
                types.take(pa.array(self._waiting[kind], pa.string()))
                self._waiting[kind].clear()


@dataclass(frozen=True, slots=True)
class Columns:
    """The top level of the records.

    Attributes:
        types: of the fields that can be columns.
        required: those of them that no record lacks.
        left_out: the others.
        records: lines that are JSON objects.
        refused: lines that are not, which the reader rejects.
    """

    types: dict[str, ColumnType]
    required: frozenset[str]
    left_out: tuple[LeftOut, ...]
    records: int
    refused: int


def columns_of_lines(path: Path, file_format: FileFormat) -> Columns:
    """What the records of a file are made of, by the decoder that will read them."""
    whole, refused = _whole(path, file_format)
    types: dict[str, ColumnType] = {}
    left_out = []
    for name, shape in whole.fields.items():
        found = column_name_fault(name, {*map(str.lower, types)}) or shape.type_or_fault()
        if isinstance(found, str):
            left_out.append(LeftOut(name, found))
        elif is_too_deep(found):
            left_out.append(LeftOut(name, TOO_DEEP))
        else:
            types[name] = found
    required = frozenset(name for name in types if whole.fields[name].present == whole.records)
    return Columns(types, required, tuple(left_out), whole.records, refused)


def _whole(path: Path, file_format: FileFormat) -> tuple[Shape, int]:
    """The records of a file as one object, and how many lines are none."""
    whole, refused = Shape(), 0
    decoder = ExactDecoder(file_format)
    for stretch, line in _lines(path, file_format):
        try:
            record = decoder.record(line, is_torn=stretch.is_torn)
        except Refused:
            refused += 1
            continue
        whole.records += 1
        whole.take(record)
    return whole, refused


def _lines(path: Path, file_format: FileFormat) -> Iterator[tuple[LineStretch, bytes]]:
    for member in read_members(path, file_format):
        for stretch in split_lines(strip_mark(member).blocks, file_format, offset=0):
            starts, ends = line_spans(stretch.data)
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
                yield stretch, stretch.data[start:end]
