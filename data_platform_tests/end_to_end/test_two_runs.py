"""Two runs at once, on one host or on two, and compaction in between: the same content as one run alone."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from data_platform.errors import CommitConflict
from data_platform.lakehouse.compaction import compact
from data_platform.lakehouse.table_ref import Zone
from data_platform.publication.publish import new_file_name
from data_platform.wiring.platform import Platform
from data_platform_tests.end_to_end.conftest import CleanRun
from data_platform_tests.end_to_end.dying_process import EXIT_CODE
from data_platform_tests.end_to_end.processes import finish, start
from data_platform_tests.end_to_end.walking import at, hashes, materialize, open_ledgers, repeated_places, walk

COMPACTED = (Zone.RAW, Zone.CURATED, Zone.SERVED)


def check(home: Path, clean: CleanRun, **settings: str) -> None:
    """A home must say what one undisturbed run says."""
    with at(home, clean.second, **settings) as platform:
        assert materialize(platform)[1] == {}
        assert hashes(platform) == clean.hashes
        assert open_ledgers(platform) == []
        assert repeated_places(platform) == {}


@pytest.mark.parametrize("attempt", range(1, 6))
@pytest.mark.campaign
def test_two_runs_on_one_host_leave_what_one_leaves(clean: CleanRun, tmp_path: Path, attempt: int) -> None:
    runs = [start("walker_process", tmp_path / "home", *clean.sources) for _ in range(2)]
    for run in runs:
        finish(run)
    check(tmp_path / "home", clean)


@pytest.mark.parametrize("attempt", [1, *(pytest.param(n, marks=pytest.mark.campaign) for n in range(2, 6))])
def test_two_runs_on_two_hosts_leave_what_one_leaves(clean: CleanRun, tmp_path: Path, attempt: int) -> None:
    """Two homes, so that no lease is shared: only put-if-absent and version checks keep them apart."""
    shared = {"store": str(tmp_path / "store"), "metastore_url": f"sqlite:///{tmp_path / 'metastore.db'}"}
    words = [f"{key}={value}" for key, value in shared.items()]
    with at(tmp_path / "home_0", clean.first, **shared) as platform:
        assert platform.metastore.migrate() in (True, False)
    runs = [start("walker_process", tmp_path / f"home_{n}", *clean.sources, *words) for n in range(2)]
    for run in runs:
        finish(run)
    check(tmp_path / "home_0", clean, **shared)


def test_compaction_during_publishes_changes_nothing(clean: CleanRun, tmp_path: Path) -> None:
    run = start("walker_process", tmp_path / "home", *clean.sources)
    compacted = conflicts = 0
    with at(tmp_path / "home", clean.second) as platform:
        while run.poll() is None:
            done, lost = compact_all(platform)
            compacted, conflicts = compacted + done, conflicts + lost
            time.sleep(0.02)
        finish(run)
        compacted += compact_all(platform)[0]
    check(tmp_path / "home", clean)
    assert compacted > 0, f"nothing was compacted, {conflicts} conflicts"


def test_a_compaction_over_a_publish_whose_process_died_hides_nothing(clean: CleanRun, tmp_path: Path) -> None:
    home = Path(shutil.copytree(clean.home_after_first, tmp_path / "home"))
    died = start("dying_process", home, clean.second, "raw.kiosk.orders")
    died.communicate(timeout=120)
    assert died.returncode == EXIT_CODE
    with at(home, clean.second) as platform:
        assert compact_all(platform)[0] > 0  # acknowledged above the commit that nobody recorded
        walk(platform)
    check(home, clean)


def compact_all(platform: Platform) -> tuple[int, int]:
    """Compacts every table that has several files of a month, side tables left out; conflicts are another round's."""
    done = lost = 0
    for ref in platform.lake.tables():
        if ref.zone not in COMPACTED:
            continue
        table = platform.lake.table(ref)
        with platform.engine.session() as con:
            try:
                commit = compact(con, table, platform.heads.for_reading(table), name=new_file_name)
            except CommitConflict:
                lost += 1
                continue
        if commit is not None:
            platform.recorder.acknowledge(commit)
            done += 1
    return done, lost
