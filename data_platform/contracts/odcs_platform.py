"""The `platform.*` properties of a dataset: how its rows come about and how its bytes are read."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import fields
from enum import StrEnum
from typing import Any, TypeVar

from data_platform.contracts.literals import calendar_date, date_group_fault, duration, moment
from data_platform.contracts.model import (
    DatasetName,
    Deletes,
    Delivery,
    Deprecation,
    Envelope,
    EventTimeRange,
    FileFormat,
    FileKind,
    Materialization,
    SchemaChange,
)
from data_platform.contracts.places import Place, nearest

Word = TypeVar("Word", bound=StrEnum)
_LIMITS = tuple(f.name for f in fields(FileFormat) if f.name.startswith("max_"))
_EVERY_KIND = ("kind", "encoding", "compression", *_LIMITS)
_FORMAT_KEYS = {
    FileKind.CSV: (*_EVERY_KIND, "delimiter", "quote", "header", "null_marker", "comment", "skip_blank_lines"),
    FileKind.NDJSON: (*_EVERY_KIND, "coerce", "envelope"),
    FileKind.PARQUET: ("kind", *_LIMITS),
}
_CHANGES = ("values", "truncates", "ignores")  # what a row of a change feed can mean (`platform.deletes`)
_DURATION_FIX = "write an ISO 8601 duration of fixed length, such as PT6H or P2D"


def read_platform(custom: dict[str, Place]) -> dict[str, Any]:
    """The fields of `Contract` that the properties give; a property with a fault is left out."""
    found = {key: _READERS[key](place) for key, place in custom.items()}
    return {key: value for key, value in found.items() if value is not None}


def _word(words: type[Word]) -> Callable[[Place], Word | None]:
    def read(place: Place) -> Word | None:
        if isinstance(place.value, str) and place.value in list(words):
            return words(place.value)
        place.fault(f"{_label(place)} has no value {place.value!r}", nearest(str(place.value), list(words)))
        return None

    return read


def _materialization(place: Place) -> Materialization | None:
    if place.value == Materialization.INGEST:
        place.fault("ingest is what raw datasets do without saying so", "remove it, or name how the rows come about")
        return None
    return _word(Materialization)(place)


def _text(place: Place) -> str | None:
    if isinstance(place.value, str) and place.value:
        return place.value
    place.fault(f"{_label(place)} is no text", "write text")
    return None


def _names(place: Place) -> tuple[str, ...] | None:
    names = [place.value] if isinstance(place.value, str) else place.value
    if (
        isinstance(names, list)
        and names
        and all(isinstance(n, str) and n for n in names)
        and len(set(names)) == len(names)
    ):
        return tuple(names)
    place.fault(f"{_label(place)} is no list of different names", "write a name or a list of names")
    return None


def _length_of_time(place: Place) -> Any:
    length = duration(place.value) if isinstance(place.value, str) else None
    if length is None:
        place.fault(f"{_label(place)} {place.value!r} is no length of time", _DURATION_FIX)
    return length


def _event_time_range(place: Place) -> EventTimeRange | None:
    if not _is_mapping(place, "{not_before: 2020-01-01T00:00:00Z, max_ahead: PT1H}"):
        return None
    place.refuse_unknown(("not_before", "max_ahead"), "platform.event_time_range")
    not_before = max_ahead = None
    if place.has("not_before"):
        written = place.get("not_before")
        text = f"{written}T00:00:00Z" if isinstance(written, str) and len(written) == 10 else written
        not_before = moment(text) if isinstance(text, str) else None
        if not_before is None:
            place.into("not_before").fault("not_before is no moment", "write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ")
    if place.has("max_ahead"):
        max_ahead = _length_of_time(place.into("max_ahead"))
    return EventTimeRange(not_before=not_before, max_ahead=max_ahead)


def _deletes(place: Place) -> Deletes | None:
    if not _is_mapping(place, "{column: op, values: [D]}"):
        return None
    place.refuse_unknown(("column", *_CHANGES), "platform.deletes")
    column = place.get("column")
    if not isinstance(column, str) or not _is_list_of_values(place.get("values")):
        place.fault("platform.deletes does not name a column and its values", "write {column: op, values: [D]}")
        return None
    said: dict[str | int, str] = {}
    for key in _CHANGES:
        values = place.get(key)
        if values is not None and not _is_list_of_values(values):
            place.into(key).fault(f"platform.deletes: {key} is no list of values", f"write e.g. {key}: [T]")
            return None
        for value in values or ():
            if said.setdefault(value, key) != key:
                message = f"platform.deletes: {value!r} stands in {said[value]} and in {key}"
                place.into(key).fault(message, "keep it in one of them: a row means one thing")
    return Deletes(column=column, **{key: tuple(place.get(key) or ()) for key in _CHANGES})


def _is_list_of_values(values: Any) -> bool:
    return isinstance(values, list) and bool(values) and all(isinstance(value, str | int) for value in values)


def _delivery_date_pattern(place: Place) -> str | None:
    reason = date_group_fault(place.value) if isinstance(place.value, str) else "it is no text"
    if reason is None:
        return str(place.value)
    fix = r"write an expression over the file's base name, such as orders_(?P<date>\d{8})\.csv"
    place.fault(f"the delivery date pattern cannot be used ({reason})", fix)
    return None


def _cost_tags(place: Place) -> tuple[tuple[str, str], ...] | None:
    if not _is_mapping(place, "{product: checkout}"):
        return None
    for key, value in place.value.items():
        if not isinstance(value, str):
            place.into(key).fault(
                f"cost tag {key!r} is no text", "write text, in quotes if it looks like something else"
            )
    return tuple(sorted((key, value) for key, value in place.value.items() if isinstance(value, str)))


def _deprecation(place: Place) -> Deprecation | None:
    example = "{sunset: '2027-01-31', replacement: curated.shop.orders_v2}"
    if not _is_mapping(place, example):
        return None
    place.refuse_unknown(("sunset", "replacement", "note"), "platform.deprecation")
    sunset = calendar_date(place.text("sunset"))
    if sunset is None:
        place.missing("sunset", "platform.deprecation does not say on which day it ends", "write sunset: YYYY-MM-DD")
    replacement = None
    if place.has("replacement"):
        try:
            replacement = DatasetName.parse(place.text("replacement"))
        except ValueError:
            fix = "write <layer>.<domain>.<dataset>"
            place.into("replacement").fault(f"replacement {place.get('replacement')!r} names no dataset", fix)
    if place.has("note") and not isinstance(place.get("note"), str):
        place.into("note").fault("the note is no text", "write text")
    return Deprecation(sunset=sunset, replacement=replacement, note=place.text("note")) if sunset else None


def _format(place: Place) -> FileFormat | None:
    if not _is_mapping(place, "{kind: csv}"):
        return None
    kind = _word(FileKind)(place.into("kind"))
    if kind is None:
        return None
    place.refuse_unknown(_FORMAT_KEYS[kind], f"platform.format of kind {kind}")
    values: dict[str, Any] = {}
    for key in _FORMAT_KEYS[kind]:
        if key == "kind" or key not in place.value:
            continue
        is_fine, fix = _FORMAT_CHECKS.get(key, (_is_limit, "write a whole number above 0"))
        value = place.get(key)
        if is_fine(value):
            values[key] = Envelope(value) if key == "envelope" and value else value
        else:
            place.into(key).fault(f"platform.format: {key} cannot be {value!r}", fix)
    if values.get("quote", '"') == values.get("delimiter", ",") and kind is FileKind.CSV:
        place.into("quote").fault("platform.format: quote and delimiter are the same", "choose different characters")
    return FileFormat(kind=kind, **values)


def _is_mapping(place: Place, example: str) -> bool:
    if isinstance(place.value, dict):
        return True
    place.fault(f"{_label(place)} is no mapping", f"write e.g. {example}")
    return False


def _label(place: Place) -> str:
    step = place.path[-1]
    if step != "value":
        return str(step)
    entry = place.file.document.data
    for part in place.path[:-1]:
        entry = entry[part]
    return str(entry.get("property"))


def _is_character(value: Any) -> bool:
    return isinstance(value, str) and len(value.encode()) == 1 and value not in "\r\n\0"


def _is_encoding(value: Any) -> bool:
    try:
        return bool(getattr(codecs.lookup(value), "_is_text_encoding", True))
    except (LookupError, TypeError, ValueError):
        return False


def _is_limit(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 62


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


_FORMAT_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "delimiter": (_is_character, "write one ASCII character in quotes"),
    "quote": (lambda value: value is None or _is_character(value), "write one ASCII character in quotes, or null"),
    "comment": (lambda value: value is None or _is_character(value), "write one ASCII character in quotes, or null"),
    "encoding": (_is_encoding, "write an encoding such as utf-8 or latin-1"),
    "compression": (lambda value: value in (None, "gzip", "zstd", "zip"), "write gzip, zstd or zip, or null"),
    "envelope": (lambda value: value in (None, *Envelope), "write debezium or cloudevents, or null"),
    "null_marker": (lambda value: value is None or isinstance(value, str), "write text in quotes, or null"),
    "header": (_is_flag, "write true or false"),
    "skip_blank_lines": (_is_flag, "write true or false"),
    "coerce": (_is_flag, "write true or false"),
}
_READERS: dict[str, Callable[[Place], Any]] = {
    "format": _format,
    "materialization": _materialization,
    "watermark": _text,
    "allowed_lateness": _length_of_time,
    "event_time_range": _event_time_range,
    "dedupe_key": _names,
    "sequence": _names,
    "deletes": _deletes,
    "delivery": _word(Delivery),
    "delivery_date_pattern": _delivery_date_pattern,
    "schema_change": _word(SchemaChange),
    "tier": _text,
    "cost_tags": _cost_tags,
    "nondeterminism": _names,
    "deprecation": _deprecation,
}
