"""Which records near the last cursor were delivered already. It only saves work: when it is lost, they come again.

A position names the digest of the set that belongs to it, so a set that does not belong to a position is never used:
not after a replay, not after a batch that came to nothing, not with another store.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from data_platform.connectors.pull.cursors import Cursor, CursorRule

Seen = Mapping[bytes, Cursor | None]  # digest of a record → its cursor; None where it has none

_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRecords:
    """The sets of one source, each in a file of its own."""

    folder: Path
    rule: CursorRule

    def of(self, name: object) -> dict[bytes, Cursor | None]:
        """The set of that name; empty where it is lost or damaged."""
        try:
            lines = (self.folder / f"{name}.ndjson").read_text(encoding="utf-8").splitlines() if name else []
            found = {bytes.fromhex(digest): self._cursor(text) for digest, text in map(json.loads, lines)}
        except (OSError, ValueError, TypeError):
            return {}
        return found if name_of(found) == name else {}

    def keep(self, seen: Seen) -> str:
        """Writes a set and gives its name. It counts for nothing before a position names it."""
        name = name_of(seen)
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f"{name}.{os.getpid()}.part"
        try:
            with part.open("w", encoding="utf-8") as file:
                for digest, cursor in seen.items():
                    file.write(json.dumps([digest.hex(), cursor and cursor.text]) + "\n")
        except OSError:
            part.unlink(missing_ok=True)  # the disk may be full, and this would not make room
            raise
        part.replace(self.folder / f"{name}.ndjson")
        return name

    def drop_others(self, name: object) -> None:
        """Removes every set but one."""
        for path in self.folder.glob("*"):
            if path.name != f"{name}.ndjson":
                path.unlink(missing_ok=True)

    def _cursor(self, text: str | None) -> Cursor | None:
        return None if text is None else self.rule.read(text)


def digest_of(line: bytes) -> bytes:
    """What a record is told by."""
    return hashlib.sha256(line).digest()[:_DIGEST_BYTES]


def name_of(seen: Seen) -> str:
    """The digest of a set, whatever its order."""
    digest = hashlib.sha256()
    for one in sorted(seen):
        digest.update(one)
    return digest.hexdigest()[:_DIGEST_BYTES]
