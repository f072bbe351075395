from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from duckdb import DuckDBPyConnection

from data_platform.lakehouse.durability import writable_snapshot
from data_platform.lakehouse.tables import Lake
from data_platform_tests.integration.lakehouse.conftest import Place
from data_platform_tests.integration.lakehouse.orders import created, ids

PROJECT = Path(__file__).parents[3]


def writer(place: Place, spill: Path, number: int, count: int) -> subprocess.Popen[str]:
    module = "data_platform_tests.integration.lakehouse.writer_process"
    command = [sys.executable, "-m", module, place.uri, str(spill), str(number), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT)


def test_two_processes_commit_twenty_times_each_without_loss(
    local_place: Place, local_lake: Lake, con: DuckDBPyConnection, tmp_path: Path
) -> None:
    table = created(local_lake)
    processes = [writer(local_place, tmp_path / "spill", number, 20) for number in (1, 2)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert [output.split() for output in outputs] == [[str(n) for n in range(1, 21)]] * 2
    snapshot = table.snapshot()
    assert ids(con, snapshot) == [*range(1001, 1021), *range(2001, 2021)]
    assert snapshot.version == 40


def test_a_writer_killed_again_and_again_loses_and_repeats_nothing(
    local_place: Place, local_lake: Lake, con: DuckDBPyConnection, tmp_path: Path
) -> None:
    table = created(local_lake)
    acknowledged: set[int] = set()
    for kill in range(2):
        process = writer(local_place, tmp_path / "spill", 1, 1_000)
        assert process.stdout is not None
        first = process.stdout.readline()  # it is past its imports and commits in a loop
        time.sleep(0.05 + 0.037 * kill)
        process.kill()
        acknowledged |= {int(line) for line in (first, *process.stdout.read().splitlines())}
        process.stdout.close()
        process.wait()
    snapshot = writable_snapshot(table, lambda version: None)
    newest = snapshot.transaction("writer-1")
    assert newest is not None
    assert ids(con, snapshot) == [1000 + n for n in range(1, newest + 1)]
    assert acknowledged <= set(range(1, newest + 1))
    assert len(acknowledged) >= 2
