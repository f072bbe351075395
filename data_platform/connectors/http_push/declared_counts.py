"""What senders say that they sent: statements beside the spool, one a line, of which the last about a day holds.

Every statement stays to be read as it was made, with its time and how far the spool was then, until two files of them
are full.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Lock

from pydantic import TypeAdapter, ValidationError

from data_platform.clock import Clock
from data_platform.connectors.day_counts import arrived_of_day
from data_platform.connectors.http_push.write_ahead import WriteAhead, spool_name
from data_platform.connectors.protocol import Promise, Taken
from data_platform.lakehouse.flushing import flush_folder
from data_platform.metastore.source_counts import MANIFEST
from data_platform.observability.logs.logger import get_logger

KEPT_IN_VIEW = timedelta(days=3)  # a day that is older was judged
_FILE, _BEFORE = "counts.ndjson", "counts.ndjson.1"
_MOST_BYTES = 1 << 20
_ONE_DAY = timedelta(days=1)
_IDENTITY = ("ce_source", "ce_id")  # what tells events apart (CloudEvents 1.0, `id`)
_LOG = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """That so many records of a day of event time (UTC) were sent.

    Attributes:
        spool, row: how many records the spool of that name had taken when it was made.
    """

    at: datetime
    day: date
    rows: int
    spool: str
    row: int


_STATEMENT: TypeAdapter[Statement] = TypeAdapter(Statement)


@dataclass(slots=True)
class DeclaredCounts:
    """The writing end, of the spool's only writer."""

    spool: WriteAhead
    clock: Clock
    _mutex: Lock = field(default_factory=Lock)

    def refusal(self, day: date) -> str | None:
        """Why nothing can be said about a day; None where something can."""
        today = self.clock.now().date()
        if day > today + _ONE_DAY:
            return "the day has not begun anywhere; state it when its events are sent"
        return "the day is too long ago to be judged anew" if today - day > KEPT_IN_VIEW else None

    def declare(self, day: date, rows: int) -> Statement | None:
        """Keeps a statement, on disk when this returns; the same again changes nothing. Gives the one before it.

        Raises:
            OSError: the disk did not take it.
        """
        with self._mutex:
            before = latest(self.spool.folder).get(day)
            if before is None or before.rows != rows:
                name = spool_name(self.spool.folder) or ""
                said = Statement(at=self.clock.now(), day=day, rows=rows, spool=name, row=self.spool.rows)
                self._append(said)
                _LOG.info("a sender stated its count", spool=str(self.spool.folder), day=str(day), rows=rows)
            return before

    def _append(self, said: Statement) -> None:
        path, lines = self.spool.folder / _FILE, [said]
        if path.exists() and path.stat().st_size > _MOST_BYTES:
            # what holds about other days goes along: the file in which it stands may be the one that goes
            known = latest(self.spool.folder).values()
            lines = [one for one in known if said.at.date() - one.day <= KEPT_IN_VIEW] + lines
            path.replace(self.spool.folder / _BEFORE)
        content = b"".join(b"\n%b\n" % json.dumps(_STATEMENT.dump_python(one, mode="json")).encode() for one in lines)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, content)  # what a crash may have torn ends before it
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        flush_folder(self.spool.folder)


def latest(folder: Path) -> dict[date, Statement]:
    """The last statement about each day."""
    found: dict[date, Statement] = {}
    for name in (_BEFORE, _FILE):
        path = folder / name
        for line in path.read_bytes().splitlines() if path.exists() else ():
            try:
                said = _STATEMENT.validate_json(line)
            except ValidationError:  # torn by a crash, so never answered for
                continue
            found[said.day] = said
    return found


def promises(folder: Path, taken: Taken, now: datetime) -> Iterator[Promise]:
    """What senders said of the last days, as soon as all that was sent before is in raw."""
    for day, said in sorted(latest(folder).items()):
        if now.date() - day > KEPT_IN_VIEW or not _is_passed(said, taken):
            continue
        arrived = arrived_of_day(taken, day, rows=said.rows, identity=_IDENTITY)
        yield Promise(
            partition=day.isoformat(), rows=said.rows, provenance=MANIFEST, confidence=1.0, said_at=now, arrived=arrived
        )


def _is_passed(said: Statement, taken: Taken) -> bool:
    """Whether raw holds all that the spool had taken when it was said."""
    if not said.row:
        return True
    if not taken.last:
        return False
    place = taken.manifest(taken.last).position_to
    row = place.get("row")
    return place.get("spool") != said.spool or (isinstance(row, int) and row >= said.row)
