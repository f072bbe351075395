"""One ODCS property to one column: bounds, lengths, patterns, keys, references. Types are read in `odcs_types`."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from data_platform.contracts.literals import calendar_date, expression_fault, moment
from data_platform.contracts.model import Charset, Column, DatasetName, Layer, Reference, Scalar, Severity
from data_platform.contracts.odcs_custom import COLUMN_KEYS, REFERENCE_KEYS, custom_values
from data_platform.contracts.odcs_types import column_type
from data_platform.contracts.places import Place, exact, nearest
from data_platform.contracts.types import ColumnType, TypeKind

BOUNDS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMinimum": "exclusive_minimum",
    "exclusiveMaximum": "exclusive_maximum",
}
_UNENFORCED = ("map",)


@dataclass(frozen=True, slots=True)
class ReadColumn:
    """A column with what the contract keeps elsewhere than in the column."""

    column: Column
    place: Place
    references: tuple[Reference, ...] = ()


@dataclass(slots=True)
class _Draft:
    """A column on its way."""

    name: str
    type: ColumnType
    place: Place
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def options(self) -> Place:
        return self.place.into("logicalTypeOptions")

    def refuse(self, key: str, what: str, fix: str) -> None:
        self.options.into(key).fault(f"column {self.name!r}: {what}", fix)


def read_column(place: Place) -> ReadColumn | None:
    """The column of a property; None after faults that leave no name or type."""
    name = place.text("name")
    if not name:
        place.missing("name", "a property has no name", "add name")
    for key in _UNENFORCED:
        if place.has(key):
            place.into(key).fault(f"column {name!r}: {key} types are not stored", "use an object or an array")
    type_ = column_type(place)
    custom = custom_values(place, COLUMN_KEYS)
    references = tuple(_references(place, name, _reference_severity(custom)))
    if type_ is None or not name:
        return None
    draft = _Draft(name, type_, place)
    for step in (_read_bounds, _read_text_rules, _read_enum, _read_keys):
        step(draft)
    _read_custom(draft, custom)
    if references:
        draft.values["reference"] = references[0]
    column = Column(
        name=name,
        type=type_,
        required=place.get("required") is True,
        unique=place.get("unique") is True,
        description=place.text("description"),
        business_name=place.text("businessName"),
        classification=place.text("classification") or "public",
        critical=place.get("criticalDataElement") is True,
        tags=tuple(place.get("tags") or ()),
        line=place.line,
        **draft.values,
    )
    return ReadColumn(column, place, references)


def scalar(value: Any, type_: ColumnType) -> Scalar | None:
    """A written value as a value of the column's type; None if it is none."""
    match type_.kind:
        case TypeKind.STRING:
            return value if isinstance(value, str) else None
        case TypeKind.INTEGER:
            return value if isinstance(value, int) and not isinstance(value, bool) else None
        case TypeKind.DECIMAL | TypeKind.DOUBLE:
            return exact(value)
        case TypeKind.DATE:
            return calendar_date(value) if isinstance(value, str) else None
        case TypeKind.TIMESTAMP:
            return moment(value, timezone=type_.timezone) if isinstance(value, str) else None
        case _:
            return None


_WRITTEN = {
    TypeKind.STRING: "text, in quotes if it looks like something else",
    TypeKind.INTEGER: "a whole number",
    TypeKind.DECIMAL: "a number without quotes",
    TypeKind.DOUBLE: "a number without quotes",
    TypeKind.DATE: "a date as YYYY-MM-DD",
    TypeKind.TIMESTAMP: "a moment as YYYY-MM-DDTHH:MM:SSZ (without offset only where timezone is false)",
}


def _read_bounds(draft: _Draft) -> None:
    for key, attribute in BOUNDS.items():
        if draft.options.has(key) and draft.type.kind in _WRITTEN and draft.type.kind is not TypeKind.STRING:
            bound = scalar(draft.options.get(key), draft.type)
            if bound is None:
                draft.refuse(key, f"{key} is no {draft.type} value", f"write {_WRITTEN[draft.type.kind]}")
            else:
                draft.values[attribute] = bound
    _check_range(draft)
    step = draft.options.get("multipleOf")
    if step is not None and draft.type.kind in (TypeKind.INTEGER, TypeKind.DECIMAL, TypeKind.DOUBLE):
        number = scalar(step, draft.type)
        if isinstance(number, int | Decimal) and number > 0:
            draft.values["multiple_of"] = number
        else:
            draft.refuse("multipleOf", "multipleOf is no number above zero of its type", "write a positive number")


def _check_range(draft: _Draft) -> None:
    values = draft.values
    for side in ("minimum", "maximum"):
        if side in values and f"exclusive_{side}" in values:
            draft.refuse(side, f"{side} is given both inclusive and exclusive", "keep one of the two")
    low: Any = values.get("minimum", values.get("exclusive_minimum"))
    high: Any = values.get("maximum", values.get("exclusive_maximum"))
    is_open = "exclusive_minimum" in values or "exclusive_maximum" in values
    if low is not None and high is not None and (low > high or (low == high and is_open)):
        key = next(name for name, attribute in BOUNDS.items() if attribute in values)
        draft.refuse(key, f"no value lies between {low} and {high}", "put the smaller bound first")


def _read_text_rules(draft: _Draft) -> None:
    if draft.type.kind is not TypeKind.STRING:
        return
    for key, attribute in (("minLength", "min_length"), ("maxLength", "max_length")):
        length = draft.options.get(key)
        if isinstance(length, int) and not isinstance(length, bool) and 0 <= length < 1 << 31:
            draft.values[attribute] = length
        elif length is not None:
            draft.refuse(key, f"{key} is no length", "write a whole number of characters, 0 or more")
    if draft.values.get("min_length", 0) > draft.values.get("max_length", 1 << 31):
        draft.refuse("minLength", "minLength is greater than maxLength", "put the smaller one first")
    _read_pattern(draft)
    text_format = draft.options.get("format")
    if text_format == "email":
        draft.values["charset"] = Charset.EMAIL
    elif text_format is not None:
        draft.refuse("format", f"text format {text_format!r} is not enforced", "write email, or a pattern instead")


def _read_pattern(draft: _Draft) -> None:
    pattern = draft.options.get("pattern")
    if pattern is None:
        return
    reason = expression_fault(pattern) if isinstance(pattern, str) else "it is no text"
    if reason:
        fix = "write an expression without lookaround and backreferences, in quotes"
        draft.refuse("pattern", f"the pattern does not compile ({reason})", fix)
    else:
        draft.values["pattern"] = pattern


def _read_enum(draft: _Draft) -> None:
    listed, optioned = draft.place.get("enum"), draft.options.get("enum")
    if listed is not None and optioned is not None:
        draft.refuse("enum", "enum stands both in the property and in logicalTypeOptions", "keep the property's enum")
    if listed is not None:
        places = [item.into("value") for item in draft.place.items("enum")]
    else:
        places = list(draft.options.items("enum"))
        if optioned is not None and not isinstance(optioned, list):
            draft.refuse("enum", "enum is no list", "write a list of values")
            return
    if (listed is not None or optioned is not None) and not places:
        draft.place.into("enum").fault(
            f"column {draft.name!r}: enum admits no value", "list the values, or remove enum"
        )
    values: list[Scalar] = []
    for place in places:
        value = scalar(place.value, draft.type)
        if value is None:
            fix = f"write {_WRITTEN[draft.type.kind]}" if draft.type.kind in _WRITTEN else "remove enum"
            place.fault(f"column {draft.name!r}: {place.value!r} is no {draft.type} value", fix)
        elif value in values:
            place.fault(f"column {draft.name!r}: enum has {place.value!r} twice", "keep one of the two")
        else:
            values.append(value)
    draft.values["enum"] = tuple(values)


def _read_keys(draft: _Draft) -> None:
    for flag, position, attribute in (
        ("primaryKey", "primaryKeyPosition", "primary_key_position"),
        ("partitioned", "partitionKeyPosition", "partition_position"),
    ):
        number = draft.place.get(position)
        if draft.place.get(flag) is True:
            draft.values[attribute] = 1 if number is None else number
            if number is not None and number < 1:
                draft.place.into(position).fault(f"column {draft.name!r}: {position} starts from 1", "write 1 or more")
        elif number is not None and number != -1:
            draft.place.into(position).fault(f"column {draft.name!r}: {position} without {flag}", f"add {flag}: true")


def _read_custom(draft: _Draft, custom: dict[str, Place]) -> None:
    if aliases := custom.get("aliases"):
        if isinstance(aliases.value, list) and aliases.value and all(_is_name(item) for item in aliases.value):
            draft.values["aliases"] = tuple(aliases.value)
        else:
            aliases.fault(f"column {draft.name!r}: platform.aliases is no list of names", "write a list of text")
    if scale_check := custom.get("scale_check"):
        if isinstance(scale_check.value, bool):
            draft.values["scale_check"] = scale_check.value
        else:
            scale_check.fault(f"column {draft.name!r}: platform.scale_check is no boolean", "write true or false")
    is_text = draft.type.kind is TypeKind.STRING
    if charset := custom.get("charset"):
        if charset.value not in list(Charset) or not is_text:
            charset.fault(
                f"column {draft.name!r} cannot have charset {charset.value!r}", nearest(str(charset.value), Charset)
            )
        else:
            draft.values["charset"] = Charset(charset.value)
    elif is_text and draft.values.get("primary_key_position") is not None:
        draft.values.setdefault("charset", Charset.IDENTIFIER)


def _references(place: Place, name: str, severity: Severity) -> list[Reference]:
    found = []
    for entry in place.items("relationships"):
        if entry.has("from"):
            entry.into("from").fault(
                f"column {name!r}: the from side of a column's relationship is the column", "remove from"
            )
        if (reference := read_reference(entry, (name,), severity)) is not None:
            found.append(reference)
    return found


def read_reference(entry: Place, columns: tuple[str, ...], severity: Severity = Severity.WARN) -> Reference | None:
    """The foreign key of a relationship from `columns`; None after a fault."""
    own = custom_values(entry, REFERENCE_KEYS)
    severity = _reference_severity(own) if own else severity
    if entry.get("type") not in (None, "foreignKey"):
        entry.into("type").fault(f"relationship type {entry.get('type')!r} is not enforced", "write foreignKey")
        return None
    written = entry.get("to")
    ends = [written] if isinstance(written, str) else written or []
    parts = [end.split(".", 3) for end in ends]
    whole = [part for part in parts if len(part) == 4 and part[0] in list(Layer) and all(part)]
    if not ends or len(whole) != len(columns) or len(parts) != len(whole) or len({tuple(p[:3]) for p in whole}) != 1:
        fix = "write <layer>.<domain>.<dataset>.<column>, one for each column and all of one dataset"
        entry.into("to").fault(f"the relationship of {', '.join(columns)} does not name its target", fix)
        return None
    layer, domain, dataset, _ = whole[0]
    target = DatasetName(Layer(layer), domain, dataset)
    return Reference(columns, target, tuple(part[3] for part in whole), severity)


def _reference_severity(custom: dict[str, Place]) -> Severity:
    place = custom.get("reference_severity")
    if place is None:
        return Severity.WARN
    if place.value not in (Severity.BLOCK, Severity.WARN):
        place.fault(f"a reference cannot have severity {place.value!r}", "write block or warn")
        return Severity.WARN
    return Severity(place.value)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != "" and "\0" not in value
