from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data_platform.cli.reading import relations_of
from data_platform.contracts.model import DatasetName
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.transforms.query import read_query
from data_platform_tests.kit import Kit, at, csv_text, later

NAMES = ("dataset_days", "incidents", "objectives", "run_meters", "run_slots", "sli_values")


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    kit = Kit(tmp_path)
    columns = ["id int required key", "seen timestamp", "name string"]
    kit.raw("visits", columns, watermark="seen")
    kit.drop("visits/a.csv", csv_text(["id", "seen", "name"], [[1, at("2026-03-19"), "a"], ["x", "", "b"]]))
    kit.ingest("visits")
    kit.platform.slis.measure(kit.clock.now())
    yield kit
    kit.close()


def read(kit: Kit, name: str) -> list[dict[str, Any]]:
    snapshot = kit.platform.lake.table(TableRef(Zone.SERVED, "platform", name)).snapshot()
    with kit.platform.engine.session() as con:
        return con.sql(snapshot.scan()).to_arrow_table().to_pylist()


def test_what_was_measured_is_published_audited_and_readable_like_any_dataset(kit: Kit) -> None:
    published = kit.platform.own_datasets.publish_all(kit.run())
    assert [str(one.commit.ref) for one in published] == [f"served.platform.{name}" for name in NAMES]
    metastore = kit.platform.metastore
    stored = [value for chunk in metastore.operations.sli_values.chunks(upto=kit.clock.now()) for value in chunk]
    assert len(read(kit, "sli_values")) == len(stored) > 0
    verdicts = {check.rule: check.verdict for check in metastore.checks.latest("served.platform.sli_values")}
    assert verdicts["primary_key_unique"] == "passed"
    assert set(verdicts.values()) == {"passed"}
    assert metastore.runs.latest("served.platform.sli_values") is not None
    (relation,) = relations_of(kit.platform, read_query("SELECT * FROM served.platform.sli_values"), None)
    assert (relation.version, relation.classified) == (1, frozenset())


def test_publishing_again_replaces_and_the_version_before_stays_readable(kit: Kit) -> None:
    first, second = (kit.platform.own_datasets.publish_all(kit.run()) for _ in range(2))
    assert [(a.commit.version, b.commit.version) for a, b in zip(first, second, strict=True)] == [(1, 2)] * len(NAMES)
    table = kit.platform.lake.table(TableRef(Zone.SERVED, "platform", "sli_values"))
    assert table.snapshot(1).rows == table.snapshot(2).rows


def test_a_day_of_a_dataset_joins_runs_checks_freshness_and_use(kit: Kit) -> None:
    kit.platform.own_datasets.publish_all(kit.run())
    (line,) = [line for line in read(kit, "dataset_days") if line["dataset"] == "raw.shop.visits"]
    (batch,) = kit.platform.metastore.batches.of("raw.shop.visits")
    checks = kit.platform.metastore.checks.of_run(batch.run_id or "")
    assert (line["day"].isoformat(), line["runs"], line["runs_failed"]) == ("2026-03-20", 1, 0)
    assert (line["checks"], line["contract_version"]) == (len(checks), "1.0.0")
    assert line["oldest_seconds"] == 26 * 3600 + 1  # from ten in the morning of the 19th until the measurement
    assert line["incidents"] == 0


def test_they_are_no_part_of_the_project_and_no_gap_in_the_catalog(kit: Kit) -> None:
    project = kit.platform.project
    assert {name.domain for name in project.datasets} == {"shop"}
    assert DatasetName.parse("served.platform.sli_values") in kit.platform.estate.datasets
    before = kit.platform.scanner.scan().scan
    kit.platform.own_datasets.publish_all(kit.run())
    later(kit, seconds=1)
    after = kit.platform.scanner.scan().scan
    assert (before.unmanaged, before.missing, after.unmanaged, after.missing, after.drifted) == (0, 0, 0, 0, 0)
    assert after.cataloged - before.cataloged == len(NAMES)
