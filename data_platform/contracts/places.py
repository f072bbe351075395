"""A place in a file being read: its value, its line, and where its faults go. What is a fault, the readers decide."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path as FilePath
from typing import Any

from data_platform.contracts.yaml_lines import Document, Number, Path
from data_platform.errors import Fault


@dataclass(slots=True)
class FileFaults:
    """The faults of one file as they are found. A place that has a fault of its own gets no second one for missing."""

    path: str
    document: Document
    faults: list[Fault] = field(default_factory=list)
    faulty: set[Path] = field(default_factory=set)

    def add(self, path: Path, message: str, fix: str) -> None:
        """Notes a fault of the value at `path`."""
        self.faulty.add(path)
        self.at_line(self.document.line(path), message, fix)

    def at_line(self, line: int, message: str, fix: str) -> None:
        """Notes a fault at a line."""
        fault = Fault(self.path, line, message, fix)
        if fault not in self.faults:
            self.faults.append(fault)


@dataclass(frozen=True, slots=True)
class Place:
    """A value within a document. Absent values and nulls are None alike."""

    value: Any
    path: Path
    file: FileFaults

    @property
    def line(self) -> int:
        """1-based line of the value."""
        return self.file.document.line(self.path)

    def has(self, key: str) -> bool:
        """Whether a value that is not null stands under `key`."""
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def get(self, key: str) -> Any:
        """The plain value under `key`, or None."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    def into(self, key: str | int) -> Place:
        """The place under `key`."""
        if isinstance(self.value, dict):
            value = self.value.get(key)
        else:
            value = self.value[key] if isinstance(self.value, list) and isinstance(key, int) else None
        return Place(value, (*self.path, key), self.file)

    def items(self, key: str) -> Iterator[Place]:
        """The places of the list under `key`; none if there is no list."""
        inner = self.into(key)
        if isinstance(inner.value, list):
            for index in range(len(inner.value)):
                yield inner.into(index)

    def text(self, key: str) -> str:
        """The text under `key`, or an empty text."""
        value = self.get(key)
        return value if isinstance(value, str) else ""

    def fault(self, message: str, fix: str) -> None:
        """Notes a fault here."""
        self.file.add(self.path, message, fix)

    def missing(self, key: str, message: str, fix: str) -> None:
        """Notes that `key` is missing, unless something is wrong with it already."""
        path = (*self.path, key)
        if path not in self.file.faulty:
            self.file.add(path, message, fix)

    def refuse_unknown(self, known: Iterable[str], what: str) -> None:
        """Faults every key of this mapping that is not in `known`."""
        names = tuple(known)
        for key in self.value if isinstance(self.value, dict) else ():
            if key not in names:
                self.into(key).fault(f"{what} has no key {key!r}", nearest(key, names))


def one(noun: object) -> str:
    """The noun with its article: `a string`, `an integer`."""
    text = str(noun)
    return f"{'an' if text[:1] in 'aeiou' else 'a'} {text}"


def nearest(word: str, known: Iterable[str]) -> str:
    """The fix for an unknown word: the nearest known one, or all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    close = close or [name for name in names if name.lower() == word.lower()]
    if close:
        return f"write {close[0]!r}"
    return f"use one of: {', '.join(names)}" if names else "remove it"


def exact(value: Any) -> Decimal | None:
    """A number exactly as it was written; None if the value is no number."""
    if isinstance(value, Number):
        return Decimal(value.text)
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else None


def content_of(path: FilePath) -> bytes:
    """The bytes of a file of the project.

    Raises:
        OSError: it cannot be read, or is a pipe or a device, of which nobody knows where it ends.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no regular file")
    return path.read_bytes()


def shown_path(path: FilePath) -> str:
    """The path as faults show it: relative to the working directory where it lies inside, and as text whatever bytes a
    name holds.
    """
    try:
        shown = str(path.resolve().relative_to(FilePath.cwd()))
    except (OSError, ValueError, RuntimeError):  # RuntimeError: links in a circle
        shown = str(path)
    return shown.encode("utf-8", "backslashreplace").decode()
