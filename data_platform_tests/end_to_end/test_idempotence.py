"""Replaying changes nothing: the same bytes, the same snapshot, the same files in any order or in several polls."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from data_platform.lakehouse.table_ref import Zone
from data_platform.metastore.tables import FileOutcome
from data_platform.wiring.platform import Platform
from data_platform_tests.end_to_end.conftest import CleanRun
from data_platform_tests.end_to_end.kiosk_files import write_members, write_prices, write_ratings
from data_platform_tests.end_to_end.walking import (
    at,
    fates,
    hashes,
    ingest,
    materialize,
    open_ledgers,
    repeated_places,
    rows,
    versions,
    walk,
)

PLACES = ("batch_id", "record_no", "record", "source_name", "byte_offset")
BERN = {"M1": ("Bern", "2026-02-01"), "M2": ("Ulm", "2026-02-01")}


def test_walking_again_commits_nothing(clean: CleanRun, tmp_path: Path) -> None:
    with at(clean.copy(tmp_path / "home"), clean.second) as platform:
        before = versions(platform)
        assert walk(platform) == []
        assert versions(platform) == before


def test_the_same_files_under_other_names_are_ledger_lines_and_nothing_else(clean: CleanRun, tmp_path: Path) -> None:
    source = Path(shutil.copytree(clean.second, tmp_path / "source"))
    copies = [path.with_name(f"again_{path.name}") for path in source.glob("*/*")]
    for path in list(source.glob("*/*")):
        shutil.copy(path, path.with_name(f"again_{path.name}"))
    with at(clean.copy(tmp_path / "home"), source) as platform:
        walk(platform)
        assert hashes(platform) == clean.hashes
        assert open_ledgers(platform) == []
        assert repeated_places(platform) == {}
        skipped = [
            line.name
            for dataset in ("orders", "members", "prices", "ratings")
            for batch in platform.metastore.batches.of(f"raw.kiosk.{dataset}")
            for line in platform.metastore.batches.files(f"raw.kiosk.{dataset}", batch_id=batch.batch_id)
            if line.outcome is FileOutcome.SKIPPED and line.name.startswith("again_")
        ]
        assert sorted(skipped) == sorted(path.name for path in copies)


def test_an_unchanged_daily_snapshot_brings_no_change(kiosk: Platform) -> None:
    source = kiosk.settings.source
    write_members(source, "2026-03-01", BERN)
    ingest(kiosk)
    _members(kiosk)
    before = hashes(kiosk, Zone.CURATED)
    write_members(source, "2026-03-02", BERN)  # the same bytes on another day: a delivery of its own
    ingest(kiosk)
    _members(kiosk)
    assert hashes(kiosk, Zone.CURATED) == before
    assert fates(kiosk, "curated.kiosk.members") == {"applied": 2, "unchanged": 2}
    write_members(source, "2026-03-02", BERN, prefix="resent_")  # the same bytes for the same day
    ingest(kiosk)
    _members(kiosk)
    assert rows(kiosk, "raw.kiosk.members", "SELECT count(*) FROM {}") == [(4,)]
    assert fates(kiosk, "curated.kiosk.members") == {"applied": 2, "unchanged": 2}


@pytest.mark.parametrize("seed", [3, pytest.param(11, marks=pytest.mark.campaign)])
def test_the_files_of_one_poll_may_come_in_any_order(clean: CleanRun, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    source = Path(shutil.copytree(clean.first, tmp_path / "source"))
    for path in sorted(source.glob("*/*")):
        renamed = path.rename(path.with_name(f"{rng.randrange(1000):03}_{path.name}"))
        os.utime(renamed, (rng.randrange(10**9), rng.randrange(10**9)))
    with at(tmp_path / "home", source) as shuffled, at(clean.home_after_first, clean.first) as plain:
        walk(shuffled)
        for zones in ((Zone.RAW, Zone.CURATED, Zone.SERVED), (Zone.HELD, Zone.REJECTED)):
            assert _hashes(shuffled, zones) == _hashes(plain, zones)
        assert open_ledgers(shuffled) == []


@pytest.mark.parametrize("seed", [5])
def test_files_may_come_in_any_order_and_poll_where_nothing_is_late(tmp_path: Path, seed: int) -> None:
    files = tmp_path / "files"
    write_members(files, "2026-03-01", BERN | {"M3": ("Graz", "2026-02-01")})
    write_members(files, "2026-03-02", BERN | {"M1": ("Linz", "2026-03-01")})  # M3 left, M1 moved
    write_members(
        files, "2026-03-03", BERN | {"M1": ("Linz", "2026-03-01"), "M3": ("Graz", "2026-03-02")}
    )  # M3 is back
    write_prices(files, "2026-03-01", [("tea", "1.00", 1), ("bun", "2.00", 1)])
    write_prices(files, "2026-03-02", [("tea", "1.50", 2)])
    write_prices(files, "2026-03-03", [("tea", "0.50", 1), ("bun", "2.00", 1)])  # tea: two prices of one revision
    write_ratings(files, "2026-03-01", [("R1", "tea", 5), ("R2", "bun", 3)])
    write_ratings(files, "2026-03-02", [("R1", "tea", 5), ("R3", "tea", 1)])
    write_ratings(files, "2026-03-03", [("R3", "tea", 2)])  # conflicting
    with at(tmp_path / "at_once", files) as platform:
        ingest(platform)
        _others(platform)
        expected = _hashes(platform, (Zone.RAW, Zone.CURATED)), _hashes(platform, (Zone.HELD,))
    order = sorted(files.glob("*/*"))
    random.Random(seed).shuffle(order)
    source = tmp_path / "source"
    for step in range(0, len(order), 3):
        for path in order[step : step + 3]:
            (source / path.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, source / path.parent.name / path.name)
        with at(tmp_path / "home", source) as platform:
            ingest(platform)
            _others(platform)
    with at(tmp_path / "home", source) as platform:
        assert (_hashes(platform, (Zone.RAW, Zone.CURATED)), _hashes(platform, (Zone.HELD,))) == expected
        assert open_ledgers(platform) == []


def _hashes(platform: Platform, zones: tuple[Zone, ...]) -> dict[str, str]:
    """Hashes without the places of rows, which the order of files decides."""
    from data_platform_tests.end_to_end.walking import hash_of

    return {str(ref): hash_of(platform, ref, without=PLACES) for ref in platform.lake.tables() if ref.zone in zones}


def _members(platform: Platform) -> None:
    _only(platform, "curated.kiosk.members")


def _others(platform: Platform) -> None:
    _only(platform, "curated.kiosk.members", "curated.kiosk.prices", "curated.kiosk.ratings")


def _only(platform: Platform, *names: str) -> None:
    """Materializes what is stale; nothing but the datasets that were fed may be published."""
    published, _ = materialize(platform)
    assert {str(each.commit.ref) for each in published} <= set(names)
