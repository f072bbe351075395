"""Own datasets are published every hour by whoever is there, stand in the warehouse file, and somebody notices if not."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data_platform.cli.query import query
from data_platform.cli.reading import relations_of
from data_platform.contracts.model import DatasetName
from data_platform.errors import ConfigurationError, PartlyPublished, SourceUnavailable
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.metastore.component_beats import OWN_DATASETS
from data_platform.metastore.table_rows import TableRows
from data_platform.publication.warehouse import Warehouse
from data_platform.transforms.own_publishing import HourlyPublishing
from data_platform.transforms.query import read_query
from data_platform_tests.integration.slis.test_own_datasets import NAMES, files, table
from data_platform_tests.kit import Kit, at, csv_text, later

COLUMNS = ("id int required key", "seen timestamp", "name string")


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    kit = Kit(tmp_path)
    kit.raw("visits", COLUMNS, watermark="seen")
    kit.drop("visits/a.csv", csv_text(["id", "seen", "name"], [[1, at("2026-03-19"), "a"]]))
    kit.ingest("visits")
    kit.platform.slis.measure(kit.clock.now())
    narrow(kit, "sli_values")
    yield kit
    kit.close()


def narrow(kit: Kit, *names: str) -> None:
    """Leaves only some of the own datasets to be published, until the kit is opened again."""
    own = kit.platform.own_datasets
    few = {name: dataset for name, dataset in own.project.datasets.items() if name.name in names}
    kit.platform.__dict__["own_datasets"] = replace(own, project=replace(own.project, datasets=few))


def in_the_file(kit: Kit, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(kit.platform.settings.warehouse_file), read_only=True) as con:
        return con.execute(sql).fetchall()


def broken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = TableRows.reading

    def read(rows: TableRows, asked: str, days: Any = None) -> Any:
        if asked == name:
            raise SourceUnavailable(f"{name} cannot be read")
        return reading(rows, asked, days)

    monkeypatch.setattr(TableRows, "reading", read)


def incidents(kit: Kit) -> list[tuple[str, str, str, str]]:
    kit.platform.watch.tick()
    later(kit, minutes=6)
    kit.platform.watch.tick()
    found = kit.platform.metastore.operations.incidents.recent(is_open=True, limit=50)
    return [(one.alert, one.cause, one.severity.value, one.owner) for one in found]


def test_each_run_leaves_a_meter_under_its_own_name(kit: Kit) -> None:
    with HourlyPublishing(lambda: kit.platform.own_publishing):
        assert kit.platform.own_publishing.turn(kit.run()).file is not None
    kit.platform.meter.keep()
    runs = kit.platform.metastore.runs.recent(dataset="served.platform.sli_values")
    assert runs
    metered = {
        (line.run_id, line.dataset)
        for run in runs
        for line in kit.platform.metastore.operations.run_meters.of_run(run.run_id)
    }
    assert {(run.run_id, "served.platform.sli_values") for run in runs} <= metered
    later(kit, minutes=10)
    assert kit.platform.costs.report().unmetered == ()


def test_they_stand_in_the_warehouse_file_beside_what_teams_serve(kit: Kit) -> None:
    select = "SELECT DISTINCT name FROM raw.shop.visits"
    kit.served("visitors", ("name string required key",), select, materialization="table")
    kit.materialize("served.visitors")
    turn = kit.platform.own_publishing.turn(kit.run())
    assert set(turn.file.versions) == {"served.shop.visitors", *(f"served.platform.{name}" for name in NAMES)}
    tables = in_the_file(
        kit, "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE schema_name <> 'main'"
    )
    assert {one for (one,) in tables} == {"shop.visitors", *(f"platform.{name}" for name in NAMES)}
    kept = kit.platform.metastore.operations.sli_values.chunks(upto=kit.clock.now())
    assert in_the_file(kit, "SELECT count(*) FROM platform.sli_values") == [(sum(map(len, kept)),)]
    ((said,),) = in_the_file(
        kit, "SELECT comment FROM duckdb_columns() WHERE table_name = 'run_slots' AND column_name = 'due_at'"
    )
    assert said == "The deadline."


def test_the_documented_table_and_query_are_right_by_the_query_command_and_in_the_file(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[3] / "docs/reference/slis/README.md").read_text(encoding="utf-8")
    own = kit.platform.own_project.datasets
    lines = re.findall(r"^\| `(served\.platform\.\w+)` \| ([^|]+) \| ([^|]+) \|$", page, re.MULTILINE)
    assert {name: re.findall(r"`(\w+)`", columns) for name, _, columns in lines} == {
        str(name): [column.name for column in dataset.contract.columns] for name, dataset in own.items()
    }
    grains = {name: grain.partition(":")[0].replace(" and ", ", ").split(", ") for name, grain, _ in lines}
    keys = {str(name): len(dataset.contract.primary_key) for name, dataset in own.items()}
    assert {name: len(grain) for name, grain in grains.items()} == keys
    kit.reopen()
    ((sql,),) = [re.findall(r"^```sql\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)]
    kit.platform.own_publishing.turn(kit.run())
    sql = sql.replace("current_date - 7", "DATE '2026-03-13'")
    in_file = in_the_file(kit, sql.replace("served.platform.", "platform."))
    monkeypatch.setenv("DATA_PLATFORM_HOME", str(kit.platform.settings.home))
    monkeypatch.setenv("DATA_PLATFORM_DOMAINS", str(kit.folder / "domains"))
    assert query(statement=sql, as_of=None, unmask=False, form="json", limit=None) == 0
    by_command = json.loads(capsys.readouterr().out)
    assert [tuple(row.values()) for row in by_command["rows"]] == in_file == [("raw.shop.visits", 0.0, 0)]


def test_the_file_is_built_again_only_where_something_new_was_published(kit: Kit) -> None:
    assert kit.platform.own_publishing.turn(kit.run()).file.rebuilt
    assert not kit.platform.own_publishing.turn(kit.run()).file.rebuilt
    later(kit, hours=1)
    kit.platform.slis.measure(kit.clock.now())
    assert kit.platform.own_publishing.turn(kit.run()).file.rebuilt
    ((newest,),) = in_the_file(
        kit, "SELECT max(measured_at) >= TIMESTAMPTZ '2026-03-20 13:00:00Z' FROM platform.sli_values"
    )
    assert newest


def test_what_is_published_is_told_to_the_lineage_as_a_copy_with_columns(kit: Kit) -> None:
    kit.platform.own_publishing.turn(kit.run())
    kit.platform.delivery.once()
    line = kit.platform.metastore.catalog.reads.dataset("data_platform", name="warehouse.platform.sli_values")
    assert line is not None
    scanned = kit.platform.scanner.scan()
    assert (scanned.scan.unmanaged, scanned.scan.drifted, scanned.scan.missing) == (0, 0, 0)
    assert "warehouse.platform.sli_values" in {one.name for one in scanned.findings}


def test_a_turn_is_had_once_an_hour_whoever_asks(kit: Kit) -> None:
    publishing = kit.platform.own_publishing
    assert publishing.turn_if_due() is not None
    assert publishing.turn_if_due() is None
    later(kit, minutes=59)
    assert publishing.turn_if_due() is None
    later(kit, minutes=2)
    assert publishing.turn_if_due() is not None
    beat = kit.platform.metastore.operations.component_beats.of(OWN_DATASETS)
    assert beat is not None
    publishing.beats.beat(replace(beat, instance="elsewhere:1"))
    later(kit, minutes=62)
    assert not publishing.is_due()  # the one who had the last turn comes first
    later(kit, minutes=4)
    assert publishing.is_due()


def test_two_that_find_it_due_at_once_publish_once(kit: Kit) -> None:
    publishing, turns = kit.platform.own_publishing, []
    barrier = threading.Barrier(2)

    def have_it() -> None:
        barrier.wait()
        turns.append(publishing.turn_if_due())

    threads = [threading.Thread(target=have_it) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(turn is None for turn in turns) == [False, True]
    assert table(kit, "sli_values").version() == 1


def test_the_thread_publishes_at_once_and_outlives_a_failing_turn(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Semaphore(0)

    def publishing() -> Any:
        asked.release()
        if not table(kit, "sli_values").exists():
            return kit.platform.own_publishing
        raise SourceUnavailable("the store is gone")

    with HourlyPublishing(publishing, every_seconds=0.01):
        for _ in range(3):
            assert asked.acquire(timeout=60)
    assert table(kit, "sli_values").version() == 1


def test_when_publishing_stops_the_platform_team_gets_a_ticket(kit: Kit) -> None:
    kit.platform.own_publishing.turn_if_due()
    later(kit, hours=3, minutes=59)
    assert incidents(kit)[1:] == []
    (one,) = [one for one in incidents(kit) if one[0] == "watch_silent"]
    assert one[:3] == ("watch_silent", OWN_DATASETS, "ticket")
    kit.platform.own_publishing.turn_if_due()
    later(kit, minutes=40)
    assert [one for one in incidents(kit) if one[0] == "watch_silent"] == []


def test_a_turn_that_somebody_asked_for_promises_no_other(kit: Kit) -> None:
    beats = kit.platform.metastore.operations.component_beats
    kit.platform.own_publishing.turn(kit.run())
    assert beats.of(OWN_DATASETS) is None
    kit.platform.own_publishing.turn(kit.run(), is_hourly=True)
    before = beats.of(OWN_DATASETS)
    later(kit, minutes=10)
    kit.platform.own_publishing.turn(kit.run())
    after = beats.of(OWN_DATASETS)
    assert before is not None
    assert after is not None
    assert (after.beat_at > before.beat_at, after.expected_every_seconds) == (True, 3600.0)


def test_a_dataset_that_cannot_be_published_opens_an_incident_for_the_platform_team(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.reopen()
    narrow(kit, "run_slots", "sli_values")
    broken("run_slots", monkeypatch)
    with pytest.raises(PartlyPublished, match=r"served\.platform\.run_slots: SourceUnavailable"):
        kit.platform.own_publishing.turn_if_due()
    assert in_the_file(kit, "SELECT count(*) > 0 FROM platform.sli_values") == [(True,)]
    found = [one for one in incidents(kit) if one[0] == "run_failed"]
    assert found == [("run_failed", "served.platform.run_slots", "ticket", "Data Platform")]


def test_a_file_that_cannot_be_built_is_told_though_the_datasets_are_published(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(Warehouse, "_write", full)
    with pytest.raises(PartlyPublished, match="warehouse: OSError"):
        kit.platform.own_publishing.turn_if_due()
    assert table(kit, "sli_values").version() == 1
    assert ("watch_silent", f"{OWN_DATASETS}/warehouse") in {one[:2] for one in incidents(kit)}


def test_upkeep_joins_their_days_and_drops_what_only_old_versions_name(kit: Kit) -> None:
    ref = TableRef(Zone.SERVED, "platform", "sli_values")
    name = DatasetName.parse("served.platform.sli_values")
    for _ in range(5):
        kit.platform.own_datasets.publish(name, run=kit.run())
        later(kit, days=1)
        kit.platform.slis.measure(kit.clock.now())
    kit.platform.own_datasets.publish(name, run=kit.run())
    rows = kit.platform.lake.table(ref).snapshot().rows
    folder = kit.folder / "home" / "store" / ref.path
    many = {file.name for file in folder.glob("*.parquet")}
    tended = kit.platform.upkeep.tend(ref, small_files=4)
    assert (tended.files_before, tended.files_after, tended.vacuumed) == (6, 1, 0)
    assert len(list(folder.glob("*.parquet"))) == len(many) + 1
    assert kit.platform.own_datasets.publish(name, run=kit.run()) is None
    later(kit, days=8)
    (folder / "0123456789abcdef.parquet").write_bytes(b"about to be committed")
    assert kit.platform.upkeep.tend(ref, small_files=4).vacuumed == len(many)
    assert {file.name for file in folder.glob("*.parquet")} == {*files(kit, "sli_values"), "0123456789abcdef.parquet"}
    assert kit.platform.lake.table(ref).snapshot().rows == rows
    with pytest.raises(ConfigurationError, match="version 2 lost its files in upkeep"):
        relations_of(kit.platform, read_query(f"SELECT * FROM {name}"), 2)
    kit.platform.slis.measure(kit.clock.now() + timedelta(seconds=1))
    published = kit.platform.own_datasets.publish(name, run=kit.run())
    assert published is not None
    assert [count.partition for count in published.partitions] == ["2026-04-02"]
