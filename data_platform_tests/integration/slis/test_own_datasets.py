from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from data_platform.cli.reading import relations_of
from data_platform.contracts.model import DatasetName
from data_platform.errors import PartlyPublished, PublishBlocked, SourceUnavailable
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.lakehouse.tables import Table
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.table_rows import TableRows
from data_platform.metastore.tables import RunState
from data_platform.publication.candidate import Published
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


def table(kit: Kit, name: str) -> Table:
    return kit.platform.lake.table(TableRef(Zone.SERVED, "platform", name))


def files(kit: Kit, name: str) -> set[str]:
    return {file.path for file in table(kit, name).snapshot().files}


def values(kit: Kit) -> Iterator[Any]:
    return iter(kit.platform.metastore.operations.sli_values.chunks(upto=kit.clock.now()))


def day_of(kit: Kit, dataset: str) -> dict[str, Any]:
    (line,) = [line for line in read(kit, "dataset_days") if line["dataset"] == dataset]
    return line


def read(kit: Kit, name: str) -> list[dict[str, Any]]:
    snapshot = table(kit, name).snapshot()
    with kit.platform.engine.session() as con:
        return con.sql(snapshot.scan()).to_arrow_table().to_pylist()


def test_what_was_measured_is_published_audited_and_readable_like_any_dataset(kit: Kit) -> None:
    published = kit.platform.own_datasets.publish_all(kit.run())
    assert [str(one.commit.ref) for one in published] == [f"served.platform.{name}" for name in NAMES]
    metastore = kit.platform.metastore
    stored = [value for chunk in values(kit) for value in chunk]
    assert len(read(kit, "sli_values")) == len(stored) > 0
    verdicts = {check.rule: check.verdict for check in metastore.checks.latest("served.platform.sli_values")}
    assert verdicts["primary_key_unique"] == "passed"
    assert set(verdicts.values()) == {"passed"}
    assert metastore.runs.latest("served.platform.sli_values") is not None
    (relation,) = relations_of(kit.platform, read_query("SELECT * FROM served.platform.sli_values"), None)
    assert (relation.version, relation.classified) == (1, frozenset())


def test_publishing_again_without_news_commits_nothing(kit: Kit) -> None:
    kit.platform.own_datasets.publish_all(kit.run())
    runs = runs_of_the_rest(kit)
    assert published_again(kit) == []
    assert {table(kit, name).version() for name in NAMES if name != "run_meters"} == {1}
    assert runs_of_the_rest(kit) == runs


def test_only_the_days_that_changed_are_written_and_the_version_before_stays_readable(kit: Kit) -> None:
    kit.platform.own_datasets.publish_all(kit.run())
    yesterday = files(kit, "sli_values")
    later(kit, days=1)
    kit.platform.slis.measure(kit.clock.now())
    kit.platform.own_datasets.publish_all(kit.run())
    today = files(kit, "sli_values") - yesterday
    later(kit, hours=1)
    kit.platform.slis.measure(kit.clock.now())
    (one,) = [one for one in kit.platform.own_datasets.publish_all(kit.run()) if one.commit.ref.name == "sli_values"]
    assert [count.partition for count in one.partitions] == ["2026-03-21"]
    assert (len(today), one.commit.files_removed, one.commit.files_added) == (1, 1, 1)
    assert yesterday < files(kit, "sli_values")
    assert not today & files(kit, "sli_values")
    stored = [value for chunk in values(kit) for value in chunk]
    assert len(read(kit, "sli_values")) == len(stored)
    with kit.platform.engine.session() as con:
        rows = con.sql(table(kit, "sli_values").snapshot(1).scan()).to_arrow_table()
    assert rows.num_rows == sum(f"{value.measured_at:%d}" == "20" for value in stored) > 0


def test_a_run_of_an_older_day_that_ends_now_changes_its_day_alone(kit: Kit) -> None:
    begun = RunEntry(run_id="r1", dataset="curated.shop.visits", started_at=kit.clock.now(), state=RunState.RUNNING)
    kit.platform.metastore.runs.record([begun])
    kit.platform.own_datasets.publish_all(kit.run())
    later(kit, days=3)
    kit.platform.own_datasets.publish_all(kit.run())
    assert day_of(kit, "curated.shop.visits")["runs_failed"] == 0
    ended = replace(begun, state=RunState.FAILED, ended_at=kit.clock.now(), seconds=259_200.0)
    kit.platform.metastore.runs.record([ended])
    (one,) = published_again(kit)
    assert [count.partition for count in one.partitions] == ["2026-03-20"]
    line = day_of(kit, "curated.shop.visits")
    assert (line["runs"], line["runs_failed"], line["run_seconds"]) == (1, 1, 259_200.0)


def test_what_the_ledger_forgets_stays_published_until_its_retention_is_over(kit: Kit) -> None:
    kit.platform.own_datasets.publish_all(kit.run())
    there = len(read(kit, "sli_values"))
    later(kit, days=2)
    kit.platform.slis.measure(kit.clock.now())
    kit.platform.own_datasets.publish_all(kit.run())
    later(kit, days=398)
    kit.platform.slis.measure(kit.clock.now())
    kit.platform.metastore.prune(kit.clock.now() - timedelta(days=300))
    assert sum(f"{value.measured_at:%Y %d}" == "2026 20" for chunk in values(kit) for value in chunk) < there
    kit.platform.own_datasets.publish_all(kit.run())
    days = [row["measured_at"].date().isoformat() for row in read(kit, "sli_values")]
    assert days.count("2026-03-20") == there
    later(kit, days=333)
    kit.platform.own_datasets.publish_all(kit.run())
    assert {row["measured_at"].date().isoformat() for row in read(kit, "sli_values")} == {"2027-04-24"}


def test_another_query_publishes_every_day_anew(kit: Kit) -> None:
    kit.platform.own_datasets.publish_all(kit.run())
    later(kit, days=5)
    name = DatasetName.parse("served.platform.dataset_days")
    own = kit.platform.own_datasets
    made = own.project.dataset(name)
    text = (made.sql_text or "").replace("count(*) AS runs,", "CAST(7 AS BIGINT) AS runs,")
    project = replace(own.project, datasets={**own.project.datasets, name: replace(made, sql_text=text)})
    assert replace(own, project=project).publish(name, run=kit.run()) is not None
    assert day_of(kit, "raw.shop.visits")["runs"] == 7


def test_one_that_fails_holds_up_no_other_and_all_are_named(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = TableRows.reading

    def broken(rows: TableRows, name: str, days: Any = None) -> Any:
        if name in ("incidents", "run_slots"):
            raise SourceUnavailable(f"{name} cannot be read")
        return reading(rows, name, days)

    monkeypatch.setattr(TableRows, "reading", broken)
    with pytest.raises(PartlyPublished, match="3 datasets") as told:
        kit.platform.own_datasets.publish_all(kit.run())
    assert set(told.value.errors) == {f"served.platform.{name}" for name in ("dataset_days", "incidents", "run_slots")}
    assert all(name in str(told.value) for name in told.value.errors)
    others = [str(one.commit.ref) for one in told.value.published]
    assert others == [f"served.platform.{name}" for name in ("objectives", "run_meters", "sli_values")]
    assert (told.value.exit_code, len(read(kit, "sli_values")) > 0) == (3, True)
    failed = kit.platform.metastore.runs.latest("served.platform.incidents")
    assert failed is not None
    assert (failed.state, failed.error) == (RunState.FAILED, "SourceUnavailable: incidents cannot be read")
    monkeypatch.undo()
    assert len(published_again(kit)) == 3


def test_a_failure_that_is_over_is_no_failure_though_nothing_is_left_to_publish(kit: Kit) -> None:
    kit.platform.own_datasets.publish_all(kit.run())
    run = kit.run()
    kit.platform.recorder.failed("served.platform.incidents", run, SourceUnavailable("gone"), is_blocked=False)
    assert published_again(kit) == []
    latest = kit.platform.metastore.runs.latest("served.platform.incidents")
    assert latest is not None
    assert (latest.state, latest.output_version) == (RunState.SUCCEEDED, None)


def test_a_publish_that_its_audit_refuses_is_recorded_as_blocked_and_the_version_before_serves(kit: Kit) -> None:
    kit.platform.own_datasets.publish_all(kit.run())
    served = read(kit, "sli_values")
    later(kit, hours=1)
    kit.platform.slis.measure(kit.clock.now())
    name = DatasetName.parse("served.platform.sli_values")
    own = kit.platform.own_datasets
    made = own.project.dataset(name)
    twice = f"{made.sql_text} UNION ALL {made.sql_text}"
    project = replace(own.project, datasets={**own.project.datasets, name: replace(made, sql_text=twice)})
    with pytest.raises(PublishBlocked):
        replace(own, project=project).publish(name, run=kit.run())
    runs = kit.platform.metastore.runs.recent(dataset=str(name), limit=1)
    assert [(run.state, run.error.partition(":")[0]) for run in runs] == [(RunState.BLOCKED, "PublishBlocked")]
    assert read(kit, "sli_values") == served
    kit.platform.own_datasets.publish_all(kit.run())
    latest = kit.platform.metastore.runs.latest(str(name))
    assert latest is not None
    assert (latest.state, kit.platform.metastore.operations.failing_facts.blocked_partitions()) == (
        RunState.SUCCEEDED,
        (),
    )


def test_a_day_of_a_dataset_joins_runs_checks_freshness_and_use(kit: Kit) -> None:
    kit.platform.own_datasets.publish_all(kit.run())
    line = day_of(kit, "raw.shop.visits")
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


def published_again(kit: Kit) -> list[Published]:
    """What is published now, without the meters: publishing is metered too, by a thread that writes when it likes."""
    found = kit.platform.own_datasets.publish_all(kit.run())
    return [one for one in found if one.commit.ref.name != "run_meters"]


def runs_of_the_rest(kit: Kit) -> list[RunEntry]:
    return [run for run in kit.platform.metastore.runs.recent() if run.dataset != "served.platform.run_meters"]
