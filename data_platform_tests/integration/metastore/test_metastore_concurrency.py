from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from data_platform.metastore.engine import Metastore, open_metastore

PREAMBLE = """
import sys
from datetime import UTC, datetime
from data_platform.metastore.engine import open_metastore
from data_platform.metastore.outbox import OutboxEntry
from data_platform.metastore.operator_log import OperatorEntry
url, name = sys.argv[1:]
now = datetime(2026, 3, 1, tzinfo=UTC)
metastore = open_metastore(url)
def event(number):
    return OutboxEntry(event_id=f"{name}-{number}", run_id=name, created_at=now, payload="{}")
def line(number):
    return OperatorEntry(who=name, at=now, statement=str(number), tables={}, rows_returned=number)
"""
MIGRATE = PREAMBLE + "print(metastore.migrate())"
WRITE_FIFTY = (
    PREAMBLE
    + """
metastore.migrate()
for number in range(50):
    with metastore.transaction() as tx:
        metastore.outbox.append([event(number)], tx=tx)
        metastore.operator_log.append(line(number), tx=tx)
        metastore.deliveries.advance("raw.a.b", source="s", number=number, tx=tx)
"""
)
WRITE_FOR_EVER = (
    PREAMBLE
    + """
number = 0
while True:
    with metastore.transaction() as tx:
        metastore.outbox.append([event(number)], tx=tx)
        metastore.operator_log.append(line(number), tx=tx)
    print(number, flush=True)
    number += 1
"""
)
WRITE_HALF_AND_HANG = (
    PREAMBLE
    + """
import time
with metastore.transaction() as tx:
    metastore.outbox.append([event(0)], tx=tx)
    print("half", flush=True)
    time.sleep(600)
"""
)


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def outputs(processes: Sequence[subprocess.Popen[str]]) -> list[str]:
    results = [process.communicate(timeout=120) for process in processes]
    assert [(process.returncode, error) for process, (_, error) in zip(processes, results, strict=True)] == [
        (0, "") for _ in processes
    ]
    return [output.strip() for output, _ in results]


def test_four_processes_that_migrate_at_once_migrate_once(url: str) -> None:
    assert sorted(outputs([start(MIGRATE, url, f"p{n}") for n in range(4)])) == ["False", "False", "False", "True"]


def test_four_processes_write_fifty_transactions_each_and_nothing_is_lost(url: str) -> None:
    outputs([start(WRITE_FIFTY, url, f"p{n}") for n in range(4)])
    metastore = open_metastore(url)
    expected = {f"p{n}-{number}" for n in range(4) for number in range(50)}
    assert {entry.event_id for entry in metastore.outbox.pending(limit=1000)} == expected
    assert len(metastore.operator_log.recent(limit=1000)) == 200
    assert metastore.deliveries.position("raw.a.b", source="s") == 49
    metastore.close()


def test_a_writer_killed_inside_a_transaction_leaves_nothing_of_it_and_no_lock(url: str, metastore: Metastore) -> None:
    process = start(WRITE_HALF_AND_HANG, url, "half")
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert metastore.outbox.pending() == ()
    with metastore.transaction() as tx:
        metastore.deliveries.advance("raw.a.b", source="s", number=1, tx=tx)
    assert metastore.deliveries.position("raw.a.b", source="s") == 1


def test_killed_at_any_moment_both_halves_of_each_transaction_are_there_or_neither(
    url: str, metastore: Metastore
) -> None:
    for attempt in range(4):
        process = start(WRITE_FOR_EVER, url, f"a{attempt}")
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(20 + attempt)]
        process.send_signal(signal.SIGKILL)
        acknowledged += [int(text) for text in process.communicate()[0].split()]
        events = {entry.event_id for entry in metastore.outbox.pending(limit=100_000)}
        lines = {f"{entry.who}-{entry.statement}" for entry in metastore.operator_log.recent(limit=100_000)}
        assert events == lines
        assert {f"a{attempt}-{number}" for number in acknowledged} <= events
