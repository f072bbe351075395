"""CloudEvents 1.0.2 as they arrive over HTTP: judged by the specification, kept as lines of structured-mode JSON.

What was sent as JSON stays byte for byte, but for line ends between its parts; what was sent in binary mode becomes an
event in the JSON format, with JSON data as it was sent. Reasons never repeat a value.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from data_platform.errors import ContractViolation
from data_platform.formats.cloudevents_rules import BINARY, DATA, event_fault, shown
from data_platform.formats.cloudevents_types import is_json, media_type
from data_platform.serving.json_text import Written, objects, on_one_line

_PREFIX = b"ce-"
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(rb"\\(.)")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})?")
_PRINTABLE = re.compile(rb"[\x20-\x7e\t]*")
_TEXT_CHARSETS = ("", "utf-8", "us-ascii")


class InvalidEvents(ContractViolation):
    """What was sent is not valid, and nothing of it was taken.

    Attributes:
        index: which event of a batch or which line, counted from 0; None where it is about the whole.
    """

    def __init__(self, reason: str, *, index: int | None = None) -> None:
        super().__init__(reason)
        self.index = index


class Lines(NamedTuple):
    """Events as they are stored: a line each, line ends included."""

    block: bytes
    rows: int


def structured(body: bytes) -> Lines:
    """One event in the JSON format.

    Raises:
        InvalidEvents: it is no valid event.
    """
    event = _parsed(body)
    _require_valid(event, None)
    [written] = objects(on_one_line(body), depth=1)
    _require_unrepeated(event, written, None)
    return Lines(written.text + b"\n", 1)


def batch(body: bytes) -> Lines:
    """Events in the JSON batch format; all of them or none.

    Raises:
        InvalidEvents: the batch or one of its events is not valid.
    """
    events = _parsed(body)
    if not isinstance(events, list):
        raise InvalidEvents("a batch is a JSON array")
    for index, event in enumerate(events):
        _require_valid(event, index)
    found = objects(on_one_line(body), depth=2)
    for index, (event, written) in enumerate(zip(events, found, strict=True)):
        _require_unrepeated(event, written, index)
    return Lines(b"\n".join([*(written.text for written in found), b""]), len(events))


def binary(headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Lines:
    """One event whose attributes stand in HTTP headers (names in small letters) and whose data is the body.

    Raises:
        InvalidEvents: it is no valid event.
    """
    attributes: dict[str, str] = {}
    for name, value in headers:
        if name == b"content-type":
            attribute = "datacontenttype"
            attributes[attribute] = _ascii(value, attribute).decode()
        elif name.startswith(_PREFIX):
            attribute = name[len(_PREFIX) :].decode("latin-1")
            if attribute == "datacontenttype":
                raise InvalidEvents("datacontenttype stands in Content-Type, never in ce-datacontenttype")
            if attribute in (DATA, BINARY):
                raise InvalidEvents(f"{attribute} is no attribute; the data is the body")
            if attribute in attributes:
                raise InvalidEvents(f"{shown(attribute)} stands in two headers")
            attributes[attribute] = _unescaped(value, attribute)
    if fault := event_fault(attributes):
        raise InvalidEvents(fault)
    head = orjson.dumps(attributes)
    data = _data_member(attributes.get("datacontenttype", ""), body) if body else b""
    return Lines(head[:-1] + data + b"}\n", 1)


def records(body: bytes) -> Lines:
    """Plain NDJSON: any lines of UTF-8. Whether a line is JSON, and of the contract's types, is judged when it is read:
    a bad one is then kept with its reason and its neighbours stand, as in every other delivery.

    Raises:
        InvalidEvents: it is not UTF-8, or begins with a byte order mark, which would end up in the middle of a file.
    """
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidEvents("a line is not UTF-8", index=body.count(b"\n", 0, error.start)) from error
    if body.startswith(b"\xef\xbb\xbf"):
        raise InvalidEvents("the text begins with a byte order mark")
    rows = sum(1 for line in body.split(b"\n") if line and not line.isspace())
    return Lines(body if body.endswith(b"\n") else body + b"\n", rows)


def _require_valid(event: object, index: int | None) -> None:
    if not isinstance(event, dict):
        raise InvalidEvents("an event is a JSON object", index=index)
    if fault := event_fault(event):
        raise InvalidEvents(fault, index=index)


def _require_unrepeated(event: Mapping[str, Any], written: Written, index: int | None) -> None:
    # A parser takes one of two members of the same name, the next parser the other one.
    if written.members != len(event):
        raise InvalidEvents("a member is given twice", index=index)


def _parsed(body: bytes, what: str = "the body is not JSON in UTF-8") -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        try:  # the fast parser refuses some valid JSON: numbers beyond a double, unpaired surrogates in data
            return json.loads(body.decode("utf-8"), parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise InvalidEvents(f"{what}: {error.msg} at character {error.pos}") from error


def _no_constant(_: str) -> None:
    raise ValueError


def _data_member(content_type: str, body: bytes) -> bytes:
    """The body as a member: JSON as it was sent, text as a string, all else as Base64."""
    essence, charset = media_type(content_type)
    if charset in _TEXT_CHARSETS and is_json(essence):
        _parsed(body, "the data is not JSON in UTF-8, as Content-Type says")
        return b',"data":' + on_one_line(body).strip()
    if charset in _TEXT_CHARSETS and essence.startswith("text/"):
        try:
            return b',"data":' + orjson.dumps(body.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise InvalidEvents("the data is not UTF-8, which Content-Type says or leaves to be assumed") from error
    return b',"data_base64":"' + base64.b64encode(body) + b'"'


def _ascii(value: bytes, attribute: str) -> bytes:
    if _PRINTABLE.fullmatch(value) is None:
        raise InvalidEvents(f"the header of {shown(attribute)} holds bytes that are not printable ASCII")
    return value.strip()


def _unescaped(value: bytes, attribute: str) -> str:
    """A header's value: double-quoted strings first, then one round of percent-decoding (HTTP binding, 3.1.3.2)."""
    value = _ascii(value, attribute)
    if b'"' in value:
        if b'"' in _QUOTED.sub(b"", value):
            raise InvalidEvents(f"the header of {shown(attribute)} has a quote that is not closed")
        value = _QUOTED.sub(lambda quoted: _ESCAPED.sub(rb"\1", quoted[1]), value)
    if b"%" in value:
        if any(not match[1] for match in _PERCENT.finditer(value)):
            raise InvalidEvents(f"the header of {shown(attribute)} has a % without two hexadecimal digits")
        value = _PERCENT.sub(lambda match: bytes.fromhex(match[1].decode()), value)
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidEvents(f"the header of {shown(attribute)} does not decode to UTF-8") from error
