"""`kill -9` of the collector at points drawn from its traced calls while clients send: what was answered for is there
once, and what was not is there once or not at all.

`pytest -m campaign -n 0 -s data_platform_tests/campaigns/test_collector_kills.py`; KILLS_SEED and KILLS_COUNT as in
`test_kind_kills`.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from data_platform_tests.end_to_end.kill_points import draw
from data_platform_tests.integration.connectors.call_points import CALLS, CallPoint, call_points, died_at, tracing
from data_platform_tests.integration.connectors.push_kit import Senders, collector, event

COUNT = int(os.environ.get("KILLS_COUNT", "40"))
SEED = int(os.environ.get("KILLS_SEED", random.SystemRandom().randrange(10**6)))
SEGMENT_BYTES = 30_000  # so that several are begun
_SENDERS = 4
_EVENTS = 80
_PATIENCE_SECONDS = 60.0

pytestmark = [
    pytest.mark.campaign,
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace (Debian package strace)"),
]


def test_a_killed_collector_keeps_what_it_answered_for_and_doubles_nothing(tmp_path: Path) -> None:
    drawing = random.Random(SEED)
    print(f"\ncollector: KILLS_SEED={SEED} KILLS_COUNT={COUNT}")
    candidates = _traced(tmp_path / "traced")
    print(f"{len(candidates)} points, {dict(Counter((point.stage, point.call) for point in candidates))}")
    faults, killed = [], Counter[str]()
    for number, point in enumerate(draw(candidates, COUNT * 2, drawing)):
        folder = tmp_path / f"{number}"
        stage, acknowledged = _killed(folder, point)
        fault = _fault(folder, acknowledged)
        killed[stage] += bool(stage)
        print(f"{killed.total():3} {point} | killed at {stage or 'no call'}: {fault or 'each event once'}", flush=True)
        if fault:
            faults.append((str(point), fault))
        else:
            shutil.rmtree(folder)
        if killed.total() == COUNT:
            break
    print(f"killed at {dict(+killed)}, {len(faults)} faults")
    assert faults == []
    assert killed.total() == COUNT, f"only {killed.total()} collectors came to their point (seed {SEED})"


def _traced(folder: Path) -> list[CallPoint]:
    folder.mkdir()
    log = folder / "trace"
    with collector(folder, tracer=tracing(log, f"{CALLS},write"), segment_bytes=SEGMENT_BYTES) as served:
        senders = Senders(served.port, count=_SENDERS, prefix="traced")
        senders.start()
        until = time.monotonic() + _PATIENCE_SECONDS
        while len(senders.acknowledged) < _EVENTS and time.monotonic() < until:
            time.sleep(0.02)
        senders.join()
        served.stop()
    return call_points(log.read_text(errors="replace").splitlines(), folder)


def _killed(folder: Path, point: CallPoint) -> tuple[str, list[str]]:
    """The stage of the call at which the collector died, empty where it did not, and what it had answered for."""
    folder.mkdir()
    log = folder / "trace"
    acknowledged: list[str] = []
    with (
        suppress(AssertionError),  # it may die before it has said its port
        collector(folder, tracer=point.tracer(folder, log), segment_bytes=SEGMENT_BYTES) as served,
    ):
        senders = Senders(served.port, count=_SENDERS, prefix="killed")
        senders.start()
        until = time.monotonic() + _PATIENCE_SECONDS
        while served.process.poll() is None and time.monotonic() < until and len(senders.acknowledged) < _EVENTS * 4:
            time.sleep(0.02)
        was_killed = served.process.poll() is not None
        served.kill() if not was_killed else None
        senders.join()
        acknowledged = senders.acknowledged
        if not was_killed:
            return "", acknowledged
    return died_at(log.read_text(errors="replace").splitlines(), folder), acknowledged


def _fault(folder: Path, acknowledged: list[str]) -> str:
    """What is wrong after another start, with one more event; empty where nothing is."""
    with collector(folder, segment_bytes=SEGMENT_BYTES) as again:
        assert again.post(json.dumps(event("after")).encode()).status == 202
        found = Counter(json.loads(line)["id"] for line in again.stored())
    lost = [name for name in (*acknowledged, "after") if not found[name]]
    more = [name for name, count in found.items() if count > 1]
    return f"lost {lost}, more than once {more}" if lost or more else ""
