"""Structured CloudEvents 1.0, one a line, as flat records: the fields of `data`, and the attributes as ce_*.

Source: CloudEvents specification 1.0.2, "Context Attributes" and "Type System"; its JSON event format, parts 2 and 3.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from data_platform.contracts.envelope_columns import PREFIXES, envelope_columns
from data_platform.contracts.model import Contract, Envelope, FileFormat
from data_platform.contracts.types import TypeKind
from data_platform.formats.cloudevents_rules import BINARY, DATA, event_fault
from data_platform.formats.envelope_lines import EnvelopeOpener, with_members
from data_platform.formats.json_exact import Refused, json_text
from data_platform.formats.rejected import Reason

_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")  # between values only: strings have them escaped
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,9}")


class CloudEventsEnvelope:
    """Unwraps the events of one contract."""

    def __init__(self, contract: Contract, file_format: FileFormat) -> None:
        self._opener = EnvelopeOpener(file_format, (DATA,), has_wrapper=False)
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
        opened = self._opener.open(line, DATA, is_torn=is_torn)
        if opened.fields is None:
            raise Refused(Reason.ENVELOPE, "null is no event")
        fault = event_fault(opened.fields)
        if fault:
            raise Refused(Reason.ENVELOPE, fault)
        record = opened.record if opened.record is not None else self._other_data(opened.fields)
        values = [opened.fields.get(name) for _, name, _ in self._own]
        own = [
            key + (b"null" if value is None else write(value))
            for (key, _, write), value in zip(self._own, values, strict=True)
        ]
        return with_members(record, own)

    def _other_data(self, event: Mapping[str, Any]) -> bytes:
        if event.get(DATA) is not None:
            raise Refused(Reason.ENVELOPE, "the data is no object")
        if event.get(BINARY) is None:
            return b"{}"
        data = base64.b64decode(event[BINARY]).translate(_ONE_LINE).strip()
        try:
            self._opener.exact.record(data)
        except Refused as refused:
            raise Refused(Reason.ENVELOPE, "data_base64 holds no JSON object") from refused
        return data


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
