"""The jobs that publish the platform's own datasets: what fails is seen in the run, and holds up nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from data_platform.errors import SourceUnavailable
from data_platform.metastore.component_beats import OWN_DATASETS
from data_platform.metastore.table_rows import TableRows
from data_platform.orchestration.own_datasets import own_datasets_job
from data_platform.orchestration.upkeep import upkeep_job
from data_platform.orchestration.warehouse import WAREHOUSE_KEY
from data_platform_tests.kit import Kit


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    kit = Kit(tmp_path)
    kit.raw("visits", ("id int required key",))
    kit.platform.slis.measure(kit.clock.now())
    yield kit
    kit.close()


@pytest.fixture
def no_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    reading = TableRows.reading

    def read(rows: TableRows, name: str, days: Any = None) -> Any:
        if name == "run_slots":
            raise SourceUnavailable("run_slots cannot be read")
        return reading(rows, name, days)

    monkeypatch.setattr(TableRows, "reading", read)


def launched(kit: Kit, job: dg.JobDefinition) -> dg.ExecuteInProcessResult:
    return job.execute_in_process(resources={"platform": kit.platform}, raise_on_error=False)


def failed(result: dg.ExecuteInProcessResult) -> set[str | None]:
    return {event.step_key for event in result.all_events if event.is_step_failure}


def metered(kit: Kit) -> int:
    lines = kit.platform.metastore.operations.storage_meters.of_day(kit.clock.now().date())
    return sum(line.size_bytes for line in lines)


def test_the_hourly_job_publishes_and_tells_dagster_of_the_file(kit: Kit) -> None:
    result = launched(kit, own_datasets_job())
    assert result.success
    told = [event.asset_key for event in result.all_events if event.event_type_value == "ASSET_MATERIALIZATION"]
    assert told == [WAREHOUSE_KEY]
    with duckdb.connect(str(kit.platform.settings.warehouse_file), read_only=True) as con:
        assert con.execute("SELECT count(*) > 0 FROM platform.sli_values").fetchall() == [(True,)]
    run = kit.platform.metastore.runs.latest("served.platform.sli_values")
    assert run is not None
    assert run.run_id == result.run_id
    beat = kit.platform.metastore.operations.component_beats.of(OWN_DATASETS)
    assert beat is not None
    assert beat.expected_every_seconds == 3600


@pytest.mark.usefixtures("no_slots")
def test_the_hourly_job_fails_with_every_name_after_publishing_the_others(kit: Kit) -> None:
    result = launched(kit, own_datasets_job())
    assert failed(result) == {"publish_measurements"}
    (event,) = [event for event in result.all_events if event.is_step_failure]
    told = str(event.step_failure_data.user_failure_data)
    assert "served.platform.run_slots" in told
    assert "served.platform.dataset_days" in told
    with duckdb.connect(str(kit.platform.settings.warehouse_file), read_only=True) as con:
        assert con.execute("SELECT count(*) > 0 FROM platform.sli_values").fetchall() == [(True,)]


@pytest.mark.usefixtures("no_slots")
def test_upkeep_meters_what_is_stored_last_though_not_all_was_published_and_fails_for_it(kit: Kit) -> None:
    result = launched(kit, upkeep_job())
    assert not result.success
    assert failed(result) == {"everything_is_published"}
    store = kit.folder / "home" / "store"
    assert metered(kit) == sum(file.stat().st_size for file in store.rglob("*") if file.is_file()) > 0


def test_publishing_comes_between_tending_and_metering(kit: Kit) -> None:
    steps = upkeep_job().graph.dependencies
    after = {node.name: {one.node for one in ins.values()} for node, ins in steps.items()}  # type: ignore[union-attr]
    assert after["publish_own_datasets"] == {"tend_tables"}
    assert after["costs_meter"] == after["everything_is_published"] == {"publish_own_datasets"}
