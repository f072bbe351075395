"""Structured CloudEvents 1.0, one a line, as flat records: the fields of `data`, and the attributes as ce_*.

Source: CloudEvents specification 1.0.2, "Context Attributes" and "Type System"; its JSON event format, parts 2 and 3.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson

from data_platform.contracts.envelope_columns import PREFIXES, envelope_columns
from data_platform.contracts.model import Contract, Envelope, FileFormat
from data_platform.contracts.types import TypeKind
from data_platform.formats.envelope_lines import EnvelopeOpener, with_members
from data_platform.formats.json_exact import Refused, json_text
from data_platform.formats.rejected import Reason

_DATA, _BINARY = "data", "data_base64"
_NAME = re.compile(r"[a-z0-9]+")
_BARRED = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_URI_REFERENCE = re.compile(r'[^\s<>"{}|\\^`]+')
_URI = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*:[^\s<>"{}|\\^`]*')
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+\s*(?:;.*)?", re.ASCII)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:)(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_INTEGERS = range(-(1 << 31), 1 << 31)
_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")  # between values only: strings have them escaped
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,9}")


class CloudEventsEnvelope:
    """Unwraps the events of one contract."""

    def __init__(self, contract: Contract, file_format: FileFormat) -> None:
        self._opener = EnvelopeOpener(file_format, (_DATA,), has_wrapper=False)
        prefix = PREFIXES[Envelope.CLOUDEVENTS]
        self._own = [
            (f"{json_text(column.name)}:".encode(), column.name.removeprefix(prefix), _WRITERS[column.type.kind])
            for column in envelope_columns(contract)
        ]

    def unwrap(self, line: bytes, *, is_torn: bool) -> bytes:
        """The flat record, as a line of JSON.

        Raises:
            Refused: the line is no CloudEvent, or its data is no object.
        """
        opened = self._opener.open(line, _DATA, is_torn=is_torn)
        if opened.fields is None:
            raise Refused(Reason.ENVELOPE, "null is no event")
        fault = event_fault(opened.fields)
        if fault is not None:
            raise Refused(Reason.ENVELOPE, fault)
        record = opened.record if opened.record is not None else self._other_data(opened.fields)
        values = [opened.fields.get(name) for _, name, _ in self._own]
        own = [
            key + (b"null" if value is None else write(value))
            for (key, _, write), value in zip(self._own, values, strict=True)
        ]
        return with_members(record, own)

    def _other_data(self, event: Mapping[str, Any]) -> bytes:
        if event.get(_DATA) is not None:
            raise Refused(Reason.ENVELOPE, "the data is no object")
        if event.get(_BINARY) is None:
            return b"{}"
        data = base64.b64decode(event[_BINARY]).translate(_ONE_LINE).strip()
        try:
            self._opener.exact.record(data)
        except Refused as refused:
            raise Refused(Reason.ENVELOPE, "data_base64 holds no JSON object") from refused
        return data


def event_fault(event: Mapping[str, Any]) -> str | None:
    """What makes a structured event (JSON as plain Python) invalid, without its values; None if it is valid."""
    if event.get("specversion") != "1.0":
        return "the specversion is not 1.0"
    for name, check in _CHECKS.items():
        value = event.get(name)
        if value is None and name in _REQUIRED:
            return f"the event has no {name}"
        if value is not None and not (isinstance(value, str) and value and check(value)):
            return f"{name} is not what the specification says"
    for name, value in event.items():
        if name not in _CHECKS and (fault := _extension_fault(name, value)) is not None:
            return fault
    return _binary_fault(event)


def _extension_fault(name: str, value: Any) -> str | None:
    if name in (_DATA, _BINARY):
        return None
    if not _is_name(name):
        return "an attribute's name is not made of a-z and 0-9"
    is_string = isinstance(value, str) and not _BARRED.search(value)
    is_integer = isinstance(value, int) and value in _INTEGERS  # booleans are
    return None if value is None or is_string or is_integer else f"extension {name} has no type of an attribute"


def _binary_fault(event: Mapping[str, Any]) -> str | None:
    if event.get(_BINARY) is None:
        return None
    if event.get(_DATA) is not None:
        return "both data and data_base64"
    try:
        base64.b64decode(event[_BINARY], validate=True)
    except (TypeError, ValueError, binascii.Error):
        return "data_base64 is no base64"
    return None


@lru_cache(maxsize=1_024)
def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def _is_text(value: str) -> bool:
    return not _BARRED.search(value)


@lru_cache(maxsize=1_024)
def _is_reference(value: str) -> bool:
    return _URI_REFERENCE.fullmatch(value) is not None and _is_text(value)


@lru_cache(maxsize=1_024)
def _is_uri(value: str) -> bool:
    return _URI.fullmatch(value) is not None and _is_text(value)


@lru_cache(maxsize=1_024)
def _is_media_type(value: str) -> bool:
    return _MEDIA_TYPE.fullmatch(value) is not None and _is_text(value)


def _is_moment(value: str) -> bool:
    """A timestamp of RFC 3339, leap second and all."""
    found = _MOMENT.fullmatch(value)
    if found is None:
        return False
    day, clock, second, _, offset = found.groups()
    try:
        datetime.fromisoformat(f"{day}T{clock}{'59' if second == '60' else second}{offset.upper()}")
    except ValueError:
        return False
    return True


_REQUIRED = frozenset({"id", "source", "specversion", "type"})
_CHECKS: dict[str, Callable[[str], bool]] = {
    "id": _is_text,
    "source": _is_reference,
    "specversion": _is_text,
    "type": _is_text,
    "datacontenttype": _is_media_type,
    "dataschema": _is_uri,
    "subject": _is_text,
    "time": _is_moment,
}


def _as_text(value: Any) -> bytes:
    """The canonical text of an attribute."""
    return orjson.dumps(value if isinstance(value, str) else str(value).lower())


def _as_integer(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) and _WHOLE.fullmatch(value) else orjson.dumps(value)


def _as_boolean(value: Any) -> bytes:
    return value.encode() if value in ("true", "false") else orjson.dumps(value)


def _as_moment(value: Any) -> bytes:
    return orjson.dumps(value.upper() if isinstance(value, str) else value)


_WRITERS: dict[TypeKind, Callable[[Any], bytes]] = {
    TypeKind.STRING: _as_text,
    TypeKind.INTEGER: _as_integer,
    TypeKind.BOOLEAN: _as_boolean,
    TypeKind.TIMESTAMP: _as_moment,
}
