"""One JSON text at a time, exactly: numbers as they were written and never through a double, keys checked for repeats.

What a contract makes of the values is in `json_records`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from data_platform.contracts.model import FileFormat
from data_platform.formats.lexical import Fault
from data_platform.formats.rejected import Reason

_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SPACE = re.compile(r"[ \t\r\n]*")
_DEPTH_LIMIT = 500  # the standard parser recurses

JsonValue: TypeAlias = "bool | str | list[Any] | dict[str, Any] | None"


class Number(str):
    """A number as it was written."""

    __slots__ = ()


class Refused(Exception):
    """Carries a fault out of nested parsing."""

    def __init__(self, reason: Reason, detail: str, column: str | None = None) -> None:
        self.fault = Fault(reason, detail)
        self.column = column
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an object: its value stands in the text from `start` to `end`, its name from `name_start` on."""

    name: str
    name_start: int
    start: int
    end: int


class ExactDecoder:
    """Decodes lines within the limits of a format."""

    def __init__(self, file_format: FileFormat) -> None:
        self._format = file_format
        self.depth_limit = min(file_format.max_depth, _DEPTH_LIMIT)
        self._decoder = json.JSONDecoder(
            object_pairs_hook=_object, parse_float=Number, parse_int=Number, parse_constant=_refuse_constant
        )

    def record(self, line: bytes, *, is_torn: bool = False) -> dict[str, JsonValue]:
        """The object that is the line; `is_torn` says that the file ends in it without a line end.

        Raises:
            Refused: it is no object, or `value` refuses it.
        """
        document = self.value(line, is_torn=is_torn)
        if not isinstance(document, dict):
            raise Refused(Reason.SYNTAX, "not an object")
        return document

    def value(self, line: bytes, *, is_torn: bool = False) -> JsonValue:
        """The value that is the line.

        Raises:
            Refused: ROW_TOO_LARGE, ENCODING, TOO_DEEP, SYNTAX, TRUNCATED, DUPLICATE_COLUMN or CONTROL_CHAR.
        """
        text = self._text(line, is_torn=is_torn)
        try:
            value: JsonValue = self._decoder.decode(text)
        except json.JSONDecodeError as error:
            reason = Reason.TRUNCATED if is_torn else Reason.SYNTAX
            raise Refused(reason, f"{error.msg} at character {error.pos}") from error
        if "\\" in text:
            _check_strings(value)
        return value

    def members(self, text: str, start: int = 0) -> Iterator[Member]:
        """The members of the object at `start` of a text that `value` has decoded."""
        place = _behind_space(text, start + 1)
        while text[place] != "}":
            name_start = place
            name, place = self._decoder.raw_decode(text, place)
            place = _behind_space(text, _behind_space(text, place) + 1)
            _, end = self._decoder.raw_decode(text, place)
            yield Member(name, name_start, place, end)
            place = _behind_space(text, end)
            if text[place] == ",":
                place = _behind_space(text, place + 1)

    def _text(self, line: bytes, *, is_torn: bool) -> str:
        if len(line) > self._format.max_record_bytes:
            raise Refused(Reason.ROW_TOO_LARGE, f"more than {self._format.max_record_bytes} bytes")
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            is_cut = is_torn and error.reason == "unexpected end of data"
            raise Refused(
                Reason.TRUNCATED if is_cut else Reason.ENCODING, f"not UTF-8 at byte {error.start}"
            ) from error
        if self._is_too_deep(text):
            raise Refused(Reason.TOO_DEEP, f"nested deeper than {self.depth_limit}")
        return text

    def _is_too_deep(self, text: str) -> bool:
        if text.count("[") + text.count("{") <= self.depth_limit:
            return False
        depth = 0
        for token in _STRUCTURE.finditer(text):
            mark = token.group()
            depth += (mark in "[{") - (mark in "]}")
            if depth > self.depth_limit:
                return True
        return False


def _behind_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise Refused(Reason.DUPLICATE_COLUMN, "a key stands twice in one object")
    return document


def _refuse_constant(_name: str) -> NoReturn:
    raise Refused(Reason.SYNTAX, "NaN or Infinity is no JSON")


def _check_strings(value: JsonValue) -> None:
    """Refuses what only escapes can bring into a string: lone surrogates and control characters."""
    pending: list[JsonValue] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            pending += item
        elif isinstance(item, str) and _SURROGATE.search(item):
            raise Refused(Reason.ENCODING, "a lone surrogate escape")
        elif isinstance(item, str) and _CONTROL.search(item):
            raise Refused(Reason.CONTROL_CHAR, "an escaped control character")


def json_text(value: JsonValue) -> str:
    """`value` as JSON, numbers as they were written."""
    match value:
        case dict():
            return "{" + ", ".join(f"{json_text(name)}: {json_text(item)}" for name, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(json_text(item) for item in value) + "]"
        case Number():
            return str(value)
        case _:
            return json.dumps(value, ensure_ascii=False)
