"""ODCS logical types to column types, and the closed lists of their options. Bounds and patterns are read in
`odcs_columns`.
"""

from __future__ import annotations

import re

from data_platform.contracts.literals import is_timezone
from data_platform.contracts.places import Place, nearest, one
from data_platform.contracts.types import ColumnType, StructField, TypeKind

_ORDERED = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_OPTIONS: dict[str, tuple[str, ...]] = {
    "string": ("minLength", "maxLength", "pattern", "format", "enum"),
    "integer": (*_ORDERED, "multipleOf", "format", "enum"),
    "number": (*_ORDERED, "multipleOf", "enum"),
    "boolean": (),
    "date": (*_ORDERED, "enum"),
    "timestamp": (*_ORDERED, "timezone", "defaultTimezone", "enum"),
    "object": ("required",),
    "array": (),
}
_TYPE_OPTIONS = ("format", "timezone", "defaultTimezone", "required")
_INNER_KEYS = (
    "id", "name", "logicalType", "logicalTypeOptions", "physicalType", "physicalName", "required", "properties",
    "items", "description", "businessName", "tags", "classification", "examples", "synonyms",
    "authoritativeDefinitions",
)  # fmt: skip
_DECIMAL = re.compile(r"(?:decimal|numeric)\((\d{1,2}), ?(\d{1,2})\)", re.IGNORECASE)
MAX_NESTING = 16


def column_type(place: Place, *, depth: int = 0) -> ColumnType | None:
    """The type of a property; None after faults that leave no type."""
    name = place.get("logicalType")
    if name is None:
        place.missing("logicalType", f"{_who(place)} has no logicalType", f"add one of: {', '.join(_OPTIONS)}")
        return None
    if name not in _OPTIONS:
        place.into("logicalType").fault(f"{_who(place)} has unknown logicalType {name!r}", nearest(name, _OPTIONS))
        return None
    _check_options(place, name)
    if depth > MAX_NESTING:
        place.fault(f"{_who(place)} nests deeper than {MAX_NESTING} levels", "flatten the type")
        return None
    match name:
        case "integer":
            return _integer(place)
        case "number":
            return _number(place)
        case "timestamp":
            return _timestamp(place)
        case "object":
            return _object(place, depth)
        case "array":
            return _array(place, depth)
        case _:
            return ColumnType(kind=TypeKind(name))


def _check_options(place: Place, name: str) -> None:
    options = place.into("logicalTypeOptions")
    known = _OPTIONS[name]
    for key in options.value or ():
        if key not in known:
            fix = nearest(key, known) if known else "remove it"
            options.into(key).fault(f"logicalTypeOptions of {one(name)} has no {key!r} that is enforced", fix)


def _integer(place: Place) -> ColumnType | None:
    options = place.into("logicalTypeOptions")
    width = options.get("format")
    if width not in (None, "i32", "i64"):
        options.into("format").fault(f"{_who(place)}: integer format {width!r} is not stored", "write i32 or i64")
        return None
    return ColumnType(kind=TypeKind.INTEGER, bits=32 if width == "i32" else 64)


def _number(place: Place) -> ColumnType | None:
    physical = place.text("physicalType").strip()
    if physical.lower() == "double":
        return ColumnType(kind=TypeKind.DOUBLE)
    match = _DECIMAL.fullmatch(physical)
    if match and 1 <= int(match[1]) <= 38 and int(match[2]) <= int(match[1]):
        return ColumnType(kind=TypeKind.DECIMAL, precision=int(match[1]), scale=int(match[2]))
    fix = "write physicalType: decimal(p,s) with s <= p <= 38, or double where rounding is acceptable"
    if physical:
        place.into("physicalType").fault(
            f"{_who(place)}: number with physicalType {physical!r} is not exact or double", fix
        )
    else:
        place.missing("physicalType", f"{_who(place)}: a number does not say whether it is exact", fix)
    return None


def _timestamp(place: Place) -> ColumnType | None:
    options = place.into("logicalTypeOptions")
    has_offset, zone = options.get("timezone"), options.get("defaultTimezone")
    if has_offset not in (None, True, False):
        options.into("timezone").fault(f"{_who(place)}: timezone must be true or false", "write true or false")
        return None
    if has_offset is not False:
        if zone is not None:
            message = f"{_who(place)}: defaultTimezone is read only for timestamps without offset"
            options.into("defaultTimezone").fault(message, "add timezone: false, or remove defaultTimezone")
        return ColumnType(kind=TypeKind.TIMESTAMP)
    if isinstance(zone, str) and is_timezone(zone):
        return ColumnType(kind=TypeKind.TIMESTAMP, timezone=zone)
    message = f"{_who(place)}: the zone of timestamps without offset is " + (f"{zone!r}" if zone else "not said")
    options.into("defaultTimezone").fault(message, "write an IANA name such as Europe/Berlin as defaultTimezone")
    return None


def _object(place: Place, depth: int) -> ColumnType | None:
    required = place.into("logicalTypeOptions").get("required") or []
    members = list(place.items("properties"))
    if not members:
        place.missing("properties", f"{_who(place)}: an object has no properties", "list its fields under properties")
        return None
    names = [member.text("name") for member in members]
    if not isinstance(required, list) or any(name not in names for name in required):
        place.into("logicalTypeOptions").into("required").fault(
            f"{_who(place)}: required names fields that the object does not have", f"use a list of: {', '.join(names)}"
        )
        required = []
    fields = []
    for member, name in zip(members, names, strict=True):
        _check_inner(member)
        if not name:
            member.missing("name", f"a field of {_who(place)} has no name", "add name")
        elif [other.lower() for other in names].count(name.lower()) > 1:
            member.into("name").fault(f"{_who(place)} has field {name!r} twice", "field names differ by more than case")
        inner = column_type(member, depth=depth + 1)
        if inner is not None:
            fields.append(StructField(name, inner, member.get("required") is True or name in required))
    return ColumnType(kind=TypeKind.OBJECT, fields=tuple(fields)) if len(fields) == len(members) else None


def _array(place: Place, depth: int) -> ColumnType | None:
    item = place.into("items")
    if item.value is None:
        place.missing("items", f"{_who(place)}: an array does not say what it holds", "add items with a logicalType")
        return None
    _check_inner(item)
    inner = column_type(item, depth=depth + 1)
    return ColumnType(kind=TypeKind.ARRAY, item=inner) if inner else None


def _check_inner(place: Place) -> None:
    """Inside objects and arrays only types are enforced; whatever else promises a rule is refused, not ignored."""
    for key in place.value:
        if key not in _INNER_KEYS:
            place.into(key).fault(f"{key} is not enforced inside an object or array", "write a row rule under quality")
    options = place.into("logicalTypeOptions")
    for key in options.value or ():
        if key not in _TYPE_OPTIONS:
            options.into(key).fault(
                f"{key} is not enforced inside an object or array", "write a row rule under quality"
            )


def _who(place: Place) -> str:
    return f"column {place.text('name')!r}" if place.text("name") else "the item"
