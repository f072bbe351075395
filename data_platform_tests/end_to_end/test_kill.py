"""`kill -9` at points drawn at random, then the same command again: the same content, no duplicate, no loss.

The seed is printed; KIOSK_KILL_SEED and KIOSK_KILL_POINTS repeat or lengthen a campaign.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from data_platform_tests.end_to_end.conftest import CleanRun
from data_platform_tests.end_to_end.kill_points import CALLS, KillPoint, draw, points
from data_platform_tests.end_to_end.processes import finish, start
from data_platform_tests.end_to_end.walking import at, hashes, open_ledgers, repeated_places, walk

pytestmark = [
    pytest.mark.campaign,
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace (Debian package strace)"),
]


def test_a_killed_run_started_again_leaves_what_an_undisturbed_one_leaves(clean: CleanRun, tmp_path: Path) -> None:
    seed = int(os.environ.get("KIOSK_KILL_SEED") or random.SystemRandom().randrange(10**6))
    count = int(os.environ.get("KIOSK_KILL_POINTS") or 30)
    candidates = trace(clean, tmp_path)
    chosen = draw(candidates, count, random.Random(seed))
    print(f"\nseed {seed}: {len(chosen)} of {len(candidates)} points, {dict(Counter(p.stage for p in candidates))}")
    assert min(Counter(point.stage for point in chosen).values()) >= 2
    faults: list[str] = []
    hit = 0
    for number, point in enumerate(chosen):
        home = tmp_path / f"home_{number}"
        was_killed = kill_at(point, home, clean)
        fault = fault_after(home, clean)
        hit += was_killed
        print(f"{'killed' if was_killed else 'ran through'} at {point}: {fault or 'same content'}", flush=True)
        if fault:
            faults.append(f"{point}: {fault}")
        else:
            shutil.rmtree(home)
    assert faults == []
    assert hit >= len(chosen) * 9 // 10, f"only {hit} of {len(chosen)} runs came to their point (seed {seed})"


def trace(clean: CleanRun, folder: Path) -> list[KillPoint]:
    """The points of one run that nobody kills."""
    home, log = folder / "traced", folder / "trace"
    tracer = ("strace", "-f", "-y", "-qq", "-o", str(log), "-e", f"trace={CALLS}")
    finish(start("walker_process", home, *clean.sources, tracer=tracer), seconds=600)
    return points(log.read_text(errors="replace").splitlines(), home)


def kill_at(point: KillPoint, home: Path, clean: CleanRun) -> bool:
    """Whether the run died there."""
    run = start("walker_process", home, *clean.sources, tracer=point.tracer(home, home.with_suffix(".log")))
    _, err = run.communicate(timeout=600)
    assert run.returncode in (0, 128 + signal.SIGKILL, -signal.SIGKILL), err[-2000:]
    return run.returncode != 0


def fault_after(home: Path, clean: CleanRun) -> str:
    """Runs the same again and says how the outcome differs from the clean one; empty where it does not."""
    for source in clean.sources:
        with at(home, source) as platform:
            walk(platform)
    with at(home, clean.second) as platform:
        found = hashes(platform)
        differing = sorted(
            name for name in found.keys() | clean.hashes.keys() if found.get(name) != clean.hashes.get(name)
        )
        ledgers, repeats = open_ledgers(platform), repeated_places(platform)
        again = [str(each.commit.ref) for each in walk(platform)]
    parts = {"other content": differing, "open ledgers": ledgers, "repeated places": repeats, "not at rest": again}
    return "; ".join(f"{what}: {which}" for what, which in parts.items() if which)
