"""The newest commit of a table is emptied, cut or overwritten: readers get the version before and a warning; a writer
repairs what nobody acknowledged, and stops with the command that helps where data was promised.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from data_platform.contracts.days import DayRange
from data_platform.errors import DamagedTable
from data_platform.lakehouse.delta_log import entry_key
from data_platform.lakehouse.table_ref import TableRef
from data_platform.wiring.platform import Platform
from data_platform_tests.end_to_end.conftest import CleanRun
from data_platform_tests.end_to_end.dying_process import EXIT_CODE
from data_platform_tests.end_to_end.processes import start
from data_platform_tests.end_to_end.walking import (
    at,
    hash_at,
    hash_of,
    hashes,
    ingest,
    name_of,
    open_ledgers,
    walk,
)

TABLES = ("raw.kiosk.orders", "curated.kiosk.orders", "served.kiosk.daily_sales")
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "cut_between_lines": lambda data: data[: data.index(b"\n") + 1],
    "garbage": lambda data: b"\x00\xffnot json\n" * 20,
}
EVERY = [(table, damage) for table in TABLES for damage in DAMAGES]
# Making a table again is a whole walk: each damage once in the ordinary suite, every pair in the campaign.
USUAL = {("raw.kiosk.orders", "emptied"), ("curated.kiosk.orders", "cut"), ("served.kiosk.daily_sales", "garbage")}
MADE_AGAIN = [pair if pair in USUAL else pytest.param(*pair, marks=pytest.mark.campaign) for pair in EVERY]


@pytest.fixture(scope="module")
def died(clean: CleanRun, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Path], Path]:
    """Homes in which a run died between the commit of a table and its line in the ledger, by table, to be copied."""
    folder = tmp_path_factory.mktemp("died")

    def copy(table: str, home: Path) -> Path:
        if not (folder / table).exists():
            shutil.copytree(clean.home_after_first, folder / table)
            process = start("dying_process", folder / table, clean.second, table)
            process.communicate(timeout=120)
            assert process.returncode == EXIT_CODE
        return Path(shutil.copytree(folder / table, home))

    return copy


@pytest.mark.parametrize(("table", "damage"), EVERY)
def test_an_acknowledged_torn_head_is_not_read_and_not_built_on(
    clean: CleanRun, tmp_path: Path, caplog: pytest.LogCaptureFixture, table: str, damage: str
) -> None:
    with at(clean.copy(tmp_path / "home"), clean.second) as platform:
        head = platform.lake.table(TableRef.parse(table)).version()
        before = _hash_at(platform, table, head - 1)
        tear(platform, table, head, damage)
        with caplog.at_level(logging.WARNING):
            assert hash_of(platform, TableRef.parse(table)) == before
        assert f"version {head - 1} is served" in caplog.text
        with pytest.raises(DamagedTable, match=f"data-platform recover {table}"):
            _write(platform, table)


@pytest.mark.parametrize(("table", "damage"), MADE_AGAIN)
def test_an_unacknowledged_torn_head_is_set_aside_and_made_again(
    clean: CleanRun,
    died: Callable[[str, Path], Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    table: str,
    damage: str,
) -> None:
    home = died(table, tmp_path / "home")
    with at(home, clean.second) as platform:
        head = platform.lake.table(TableRef.parse(table)).version()
        assert head == 2
        before = _hash_at(platform, table, head - 1)
        tear(platform, table, head, damage)
        with caplog.at_level(logging.WARNING):
            assert hash_of(platform, TableRef.parse(table)) == before
        assert f"version {head - 1} is served" in caplog.text
        walk(platform)
        assert hashes(platform) == clean.hashes
        assert open_ledgers(platform) == []
        assert list((home / "store" / "tables").glob("**/_damaged/*.json"))


def test_an_unacknowledged_head_with_a_damaged_data_file_is_made_again(
    clean: CleanRun, died: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    home, table = died("curated.kiosk.orders", tmp_path / "home"), "curated.kiosk.orders"
    with at(home, clean.second) as platform:
        opened = platform.lake.table(TableRef.parse(table))
        newest = next(iter(opened.history(opened.version()))).added[0]
        file = opened.store.local_path(newest.path)
        assert file is not None
        data = bytearray(file.read_bytes())
        data[20 : len(data) // 2] = b"\x00" * (len(data) // 2 - 20)  # size and footer stay whole
        file.write_bytes(data)
        walk(platform)
        assert hashes(platform) == clean.hashes


def tear(platform: Platform, table: str, version: int, damage: str) -> None:
    """Damages the log entry of a version in place."""
    opened = platform.lake.table(TableRef.parse(table))
    path = opened.store.local_path(entry_key(version))
    assert path is not None
    path.write_bytes(DAMAGES[damage](path.read_bytes()))


def _hash_at(platform: Platform, table: str, version: int) -> str:
    return hash_at(platform, platform.lake.table(TableRef.parse(table)).snapshot(version))


def _write(platform: Platform, table: str) -> None:
    """Does what makes the table's writer write."""
    if table.startswith("raw."):
        ingest(platform, "orders")
        return
    days = [date.fromisoformat(line.partition) for line in platform.metastore.partitions.latest(table)]
    platform.materializer.materialize(name_of(table), run=platform.run(), days=DayRange.of(min(days), max(days)))
