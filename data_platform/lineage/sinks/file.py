"""A file of NDJSON as a sink: one event a line, each once, whatever dies in between.

Beside `events.ndjson` stands `events.ndjson.index`, an SQLite database that says how long the file is and which events
are in it. It is committed after the file was flushed, and what the file has beyond that length was never acknowledged:
it is cut off before the next event is written. A file that was rotated away begins anew.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict

from data_platform.errors import ConfigurationError, SinkUnavailable
from data_platform.lakehouse.flushing import flush_folder
from data_platform.lineage.names import EVENT
from data_platform.lineage.sinks.protocol import SinkPlace, read_config
from data_platform.metastore.outbox import OutboxEntry

_TABLES = (
    "CREATE TABLE IF NOT EXISTS events (event_id TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS files (inode INTEGER NOT NULL, length INTEGER NOT NULL)",
)


class FileConfig(BaseModel):
    """There is nothing to say beyond its path."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FileSink:
    """Appends events to one file; several processes take turns."""

    def __init__(self, word: str, options: Mapping[str, Any], _place: SinkPlace) -> None:
        read_config(FileConfig, word, options)
        self._path = _path(word)
        self.name = self._path.as_uri()

    def send(self, events: Sequence[OutboxEntry], *, within_seconds: float) -> int:
        """Writes those that the file does not hold yet, and flushes them to disk.

        Raises:
            SinkUnavailable: the disk did not take them, or another process holds the file for too long.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._index(within_seconds) as index, _opened(self._path) as file:
                _settle(index, file)
                new = [event for event in events if not _has(index, event.event_id)]
                _append(index, file, new)
        except (OSError, sqlite3.Error) as error:
            raise SinkUnavailable(f"{self._path} could not be written: {error}") from error
        return len(events)

    def close(self) -> None:
        """Nothing is held between two calls."""

    @contextmanager
    def _index(self, within_seconds: float) -> Iterator[sqlite3.Connection]:
        """The index, for this process alone; committed at the end of the block unless it failed."""
        path = self._path.with_name(f"{self._path.name}.index")
        with closing(sqlite3.connect(path, timeout=within_seconds, isolation_level=None)) as index:
            index.execute("PRAGMA synchronous = FULL")
            index.execute("BEGIN IMMEDIATE")
            try:
                for table in _TABLES:
                    index.execute(table)
                yield index
            except BaseException:
                index.rollback()
                raise
            index.execute("COMMIT")


def _settle(index: sqlite3.Connection, file: BinaryIO) -> None:
    """Makes the file as long as the index says; a file that the index does not know is taken over as it is."""
    status = os.fstat(file.fileno())
    known = index.execute("SELECT length FROM files WHERE inode = ?", (status.st_ino,)).fetchone()
    if known is not None and known[0] <= status.st_size:
        file.truncate(known[0])
        file.seek(known[0])
        return
    length = _take_over(index, file)
    file.truncate(length)
    file.seek(length)
    index.execute("DELETE FROM files")
    index.execute("INSERT INTO files VALUES (?, ?)", (status.st_ino, length))
    # known from here on: what a death in the middle of the first line leaves is cut off like any other
    index.execute("COMMIT")
    index.execute("BEGIN IMMEDIATE")


def _take_over(index: sqlite3.Connection, file: BinaryIO) -> int:
    """Notes the events of a file that somebody put there; returns where its last whole line ends."""
    length = 0
    for line in file:
        if not line.endswith(b"\n"):
            break
        length += len(line)
        event_id = _event_id(line)
        if event_id is not None:
            _note(index, [event_id])
    return length


def _append(index: sqlite3.Connection, file: BinaryIO, events: Sequence[OutboxEntry]) -> None:
    if not events:
        return
    for event in events:
        file.write(_line(event.payload))
    file.flush()
    os.fsync(file.fileno())
    _note(index, [event.event_id for event in events])
    index.execute("UPDATE files SET length = ?", (file.tell(),))


def _has(index: sqlite3.Connection, event_id: str) -> bool:
    return index.execute("SELECT 1 FROM events WHERE event_id = ?", (event_id,)).fetchone() is not None


def _note(index: sqlite3.Connection, event_ids: Iterable[str]) -> None:
    index.executemany("INSERT OR IGNORE INTO events VALUES (?)", [(event_id,) for event_id in event_ids])


def _line(payload: str) -> bytes:
    is_one_line = not {"\n", "\r"}.intersection(payload)
    return (payload if is_one_line else json.dumps(json.loads(payload), ensure_ascii=False)).encode() + b"\n"


def _event_id(line: bytes) -> str | None:
    """The id that the platform's own events carry, be they about a run, a job or a dataset."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    for subject in ("run", "dataset", "job"):
        try:
            found = event[subject]["facets"][EVENT]["eventId"]
        except (KeyError, TypeError):
            continue
        return found if isinstance(found, str) else None
    return None


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    is_new = not path.exists()
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b") as file:
        if is_new:
            flush_folder(path.parent)
        yield file


def _path(word: str) -> Path:
    address = urlsplit(word)
    path = Path(unquote(address.path))
    if address.netloc or address.query or address.fragment or not path.is_absolute() or not path.name:
        raise ConfigurationError(f"DATA_PLATFORM_LINEAGE: {word!r} is no file; write file:///folder/events.ndjson")
    return path
