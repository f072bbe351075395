"""Parsed YAML kept beside its digest, so that a project of many contracts loads fast. Meaning is never cached:
contracts are checked and built on every load. The cache is JSON, may be deleted at any time, and is never trusted to
be whole.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from data_platform.contracts.yaml_lines import Document, Number, Path, parse_yaml

FORMAT = 1  # raise it whenever `yaml_lines` reads the same bytes differently


@dataclass(frozen=True, slots=True)
class ParseCache:
    """A folder with one file for each distinct YAML text that parsed without a problem."""

    folder: FilePath

    def parse(self, content: bytes, sha256: str) -> Document:
        """The document of `content`, from the cache if it is there."""
        place = self.folder / f"{sha256}.{FORMAT}.json"
        found = _load(place)
        if found is not None:
            return found
        document = parse_yaml(content)
        if not document.problems:
            _store(place, document)
        return document


def parse(content: bytes, sha256: str, *, cache: ParseCache | None) -> Document:
    """The document of `content`, through `cache` where there is one."""
    return parse_yaml(content) if cache is None else cache.parse(content, sha256)


def _load(place: FilePath) -> Document | None:
    try:
        data, lines, numbers = json.loads(place.read_bytes())
        for path, text in numbers:
            container = data
            for step in path[:-1]:
                container = container[step]
            container[path[-1]] = Number.of(text)
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return None
    return Document(data, lines)


def _store(place: FilePath, document: Document) -> None:
    numbers: list[tuple[Path, str]] = []
    _collect(document.data, (), numbers)
    text = json.dumps([document.data, document.lines, numbers], separators=(",", ":"))
    aside = place.with_name(f"{place.name}.{os.getpid()}")
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, nothing else
        place.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(text, encoding="utf-8")
        aside.replace(place)


def _collect(value: Any, path: Path, numbers: list[tuple[Path, str]]) -> None:
    if isinstance(value, Number):
        numbers.append((path, value.text))
    elif isinstance(value, dict):
        for key, inner in value.items():
            _collect(inner, (*path, key), numbers)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _collect(inner, (*path, index), numbers)
