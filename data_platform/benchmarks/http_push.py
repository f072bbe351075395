"""The collector endpoint under load, with the sender on the same machine, against a plain loop that writes and flushes
one event at a time without any HTTP.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from data_platform.benchmarks.http_load import one_event
from data_platform.connectors.http_push.spool_reader import SpoolReader
from data_platform.errors import FatalError

_PLAIN_SECONDS = 3.0
_flush = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadShape:
    """Requests of one size. `rate` is in requests a second; 0: as many as are answered."""

    name: str
    events: int
    connections: int
    rate: float


SHAPES = (
    LoadShape(name="batches of 100, as fast as answered", events=100, connections=32, rate=0),
    LoadShape(name="batches of 100, 100 a second", events=100, connections=64, rate=100),
    LoadShape(name="single events, as fast as answered", events=1, connections=128, rate=0),
    LoadShape(name="single events, 400 a second", events=1, connections=64, rate=400),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PushMeasurement:
    """One load. CPU seconds of the server and of the sender stand apart; latencies are in seconds."""

    name: str
    events_per_second: float
    requests_per_second: float
    p50_seconds: float
    p99_seconds: float
    wall_seconds: float
    server_cpu_seconds: float
    sender_cpu_seconds: float


def measure_push(
    folder: Path, *, seconds: float, report: Callable[[str], None]
) -> tuple[tuple[PushMeasurement, ...], float]:
    """Every load for that long, and how many events a second the plain loop flushes.

    Raises:
        FatalError: a process failed, or the spool does not hold exactly what was acknowledged.
    """
    measured = []
    for shape in SHAPES:
        report(shape.name)
        measured.append(_measure(folder / "spool", shape, seconds))
    report("the plain loop")
    return tuple(measured), _plain_rate(folder)


def _measure(spool: Path, shape: LoadShape, seconds: float) -> PushMeasurement:
    shutil.rmtree(spool, ignore_errors=True)
    spool.mkdir(parents=True)
    environment = {**os.environ, "BENCH_TOKEN": secrets.token_hex()}
    with _collector(spool, environment) as (process, port):
        server = psutil.Process(process.pid)
        _send(port, shape, 1.0, environment)  # the first second is for warming up
        before, waiting = server.cpu_times(), _stored(spool)
        found = _send(port, shape, seconds, environment)
        after = server.cpu_times()
        if _stored(spool) - waiting != found["events"]:
            raise FatalError(f"{found['events']:,} events were acknowledged, {_stored(spool) - waiting:,} are stored")
    shutil.rmtree(spool)
    return PushMeasurement(
        name=shape.name,
        events_per_second=found["events_per_second"],
        requests_per_second=found["requests"] / found["wall_seconds"],
        p50_seconds=found["p50_seconds"],
        p99_seconds=found["p99_seconds"],
        wall_seconds=found["wall_seconds"],
        server_cpu_seconds=after.user + after.system - before.user - before.system,
        sender_cpu_seconds=found["cpu_seconds"],
    )


@contextmanager
def _collector(spool: Path, environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], int]]:
    options = {"token": {"env": "BENCH_TOKEN"}, "quota_bytes": 16 << 30}
    command = [sys.executable, "-m", "data_platform.serving.standalone", str(spool), json.dumps(options)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline()
            if not port:
                raise FatalError("the collector did not start")
            yield process, int(port)
        finally:
            process.terminate()


def _send(port: int, shape: LoadShape, seconds: float, environment: dict[str, str]) -> dict[str, float]:
    words = (port, shape.events, shape.connections, seconds, shape.rate)
    command = [sys.executable, "-m", "data_platform.benchmarks.http_load", *map(str, words)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise FatalError(f"the sender ended with {done.returncode}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _stored(spool: Path) -> int:
    reader = SpoolReader(spool / "http_push" / "web.events")
    place = reader.oldest()
    return 0 if place is None else reader.rows_behind(place)


def _plain_rate(folder: Path) -> float:
    """Events a second that one loop writes and flushes, one at a time."""
    path = folder / "plain.ndjson"
    count = 0
    with path.open("wb", buffering=0) as file:
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < _PLAIN_SECONDS:
            file.write(one_event(count) + b"\n")
            _flush(file.fileno())
            count += 1
    path.unlink()
    return count / elapsed
