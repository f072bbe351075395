"""Processes that die while they send, and several that send at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from data_platform.metastore.engine import Metastore
from data_platform_tests.integration.lineage.sending_process import event
from data_platform_tests.lineage_backend import Backend

PROGRAM = "data_platform_tests.integration.lineage.sending_process"


def start(*arguments: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", PROGRAM, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def answer(process: subprocess.Popen[str]) -> Any:
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return json.loads(out)


def test_a_writer_killed_at_any_line_of_the_file_sink_leaves_each_event_once(tmp_path: Path) -> None:
    found = answer(start("sink", tmp_path))
    assert len(found) > 60  # so many lines there were to die at
    assert found == [[1, 2, 3, 4]] * len(found)


def test_a_delivery_killed_at_any_step_leaves_each_event_once(tmp_path: Path) -> None:
    found = answer(start("delivery", f"sqlite:///{tmp_path}/metastore.db", tmp_path / "events.ndjson"))
    expected = list(range(1, found["count"] + 1))
    assert found["kills"] > 20
    assert found["file"] == expected
    assert sorted(found["catalog"]) == sorted(event(number).event_id for number in expected)
    assert found["unsent"] == 0


def test_processes_that_send_at_once_take_turns(
    url: str, metastore: Metastore, backend: Backend, events_file: Path
) -> None:
    events = [event(number) for number in range(1, 151)]
    metastore.outbox.append(events[:50])
    processes = [start("race", url, events_file, backend.url) for _ in range(3)]
    for number in range(50, 150, 10):
        metastore.outbox.append(events[number : number + 10])
    done = [answer(process) for process in processes]
    assert sum(done) == 2 * 150
    assert [one["number"] for one in backend.events] == list(range(1, 151))
    lines = events_file.read_text().splitlines()
    assert [json.loads(line)["number"] for line in lines] == list(range(1, 151))


def test_a_later_event_is_never_seen_before_an_earlier_one(metastore: Metastore) -> None:
    with metastore.transaction() as slow:
        metastore.outbox.append([event(1)], tx=slow)
        quick = threading.Thread(target=metastore.outbox.append, args=([event(2)],))
        quick.start()
        quick.join(0.3)
        seen = metastore.outbox.after(0)
    quick.join()
    assert seen == ()
    assert [one.event_id for one in metastore.outbox.after(0)] == [event(1).event_id, event(2).event_id]
