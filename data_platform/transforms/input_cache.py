"""The inputs of queries kept beside the digest of their text, so that loading a large project parses only what changed.
One JSON file; it may be deleted at any time and is never trusted to be whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from data_platform.contracts.model import DatasetName

FORMAT = 1  # raise it whenever `query` finds other inputs in the same text


@dataclass(slots=True)
class InputCache:
    """The inputs of every query text that was read once."""

    file: Path
    _known: dict[str, list[str]] | None = field(default=None, init=False)
    _asked: dict[str, list[str]] = field(default_factory=dict, init=False)

    def get(self, text: str) -> tuple[DatasetName, ...] | None:
        """The inputs of a query; None where they are not known."""
        digest = _digest(text)
        if self._known is None:
            self._known = _load(self.file)
        try:
            inputs = tuple(DatasetName.parse(name) for name in self._known[digest])
        except (LookupError, ValueError, TypeError, AttributeError):
            return None
        self._asked[digest] = self._known[digest]
        return inputs

    def put(self, text: str, inputs: tuple[DatasetName, ...]) -> None:
        """Remembers the inputs of a query."""
        self._asked[_digest(text)] = [str(name) for name in inputs]

    def save(self) -> None:
        """Writes what was asked for, in one step, if it differs from what the file holds."""
        if self._asked == (self._known or {}):
            return
        aside = self.file.with_name(f"{self.file.name}.{os.getpid()}")
        with contextlib.suppress(OSError):  # a cache that cannot be written costs time, nothing else
            self.file.parent.mkdir(parents=True, exist_ok=True)
            aside.write_text(json.dumps(self._asked), encoding="utf-8")
            aside.replace(self.file)


def _load(file: Path) -> dict[str, list[str]]:
    try:
        return dict(json.loads(file.read_bytes()))
    except (OSError, ValueError, TypeError):
        return {}


def _digest(text: str) -> str:
    return hashlib.sha256(f"{FORMAT}\n{text}".encode()).hexdigest()
