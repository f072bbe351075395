"""YAML text to plain values and the line of each. What the values mean is decided by the readers (`odcs`, `domains`).

Plain scalars follow YAML 1.2's core schema (`no`, `12:30` and dates stay text). Tags, aliases, several documents and
repeated keys are faults: each hides from the reader of a file what the platform would read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

Path: TypeAlias = tuple[str | int, ...]
Problem: TypeAlias = tuple[int, str, str]  # line, message, fix

MAX_DEPTH = 64
MAX_BYTES = 4 << 20
_INTEGER = re.compile(r"[-+]?[0-9]{1,40}")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]{1,40}|[0-9]{1,40}(?:\.[0-9]{0,40})?)(?:[eE][-+]?[0-9]{1,2})?")
_PLAIN: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Number(float):
    """A number with a fraction or an exponent, together with the text that was written."""

    __slots__ = ("text",)
    text: str

    @classmethod
    def of(cls, text: str) -> Number:
        """The number that `text` writes."""
        number = cls(text)
        number.text = text
        return number


@dataclass(slots=True)
class Document:
    """One YAML file.

    Attributes:
        data: dicts, lists, str, int, bool, None and `Number`.
        lines: a mirror of `data`: the line of a scalar; [line, {key: mirror}] or [line, [mirror]] of a container.
        problems: why the text could not be read, or must not be; `data` is None if there was no way on.
    """

    data: Any = None
    lines: Any = 1
    problems: list[Problem] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of the value at `path`, or of the nearest container around it."""
        mirror = self.lines
        line = 1
        for step in path:
            line = mirror[0] if isinstance(mirror, list) else mirror
            try:
                mirror = mirror[1][step]
            except (KeyError, IndexError, TypeError):
                return int(line)
        return int(mirror[0] if isinstance(mirror, list) else mirror)

    def remove(self, path: Path) -> None:
        """Takes the value at `path` out, so that what is left can be read on."""
        data, mirror = self.data, self.lines
        for step in path[:-1]:
            data, mirror = data[step], mirror[1][step]
        del data[path[-1]], mirror[1][path[-1]]


def parse_yaml(content: bytes) -> Document:
    """Reads bytes; everything wrong with them is in the document's problems."""
    document = Document()
    if len(content) > MAX_BYTES:
        document.problems.append(
            (0, f"the file holds more than {MAX_BYTES} bytes", "split it or remove what is not YAML")
        )
        return document
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        document.problems.append((line, f"byte {error.start} is not UTF-8", "save the file as UTF-8"))
        return document
    builder = _Builder(document)
    try:
        for event in yaml.parse(text, Loader=_PARSER):
            builder.take(event)
    except _UnreadableError:
        document.data, document.lines = None, 1
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be parsed"
        line = mark.line + 1 if mark else text.count("\n", 0, getattr(error, "position", 0)) + 1
        document.problems.append((line, f"this is not YAML: {what}", "mend the syntax at or before this line"))
        document.data, document.lines = None, 1
    return document


class _UnreadableError(Exception):
    """There is no way on in this document."""


@dataclass(slots=True)
class _Open:
    """A container that is still being filled."""

    data: Any
    mirror: list[Any]
    key: str | None = None
    awaits_value: bool = False
    is_repeated: bool = False


class _Builder:
    """Builds a document from parser events without recursion."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._stack: list[_Open] = []
        self._documents = 0

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent):
            self._open(event, {}, {})
        elif isinstance(event, yaml.SequenceStartEvent):
            self._open(event, [], [])
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._stack.pop()
        elif isinstance(event, yaml.AliasEvent):
            self._refuse(event, f"alias *{event.anchor} is not read", "write the value out where it is used")
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._refuse(event, "a second YAML document begins here", "keep one document in one file")

    def _refuse(self, event: Any, message: str, fix: str) -> None:
        self._document.problems.append((event.start_mark.line + 1, message, fix))
        raise _UnreadableError

    def _open(self, event: Any, data: Any, mirror: Any) -> None:
        if len(self._stack) >= MAX_DEPTH:
            self._refuse(event, f"values nest deeper than {MAX_DEPTH} levels", "flatten the structure")
        self._check_tag(event)
        line = event.start_mark.line + 1
        if self._stack and isinstance(self._stack[-1].data, dict) and not self._stack[-1].awaits_value:
            self._refuse(event, "a key must be text, not a list or mapping", "write a plain key")
        container = [line, mirror]
        self._place(data, container)
        self._stack.append(_Open(data, container))

    def _scalar(self, event: Any) -> None:
        self._check_tag(event)
        line = event.start_mark.line + 1
        parent = self._stack[-1] if self._stack else None
        if parent is None or isinstance(parent.data, list) or parent.awaits_value:
            self._place(_value(event) if event.implicit[0] else event.value, line)
            return
        parent.key, parent.awaits_value = event.value, True
        parent.is_repeated = event.value in parent.data
        if parent.is_repeated:
            first = parent.mirror[1][event.value]
            first_line = first[0] if isinstance(first, list) else first
            message = f"key {event.value!r} stands twice in one mapping, first on line {first_line}"
            self._document.problems.append((line, message, "keep one of the two"))
        else:
            parent.mirror[1][event.value] = line

    def _place(self, value: Any, mirror: Any) -> None:
        if not self._stack:
            self._document.data, self._document.lines = value, mirror
            return
        parent = self._stack[-1]
        if isinstance(parent.data, list):
            parent.data.append(value)
            parent.mirror[1].append(mirror)
            return
        parent.awaits_value = False
        if parent.is_repeated:
            return
        key_line = parent.mirror[1][parent.key]
        if isinstance(mirror, list):
            mirror[0] = key_line
        parent.mirror[1][parent.key] = mirror if isinstance(mirror, list) else key_line
        parent.data[parent.key] = value

    def _check_tag(self, event: Any) -> None:
        if event.tag not in (None, "!"):
            self._refuse(event, f"tag {event.tag} is not read", "write the value without a tag")


def _value(event: Any) -> Any:
    text = event.value
    if text in _PLAIN:
        return _PLAIN[text]
    if text[0] in "0123456789+-.":
        if _INTEGER.fullmatch(text):
            return int(text)
        if _NUMBER.fullmatch(text):
            return Number.of(text)
    return text
