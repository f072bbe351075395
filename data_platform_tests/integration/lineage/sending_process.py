"""A process that sends: until its outbox is empty for a while, or killed at every step in turn.

Usage: python -m … race URL FILE BACKEND     sends to a file and a backend, with others doing the same
       python -m … sink FOLDER               kills a child at each line of the file sink; prints what each file holds
       python -m … delivery URL FILE         kills a child at each step of a delivery; prints what file and catalog hold
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

from data_platform.catalog.intake import Intake
from data_platform.clock import ManualClock
from data_platform.lineage.delivery import Delivery
from data_platform.lineage.names import PRODUCER
from data_platform.lineage.sinks import file as file_module
from data_platform.lineage.sinks.file import FileSink
from data_platform.lineage.sinks.kinds import open_sinks
from data_platform.lineage.sinks.protocol import SinkPlace
from data_platform.metastore.engine import Metastore, open_metastore
from data_platform.metastore.outbox import OutboxEntry

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
SINK_STEPS = (file_module.__file__,)
DELIVERY_STEPS = tuple(
    str(Path(file_module.__file__).parents[2] / name)
    for name in ("lineage/turns.py", "metastore/lineage_sinks.py", "lineage/sinks/file.py", "catalog/intake.py")
)


def event(number: int) -> OutboxEntry:
    """A run event of ours that the catalog takes too."""
    event_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"event/{number}"))
    facet = {"_producer": "https://test", "_schemaURL": "https://test/schema", "eventId": event_id}
    payload = {
        "eventTime": f"2026-03-20T12:{number // 60 % 60:02}:{number % 60:02}Z",
        "eventType": "START",
        "producer": PRODUCER,
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {
            "runId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"run/{number}")),
            "facets": {"dataPlatform_event": facet},
        },
        "job": {"namespace": "test", "name": f"job_{number % 3}"},
        "number": number,
    }
    return OutboxEntry(event_id=event_id, run_id="r", created_at=NOW, payload=json.dumps(payload), id=number)


def delivery(metastore: Metastore, clock: ManualClock, words: Sequence[str]) -> Delivery:
    intake = Intake(store=metastore.catalog, clock=clock)

    sinks = open_sinks(words, {}, SinkPlace(clock=clock, take=intake.refusals))
    return Delivery(sinks=sinks, metastore=metastore, clock=clock, name=uuid.uuid4().hex)


def numbers(file: Path) -> list[int]:
    return [json.loads(line)["number"] for line in file.read_bytes().split(b"\n")[:-1]] if file.exists() else []


def killed_at(step: int, files: Sequence[str], work: Callable[[], Any]) -> bool:
    """Does work in a child that is killed before its nth line in the files; whether it came to that."""
    child = os.fork()
    if child == 0:
        left = step

        def trace(frame: FrameType, kind: str, _: Any) -> Any:
            nonlocal left
            if frame.f_code.co_filename not in files:
                return None
            if kind == "line":
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        threading.settrace(trace)
        sys.settrace(trace)
        try:
            work()
        finally:
            sys.settrace(None)
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def kill_sink(folder: Path) -> list[list[int]]:
    found = []
    place = SinkPlace(clock=ManualClock(NOW), take=lambda payloads: [""] * len(payloads))
    is_killed, step = True, 0
    while is_killed:
        file = folder / str(step) / "events.ndjson"
        sink = FileSink(file.as_uri(), {}, place)

        def work(sink: FileSink = sink) -> None:
            sink.send([event(1), event(2)], within_seconds=5)
            sink.send([event(2), event(3)], within_seconds=5)

        is_killed = killed_at(step, SINK_STEPS, work)
        sink.send([event(1)], within_seconds=5)
        sink.send([event(2), event(3), event(4)], within_seconds=5)
        found.append(numbers(file))
        step += 1
    return found


def kill_delivery(url: str, file: Path) -> dict[str, Any]:
    """In one queue; each round dies five steps later than the one before."""
    clock = ManualClock(NOW)
    metastore = open_metastore(url)
    metastore.migrate()
    words = ("catalog", file.as_uri())
    is_killed, step, count, kills = True, 0, 0, 0
    while is_killed:
        metastore.outbox.append([event(count + n) for n in (1, 2, 3)])
        count += 3
        metastore.close()

        def work() -> None:
            delivery(metastore, clock, words).once()

        is_killed = killed_at(step, DELIVERY_STEPS, work)
        kills += is_killed
        clock.advance(timedelta(minutes=3))  # the claim of the dead has ended
        delivery(metastore, clock, words).drain()
        step += 5
    with metastore.transaction() as tx:
        in_catalog = [row[0] for row in tx.connection.exec_driver_sql("SELECT event_id FROM catalog_events").all()]
    unsent = len(metastore.outbox.pending())
    metastore.close()
    return {"kills": kills, "count": count, "file": numbers(file), "catalog": in_catalog, "unsent": unsent}


def race(url: str, file: Path, backend: str) -> int:
    """Sends until nothing came for a while; how many events this process delivered."""
    clock = ManualClock(NOW)
    metastore = open_metastore(url)
    one = delivery(metastore, clock, (file.as_uri(), backend))
    done, idle = 0, 0
    while idle < 20:
        sent = sum(each.delivered for each in one.once(limit=7))
        done, idle = done + sent, 0 if sent else idle + 1
        time.sleep(0 if sent else 0.05)
    metastore.close()
    return done


if __name__ == "__main__":
    kind, *rest = sys.argv[1:]
    if kind == "race":
        print(race(rest[0], Path(rest[1]), rest[2]))
    elif kind == "sink":
        print(json.dumps(kill_sink(Path(rest[0]))))
    else:
        print(json.dumps(kill_delivery(rest[0], Path(rest[1]))))
