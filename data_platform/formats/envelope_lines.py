"""Opens the envelope of one line: its fields, and the record inside as the very bytes that stand in the line.

A line is read exactly once; the shape found then (where the record stands among its neighbours) guides the lines behind
it. What the guess gives is proven: both parts must be sound JSON, with no key twice. A line that fails is read exactly.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from data_platform.contracts.model import FileFormat
from data_platform.formats.json_exact import ExactDecoder, Refused
from data_platform.formats.rejected import Reason

_BENDING = re.compile(rb"\\[ubf]")  # escapes that only the exact reading judges
_PLACEHOLDER = -60_413  # stands where the record stood, to prove that it stood at the top
_LONG_DIGITS = 20  # an integer of more digits is no number that envelopes hold


class Opened(NamedTuple):
    """One line's envelope.

    Attributes:
        fields: all fields of the envelope, the record's too; None where the line is `null`.
        record: the record's bytes, an object; None where the field is absent or no object.
        schema: what stands beside the envelope as its schema; the same object for lines of the same schema.
    """

    fields: dict[str, Any] | None
    record: bytes | None
    schema: Any = None


@dataclass(frozen=True, slots=True)
class _Shape:
    """How lines look: bytes before and behind the envelope, and for each field those that stand around its value."""

    lead: bytes
    trail: bytes
    cuts: dict[str, tuple[bytes, bytes]]
    schema: Any


class EnvelopeOpener:
    """Opens lines of one format. `fields` are those that may hold the record."""

    def __init__(self, file_format: FileFormat, fields: tuple[str, ...], *, has_wrapper: bool) -> None:
        self.exact = ExactDecoder(file_format)
        self._limit_bytes = file_format.max_record_bytes
        self._fields = fields
        self._has_wrapper = has_wrapper
        self._shape = _Shape(b"", b"", {}, None)

    def open(self, line: bytes, field: str, *, is_torn: bool) -> Opened:
        """The envelope, with the record that `field` holds.

        Raises:
            Refused: the line is not sound JSON, or neither an object nor null.
        """
        return self._by_shape(line, field, self._shape) or self._exactly(line, field, is_torn=is_torn)

    def _by_shape(self, line: bytes, field: str, shape: _Shape) -> Opened | None:
        cut = shape.cuts.get(field)
        if cut is None or not line.startswith(shape.lead) or not line.endswith(shape.trail):
            return None
        if len(line) > self._limit_bytes or line.count(b"{") + line.count(b"[") > self.exact.depth_limit:
            return None
        inner = line[len(shape.lead) : len(line) - len(shape.trail)]
        begin = inner.find(cut[0]) + len(cut[0])
        end = inner.rfind(cut[1], begin)
        if begin < len(cut[0]) or end < 0:
            return None
        record, rest = inner[begin:end], b"".join((inner[:begin], b"%d" % _PLACEHOLDER, inner[end:]))
        try:
            fields, value = orjson.loads(rest), orjson.loads(record)
        except orjson.JSONDecodeError:
            return None
        if type(fields) is not dict or fields.get(field) != _PLACEHOLDER or type(value) is not dict:
            return None
        if _BENDING.search(rest) or _keys(fields) != rest.count(b'":') - rest.count(b'\\":'):
            return None
        fields[field] = value
        return Opened(fields, record, shape.schema)

    def _exactly(self, line: bytes, field: str, *, is_torn: bool) -> Opened:
        document = self.exact.value(line, is_torn=is_torn)
        if document is None:
            return Opened(None, None)
        if not isinstance(document, dict):
            raise Refused(Reason.ENVELOPE, "neither an object nor null")
        text = line.decode()
        plain = json.loads(text, parse_int=_integer)
        start, end, schema = text.index("{"), text.rindex("}") + 1, None
        if self._has_wrapper and "payload" in plain and plain.keys() <= {"schema", "payload"}:
            place = next(member for member in self.exact.members(text, start) if member.name == "payload")
            start, end, schema, plain = place.start, place.end, self._same(plain.get("schema")), plain["payload"]
            if plain is None:
                return Opened(None, None, schema)
            if not isinstance(plain, dict):
                raise Refused(Reason.ENVELOPE, "the payload is neither an object nor null")
        return self._note(text, (start, end), Opened(plain, None, schema), field)

    def _note(self, text: str, span: tuple[int, int], opened: Opened, field: str) -> Opened:
        """Finds the record, and keeps the shape for the lines to come."""
        start, end = span
        members = list(self.exact.members(text, start))
        nexts = [*(member.start for member in members[1:]), end]
        cuts, record = {}, None
        for member, behind in zip(members, nexts, strict=False):
            if member.name in self._fields:
                behind_value = text[member.end : behind].encode()
                cuts[member.name] = (text[member.name_start : member.start].encode(), behind_value)
            if member.name == field and text[member.start] == "{":
                record = text[member.start : member.end].encode()
        if cuts:
            self._shape = _Shape(text[:start].encode(), text[end:].encode(), cuts, opened.schema)
        return Opened(opened.fields, record, opened.schema)

    def _same(self, schema: Any) -> Any:
        """The schema at hand if it equals this one."""
        return self._shape.schema if schema == self._shape.schema else schema


def with_members(record: bytes, members: list[bytes]) -> bytes:
    """The object `record` with more members behind its own."""
    if not members:
        return record
    begun = record.rstrip()[:-1].rstrip()
    return b"%b%b%b}" % (begun, b"" if begun.endswith(b"{") else b",", b",".join(members))


def _keys(value: dict[str, Any]) -> int:
    """Keys in `value` and in the objects right inside it."""
    return len(value) + sum(len(item) for item in value.values() if type(item) is dict)


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= _LONG_DIGITS else float(text)
