"""The `_delta_log` folder itself: log entries as bytes, their digests, and what they say. delta-rs reads an empty
newest entry as an empty commit, so heads are judged here before it opens them (Delta PROTOCOL.md, delta log entries).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from data_platform.lakehouse.object_store import ObjectStore

FOLDER = "_delta_log"
ACTION_COUNT = "data_platform.actions"  # in commitInfo: tells an entry that was cut between two lines

_ENTRY = re.compile(rf"{FOLDER}/(\d{{20}})\.json")
_ACTIONS = {"add", "remove", "txn", "metaData", "protocol", "commitInfo", "cdc", "domainMetadata"}
_GENERATED = {"operation", "engineInfo", "clientVersion", ACTION_COUNT}


@dataclass(frozen=True, slots=True)
class AddedFile:
    """A file as a log entry adds it. `rows` is None where the entry holds no statistics."""

    path: str
    size_bytes: int
    rows: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCommit:
    """A commit as its log entry tells it, for recovery and history.

    Attributes:
        is_ours: whether the platform made it: its writers note how many actions a commit has, others do not.
        engine: what wrote it, as it says itself.
    """

    version: int
    digest: str
    timestamp: datetime
    operation: str
    changes_data: bool
    added: tuple[AddedFile, ...]
    removed: tuple[str, ...]
    transactions: Mapping[str, int]
    metadata: Mapping[str, str]
    is_ours: bool = True
    engine: str = ""

    @property
    def rows_added(self) -> int:
        """Rows in the added files."""
        return sum(file.rows or 0 for file in self.added)

    def says(
        self, added: Set[str], removed: Set[str], transactions: Mapping[str, int], metadata: Mapping[str, str]
    ) -> bool:
        """Whether the commit does exactly this: paths added and removed, transactions, and at least this metadata."""
        return (
            {file.path for file in self.added} == added
            and set(self.removed) == removed
            and self.transactions == dict(transactions)
            and metadata.items() <= self.metadata.items()
        )


class DeltaLog:
    """The log of one table; `store` is rooted at the table's folder."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def versions(self) -> list[int]:
        """Versions that have a JSON entry, rising."""
        found = (_ENTRY.fullmatch(key) for key in self._store.list(FOLDER))
        return [int(match[1]) for match in found if match]

    def head(self) -> int:
        """The newest version, damaged or not; -1 when there is none."""
        versions = self.versions()
        return versions[-1] if versions else -1

    def read(self, version: int) -> bytes:
        """The entry's bytes.

        Raises:
            FileNotFoundError: there is no such entry.
        """
        return self._store.read(entry_key(version))

    def digest(self, version: int) -> str:
        """The sha256 of the entry's bytes."""
        return hashlib.sha256(self.read(version)).hexdigest()

    def commit(self, version: int) -> LoggedCommit | None:
        """What the entry says; None if it is empty, cut or garbage."""
        return parse_entry(version, self.read(version))

    def commits(self, since: int = 0) -> Iterator[LoggedCommit | None]:
        """Entries from version `since` on, oldest first."""
        return (self.commit(version) for version in self.versions() if version >= since)


def entry_key(version: int) -> str:
    """The key of a version's log entry within the table's folder."""
    return f"{FOLDER}/{version:020}.json"


def parse_entry(version: int, data: bytes) -> LoggedCommit | None:
    """Reads a log entry; None if it is not whole."""
    actions = _actions(data)
    if actions is None:
        return None
    info: dict[str, Any] = next((body for kind, body in actions if kind == "commitInfo"), {})
    bodies = [(kind, body) for kind, body in actions if kind != "commitInfo"]
    if int(info.get(ACTION_COUNT, len(bodies))) != len(bodies):
        return None
    files = [body for kind, body in bodies if kind in ("add", "remove")]
    return LoggedCommit(
        version=version,
        digest=hashlib.sha256(data).hexdigest(),
        timestamp=datetime.fromtimestamp(info.get("timestamp", 0) / 1000, UTC),
        operation=str(info.get("operation", "")),
        changes_data=any(body.get("dataChange", True) for body in files),
        added=tuple(_added(body) for kind, body in bodies if kind == "add"),
        removed=tuple(unquote(body["path"]) for kind, body in bodies if kind == "remove"),
        transactions={body["appId"]: body["version"] for kind, body in bodies if kind == "txn"},
        metadata={key: value for key, value in info.items() if isinstance(value, str) and key not in _GENERATED},
        is_ours=ACTION_COUNT in info,
        engine=str(info.get("engineInfo", info.get("clientVersion", ""))),
    )


def _actions(data: bytes) -> list[tuple[str, dict[str, Any]]] | None:
    found: list[tuple[str, dict[str, Any]]] = []
    try:
        for line in data.decode("utf-8").split("\n"):
            if line:
                ((kind, body),) = json.loads(line).items()
                found.append((kind, body))
    except (ValueError, AttributeError):
        return None
    whole = bool(found) and all(kind in _ACTIONS and isinstance(body, dict) for kind, body in found)
    return found if whole else None


def _added(body: dict[str, Any]) -> AddedFile:
    stats = json.loads(body.get("stats") or "{}")
    return AddedFile(unquote(body["path"]), body["size"], stats.get("numRecords"))
