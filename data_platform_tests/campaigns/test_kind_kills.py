"""`kill -9` of the ingesting process at points drawn from its traced calls: nothing lost, nothing twice, for each kind.

`pytest -m campaign -n 0 -s data_platform_tests/campaigns/test_kind_kills.py`; KILLS_SEED repeats a draw, KILLS_COUNT
makes it shorter or longer, KILLS_KIND names kinds, separated by commas.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from data_platform_tests.end_to_end.kill_points import draw
from data_platform_tests.integration.connectors.call_points import CallPoint
from data_platform_tests.integration.connectors.kafka_broker import KafkaBroker
from data_platform_tests.integration.connectors.kills import Course, Ending, ingestions, play, points_of
from data_platform_tests.integration.connectors.postgres_server import started_postgres
from data_platform_tests.integration.connectors.rigs import (
    KINDS,
    KafkaRig,
    PostgresCdcRig,
    Rig,
    S3DropRig,
    SqlTableRig,
)
from data_platform_tests.integration.connectors.s3_buckets import s3_buckets

COUNT = int(os.environ.get("KILLS_COUNT", "40"))
SEED = int(os.environ.get("KILLS_SEED", random.SystemRandom().randrange(10**6)))
CHOSEN = [name for name in os.environ.get("KILLS_KIND", "").split(",") if name]
RIGS = {kind.name or kind.kind: kind for kind in KINDS}

pytestmark = [
    pytest.mark.campaign,
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace (Debian package strace)"),
]


@pytest.fixture(params=[name for name in RIGS if name in CHOSEN or not CHOSEN])
def rigs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rigs]:
    kind = RIGS[request.param]
    with ExitStack() as stack:
        if issubclass(kind, SqlTableRig):
            yield Rigs(kind, tmp_path, stack.enter_context(started_postgres()))
        elif kind is S3DropRig:
            yield Rigs(kind, tmp_path, stack.enter_context(s3_buckets()))
        else:
            yield Rigs(kind, tmp_path, *([KafkaBroker()] if kind is KafkaRig else []))


class Rigs:
    """Fresh rigs of one kind, over one server."""

    def __init__(self, kind: type[Rig], folder: Path, *needs: Any) -> None:
        self.kind, self.folder, self.needs = kind, folder, needs

    @contextmanager
    def fresh(self, name: str) -> Iterator[Rig]:
        folder = self.folder / name
        folder.mkdir()
        rig = self.kind(folder, *self.needs)
        try:
            yield rig
        finally:
            rig.close()
            if isinstance(rig, PostgresCdcRig):  # a server has few slots, and those that stay keep its log
                rig.drop_slot()


def test_a_killed_ingestion_loses_and_doubles_nothing(rigs: Rigs) -> None:
    drawing = random.Random(SEED)
    print(f"\n{rigs.kind.name or rigs.kind.kind}: KILLS_SEED={SEED} KILLS_COUNT={COUNT}")
    endings: list[tuple[Course, CallPoint, Ending]] = []
    with ingestions(rigs.kind.kind) as processes:
        reserve: list[tuple[Course, CallPoint]] = []
        for course in Course:
            with rigs.fresh(f"traced_{course}") as rig:
                candidates = points_of(rig, course, processes)
            print(f"{course}: {len(candidates)} points, {dict(Counter(point.stage for point in candidates))}")
            reserve += [(course, point) for point in draw(candidates, COUNT, drawing)]
        drawing.shuffle(reserve)
        killed = 0
        for number, (course, point) in enumerate(reserve):
            with rigs.fresh(f"killed_{number}") as rig:
                ending = play(rig, course, point, processes)
            endings.append((course, point, ending))
            killed += bool(ending.died_at)
            print(f"{killed:3} {course:5} {point} | {_told(ending)}", flush=True)
            if not ending.faults:
                shutil.rmtree(rig.folder)
            if killed == COUNT:
                break
    print(_table(endings))
    assert [(str(point), ending.faults) for _, point, ending in endings if ending.faults] == []
    assert killed == COUNT, f"only {killed} of {len(endings)} processes came to their point (seed {SEED})"


def _told(ending: Ending) -> str:
    where = f"killed at {ending.died_at}" if ending.died_at else "ran through"
    copied = f", {ending.recopied} rows of an interrupted copy" if ending.recopied else ""
    return f"{where}: {'; '.join(ending.faults) or 'each record once'}{copied}"


def _table(endings: list[tuple[Course, CallPoint, Ending]]) -> str:
    drawn = Counter(point.stage for _, point, _ in endings)
    killed = Counter(ending.died_at for _, _, ending in endings if ending.died_at)
    faulty = Counter(ending.died_at for _, _, ending in endings if ending.faults)
    lines = [f"{'stage':20}{'drawn':>8}{'killed':>8}{'faults':>8}"]
    lines += [
        f"{stage:20}{drawn[stage]:8}{killed[stage]:8}{faulty[stage]:8}" for stage in sorted(drawn | killed | faulty)
    ]
    return "\n".join([*lines, f"{'all':20}{drawn.total():8}{killed.total():8}{faulty.total():8}"])
