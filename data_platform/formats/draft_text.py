"""A drafted contract as the text of an ODCS file."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from data_platform.contracts.model import DatasetName, FileFormat, FileKind, Layer
from data_platform.contracts.types import ColumnType, TypeKind
from data_platform.formats.draft_fields import LeftOut
from data_platform.formats.draft_personal import PersonalHint, personal_hint
from data_platform.formats.draft_profile import ColumnProfile

_HEAD = """\
# A draft: what one look at the data could tell. Before it is a contract
#   - name the team and its owner, and say what a row is and what the columns mean;
#   - look at every classification, list of values and range: they were guessed from what was there;
#   - say by platform.watermark which column is the time of the event.
"""
_MONEY = re.compile(r"(?:^|_)(?:amount|price|total|revenue|cost)(?:s|$|_)", re.IGNORECASE)
_CARD_LIKE = re.compile(r"[0-9]{13,19}")
_LOGICAL = {TypeKind.DECIMAL: "number", TypeKind.DOUBLE: "number"}


@dataclass(frozen=True, slots=True)
class DraftColumn:
    """A column with what was seen of it; the profile is None where values are nested."""

    name: str
    type: ColumnType
    profile: ColumnProfile | None
    is_required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Everything that a draft says.

    Attributes:
        left_out: fields that no column can hold; they are passed over.
        rejected: how many records no contract could read, by reason.
    """

    name: DatasetName
    file_format: FileFormat | None
    columns: tuple[DraftColumn, ...]
    left_out: tuple[LeftOut, ...] = ()
    rejected: Mapping[str, int] = field(default_factory=dict)


def draft_text(draft: Draft) -> str:
    """The text of the contract file, with the owner left to be filled in."""
    name = draft.name
    hints = {column.name: _hint(column) for column in draft.columns}
    key = _key(draft, hints)
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": str(name),
        "name": name.name,
        "version": "0.1.0",
        "status": "draft",
        "domain": name.domain,
        "team": {"name": "", "members": []},
        "schema": [
            {
                "name": name.name,
                "description": "To be described.",
                "dataGranularityDescription": "To be described: what is one row?",
                "properties": [_property(column, hints[column.name], key) for column in draft.columns],
            }
        ],
        "customProperties": _custom(draft),
    }
    notes = "".join(f"# {note}\n" for note in _notes(draft, hints, key))
    body = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    body = body.replace("team:\n  name: ''\n  members: []\n", _TEAM)
    return _HEAD + notes + body


_TEAM = """\
team:
  name: ''  # fill in
  members: []  # - {username: somebody@example.com, role: owner}
"""


def _notes(draft: Draft, hints: dict[str, PersonalHint | None], key: str | None) -> Iterator[str]:
    form = draft.file_format
    if form is not None and form.kind is FileKind.CSV and not form.header:
        yield "The first line was taken for a record, for it looks like data or has a word twice: the columns have"
        yield "made-up names. If it is a header, give every column its own name there and draft again."
    for found in draft.left_out:
        yield f"Left out is {found.name!r}: {found.why}."
    if draft.left_out and _is_raw(draft):
        yield "What is left out is passed over when files are read, by platform.schema_change: ignore."
    if draft.rejected:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(draft.rejected.items()))
        yield f"Records that could not be read under any contract, and will be rejected: {reasons}."
    for column, hint in hints.items():
        if hint is not None:
            yield f"Column {column!r} may be personal ({hint.what}, by {hint.because}): {hint.classification}."
    for column in _unique(draft) if key is None else []:
        yield f"Column {column!r} tells the rows apart, but is no primary key here, since it may be personal."


def _is_raw(draft: Draft) -> bool:
    return draft.file_format is not None and draft.name.layer is Layer.RAW


def _hint(column: DraftColumn) -> PersonalHint | None:
    sample = column.profile.sample if column.profile else ()
    if column.type.kind is not TypeKind.STRING:
        # Among numbers only these are long enough for a validator to tell them from counts.
        is_whole = column.type.kind in (TypeKind.INTEGER, TypeKind.DECIMAL) and not column.type.scale
        sample = sample if is_whole and any(_CARD_LIKE.fullmatch(text) for text in sample) else ()
    return personal_hint(column.name, sample)


def _unique(draft: Draft) -> list[str]:
    """The columns that could be a key: unique, never missing, of a type that compares exactly."""
    fit = (TypeKind.STRING, TypeKind.INTEGER)
    return [c.name for c in draft.columns if c.profile and c.profile.is_unique and c.type.kind in fit]


def _key(draft: Draft, hints: dict[str, PersonalHint | None]) -> str | None:
    """The column that tells rows apart: the first that is unique and never missing, one named like an id before."""
    unique = _unique(draft)
    named = [name for name in unique if re.search(r"(?:^|_)(?:id|key|no|number|code|uuid)$|Id$|ID$|No$", name)]
    guarded = {name for name, hint in hints.items() if hint is not None and hint.classification != "internal"}
    plain = [name for name in (*named, *unique) if name not in guarded]
    return plain[0] if plain else None


def _property(column: DraftColumn, hint: PersonalHint | None, key: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"name": column.name, "description": "To be described.", **_typed(column.type)}
    options = dict(found.pop("logicalTypeOptions", {}))
    profile = column.profile
    if profile is not None and hint is None:
        options |= _range(column.type, profile)
    if options:
        found["logicalTypeOptions"] = options
    if profile is not None and profile.values and hint is None and column.name != key:
        found["enum"] = [{"value": value} for value in profile.values]
    if column.is_required:
        found["required"] = True
    if column.name == key:
        found |= {"required": True, "primaryKey": True, "primaryKeyPosition": 1}
        if column.type.kind is TypeKind.STRING:
            charset = "identifier" if profile is not None and profile.is_plain else "free"
            found["customProperties"] = [{"property": "platform.charset", "value": charset}]
    if hint is not None:
        found["classification"] = hint.classification
    if column.type.kind is TypeKind.DOUBLE and _MONEY.search(column.name):
        found["tags"] = ["not-money"]
    return found


def _typed(of: ColumnType) -> dict[str, Any]:
    found: dict[str, Any] = {"logicalType": _LOGICAL.get(of.kind, of.kind.value)}
    match of.kind:
        case TypeKind.INTEGER if of.bits == 32:
            found["logicalTypeOptions"] = {"format": "i32"}
        case TypeKind.DECIMAL:
            found["physicalType"] = f"decimal({of.precision},{of.scale})"
        case TypeKind.DOUBLE:
            found["physicalType"] = "double"
        case TypeKind.TIMESTAMP if of.timezone is not None:
            found["logicalTypeOptions"] = {"timezone": False, "defaultTimezone": of.timezone}
        case TypeKind.TIMESTAMP:
            found["logicalTypeOptions"] = {"timezone": True}
        case TypeKind.OBJECT:
            found["properties"] = [{"name": part.name, **_typed(part.type)} for part in of.fields]
        case TypeKind.ARRAY if of.item is not None:
            found["items"] = _typed(of.item)
    return found


def _range(of: ColumnType, profile: ColumnProfile) -> dict[str, Any]:
    """Not below 0 where nothing was, and an order of magnitude above the greatest: no value itself is told."""
    if of.kind not in (TypeKind.INTEGER, TypeKind.DECIMAL) or profile.low is None or profile.high is None:
        return {}
    found: dict[str, Any] = {}
    if profile.low >= 0:
        found["minimum"] = 0
    digits = math.ceil(math.log10(max(profile.high, 1))) + 1
    most = 9 if of.kind is TypeKind.INTEGER and of.bits == 32 else 18 if of.kind is TypeKind.INTEGER else of.precision
    if digits <= min(most, of.precision - of.scale if of.kind is TypeKind.DECIMAL else most) and digits <= 15:
        found["maximum"] = 10**digits
    return found


def _custom(draft: Draft) -> list[dict[str, Any]]:
    form = draft.file_format
    if form is None or not _is_raw(draft):
        return [{"property": "platform.materialization", "value": "table"}]
    said: dict[str, Any] = {"kind": form.kind.value}
    if form.kind is FileKind.CSV:
        said |= {"delimiter": form.delimiter, "quote": form.quote, "header": form.header, "null_marker": ""}
    if form.kind is not FileKind.PARQUET:
        said["encoding"] = form.encoding
        if form.compression:
            said["compression"] = form.compression
    change = "ignore" if draft.left_out else "freeze"
    return [
        {"property": "platform.format", "value": said},
        {"property": "platform.schema_change", "value": change},
    ]
