"""The metastore is deleted: everything it said about data is derived again, and a following run does nothing new."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from data_platform.cli.repairs import repair_all
from data_platform.metastore.tables import METADATA
from data_platform.wiring.platform import Platform
from data_platform_tests.end_to_end.conftest import CleanRun
from data_platform_tests.end_to_end.walking import at, hashes, open_ledgers, repeated_places, versions, walk

DERIVED = (
    "batches",
    "files",
    "partitions",
    "partition_history",
    "event_dates",
    "watermarks",
    "deliveries",
    "positions",
)
# What no commit says: samples and tolerances of checks, and when a side table's commit was acknowledged.
UNKNOWN = {
    "checks": {"sample", "tolerance"},
    "commits": {"committed_at", "run_id", "rows", "files"},
    "runs": {"started_at", "ended_at", "seconds"},
}


def test_doctor_derives_the_same_ledger_again(clean: CleanRun, tmp_path: Path) -> None:
    home = clean.copy(tmp_path / "home")
    with at(home, clean.second) as platform:
        before = ledger(platform)
        tables = versions(platform)
    delete_metastore(home)
    with at(home, clean.second) as platform:
        assert platform.metastore.batches.of("raw.kiosk.orders") == ()
        repair_all(platform)
        for table, lines in ledger(platform).items():
            assert lines == before[table], table
        assert repair_all(platform) == []
        assert walk(platform) == []
        assert versions(platform) == tables
        assert open_ledgers(platform) == []


def test_a_run_without_repair_loses_and_repeats_nothing(clean: CleanRun, tmp_path: Path) -> None:
    home = clean.copy(tmp_path / "home")
    delete_metastore(home)
    with at(home, clean.second) as platform:
        walk(platform)
        assert hashes(platform) == clean.hashes
        assert repeated_places(platform) == {}
        assert open_ledgers(platform) == []


def delete_metastore(home: Path) -> None:
    for file in home.glob("metastore.db*"):
        file.unlink()


def ledger(platform: Platform) -> dict[str, list[tuple[Any, ...]]]:
    """Every line of the tables that are derived from manifests and commits, sorted."""
    engine = sa.create_engine(platform.settings.metastore_url)
    found: dict[str, list[tuple[Any, ...]]] = {}
    with engine.connect() as connection:
        for name in (*DERIVED, *UNKNOWN):
            table = METADATA.tables[name]
            columns = [column for column in table.columns if column.name not in UNKNOWN.get(name, ())]
            # An ordinary run notes no creation of a table (version 0); it says nothing that the table does not.
            wanted = sa.select(*columns).where(table.c.version > 0 if name == "commits" else sa.true())
            found[name] = sorted(tuple(map(repr, row)) for row in connection.execute(wanted))
    engine.dispose()
    return found
