"""`kill -9` of an ingesting process at one of its calls, and what raw holds after it was started again.

A course is played on a fresh rig each time: records come, a process takes them and is killed, another platform goes
on, more records come, and two more go on again. The source is counted by the rig, which reads it without the platform.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from data_platform.clock import ManualClock
from data_platform.errors import PlatformError, RetryableError
from data_platform_tests import kit
from data_platform_tests.integration.connectors.call_points import CallPoint, call_points, died_at, tracing
from data_platform_tests.integration.connectors.rigs import PostgresCdcRig, Rig

ROOT = Path(kit.__file__).parents[1]
BATCH_BYTES = 400  # so that a process makes several batches
_PATIENCE_SECONDS = 90.0  # brokers and servers take a while to notice that a reader is dead


class Course(StrEnum):
    """What the killed process finds."""

    FIRST = "first"  # nothing was ever ingested
    LATER = "later"  # there are batches, and a position to go on from


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a course ended.

    Attributes:
        died_at: the stage of the call at which the process was killed; empty where it ran to its end.
        faults: what is wrong with raw or the ledger after it.
        recopied: rows of a first copy that was begun anew, which the truncation before the next copy has ended.
    """

    died_at: str
    faults: tuple[str, ...]
    recopied: int = 0


@dataclass(frozen=True, slots=True)
class Ingestions:
    """Starts ingesting processes of one kind; see `ingest_process`."""

    server: subprocess.Popen[str]

    def traced(self, rig: Rig, tracer: tuple[str, ...]) -> int:
        """The status of a process that ingests the rig's source below a tracer; negative for a signal."""
        assert self.server.stdin is not None
        request = [_environment(rig), "items", str(rig.folder / "process.log")]
        self.server.stdin.write(json.dumps(request) + "\n")
        self.server.stdin.flush()
        child = self._answer()
        watching = subprocess.Popen([*tracer, "-p", str(child)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        status = self._answer()
        _, said = watching.communicate(timeout=60)
        assert status in (0, -9), (rig.folder / "process.log").read_text()[-4000:] + said.decode()[-2000:]
        return status

    def _answer(self) -> int:
        assert self.server.stdout is not None
        line = self.server.stdout.readline()
        assert line, "the process that starts processes has ended"
        return int(line)


@contextmanager
def ingestions(kind: str) -> Iterator[Ingestions]:
    """What starts processes, ended at the end of the block."""
    command = [sys.executable, "-m", "data_platform_tests.integration.connectors.ingest_process", kind]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}  # it forks
    server = subprocess.Popen(
        command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    with server:  # closes its input, and waits
        yield Ingestions(server)


def points_of(rig: Rig, course: Course, processes: Ingestions) -> list[CallPoint]:
    """The calls of a process that nobody kills."""
    _prepare(rig, course)
    log = rig.folder / "trace"
    assert processes.traced(rig, tracing(log)) == 0
    _until_equal(rig)
    return call_points(log.read_text(errors="replace").splitlines(), rig.folder / "home")


def play(rig: Rig, course: Course, point: CallPoint, processes: Ingestions) -> Ending:
    """One course in which the process is killed at a point."""
    _prepare(rig, course)
    home, log = rig.folder / "home", rig.folder / "trace"
    was_killed = processes.traced(rig, point.tracer(home, log)) != 0
    stage = died_at(log.read_text(errors="replace").splitlines(), home) if was_killed else ""
    # What a dead collector leaves is left alone until its last beat is old.
    rig.kit.clock = ManualClock(datetime.now(UTC) + timedelta(minutes=2))
    try:
        _go_on(rig)
    except PlatformError as error:
        return Ending(died_at=stage, faults=(f"{type(error).__name__}: {error}",))
    return Ending(died_at=stage, faults=tuple(_faults(rig)), recopied=_recopied(rig))


def _go_on(rig: Rig) -> None:
    _until_equal(rig)
    rig.send(range(101, 106))
    rig.kit.reopen()
    _until_equal(rig)
    rig.kit.reopen()
    rig.kit.ingest("items")


def _prepare(rig: Rig, course: Course) -> None:
    rig.open(max_batch_bytes=BATCH_BYTES)
    _ = rig.kit.platform.metastore  # its migration is none of this
    if course is Course.LATER:
        rig.send(range(1, 8))
        rig.kit.ingest("items")
    for first in range(11, 36, 5):
        rig.send(range(first, first + 5))
    rig.kit.reopen()


def _until_equal(rig: Rig) -> None:
    """Ingests until raw has as many records as the source, or for as long as a server may need to forget a reader."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            rig.kit.ingest("items")
        except RetryableError:
            if time.monotonic() > until:
                raise
        if len(_arrived(rig)) >= len(rig.held()) or time.monotonic() > until:
            return
        time.sleep(0.2)


def _faults(rig: Rig) -> Iterator[str]:
    arrived, held = Counter(_arrived(rig)), Counter(rig.held())
    if lost := held - arrived:
        yield f"lost {dict(lost)}"
    if more := arrived - held:
        yield f"more than once {dict(more)}"
    rows, rejected = rig.kit.rows("raw.items"), rig.kit.rows("raw.items", kit.Zone.REJECTED)
    places = Counter((row["_batch_id"], row["_record_no"]) for row in rows)
    if twice := [place for place, count in places.items() if count > 1]:
        yield f"places in raw twice: {twice}"
    if rejected:
        yield f"{len(rejected)} rejected"
    batches = rig.kit.platform.metastore.batches.of("raw.shop.items")
    if not_closing := [batch.batch_id for batch in batches if batch.residual]:
        yield f"batches that do not close: {not_closing}"
    if len({batch.number for batch in batches}) != len(batches):
        yield f"batches twice: {[batch.batch_id for batch in batches]}"
    if (counted := sum(batch.raw_rows for batch in batches)) != len(rows):
        yield f"the ledger counts {counted} rows of {len(rows)}"
    if left := [file.name for file in (rig.folder / "home" / "spool").rglob("*.part")]:
        yield f"left in the spool: {left}"


def _arrived(rig: Rig) -> list[int]:
    return _arrived_and_recopied(rig)[0] if isinstance(rig, PostgresCdcRig) else rig.arrived()


def _recopied(rig: Rig) -> int:
    return len(_arrived_and_recopied(rig)[1]) if isinstance(rig, PostgresCdcRig) else 0


def _arrived_and_recopied(rig: PostgresCdcRig) -> tuple[list[int], list[int]]:
    """The ids since the last first copy began, and those before it: one that was killed is begun anew, truncating."""
    rows = rig.kit.rows("raw.items")
    begin = max((row["cdc_sequence"] for row in rows if row["cdc_op"] == "t"), default="")
    found: tuple[list[int], list[int]] = ([], [])
    for row in filter(rig.is_record, rows):
        found[row["cdc_sequence"] < begin].append(row["id"])
    return found


def _environment(rig: Rig) -> dict[str, str]:
    return {
        "DATA_PLATFORM_HOME": str(rig.folder / "home"),
        "DATA_PLATFORM_DOMAINS": str(rig.folder / "domains"),
        "DATA_PLATFORM_SOURCE": str(rig.folder / "source"),
        "DATA_PLATFORM_THREADS": "2",
        "DATA_PLATFORM_MEMORY_LIMIT": "500MB",
    }
