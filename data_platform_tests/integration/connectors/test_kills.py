"""`kill -9` of an ingesting process at a few of its calls; `campaigns.test_kind_kills` draws many for every kind."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from data_platform_tests.integration.connectors.call_points import CallPoint
from data_platform_tests.integration.connectors.kills import Course, ingestions, play
from data_platform_tests.integration.connectors.rigs import FileDropRig, HttpPushRig, Rig

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace (Debian package strace)")

# Of every process that makes a batch: the links of its first objects, and the flushes around them.
_POINTS = [
    *(CallPoint("", "link", "", number) for number in range(1, 6)),
    *(CallPoint("", "fsync", "", number) for number in range(1, 16)),
]


@pytest.mark.parametrize("kind", [FileDropRig, HttpPushRig], ids=lambda kind: kind.kind)
def test_a_killed_process_started_again_loses_and_doubles_nothing(kind: type[Rig], tmp_path: Path) -> None:
    point = random.SystemRandom().choice(_POINTS)
    print(point)
    rig = kind(tmp_path)
    try:
        with ingestions(kind.kind) as processes:
            ending = play(rig, Course.FIRST, point, processes)
    finally:
        rig.close()
    assert ending.died_at
    assert ending.faults == (), str(point)
