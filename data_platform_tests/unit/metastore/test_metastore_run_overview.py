from __future__ import annotations

from datetime import UTC, datetime, timedelta

from data_platform.metastore.engine import Metastore
from data_platform.metastore.partitions import WHOLE_TABLE, PartitionEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.tables import PartitionState, RunState

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)


def run(dataset: str, minutes: int, state: RunState, error: str = "") -> RunEntry:
    return RunEntry(
        run_id=f"{dataset}@{minutes}",
        dataset=dataset,
        started_at=NOON + timedelta(minutes=minutes),
        state=state,
        error=error,
    )


def test_a_dataset_fails_since_the_first_failure_after_its_last_success(metastore: Metastore) -> None:
    ok, failed, blocked, running = RunState.SUCCEEDED, RunState.FAILED, RunState.BLOCKED, RunState.RUNNING
    history = {
        "mended": [(0, ok), (1, failed), (2, ok)],
        "failing": [(0, failed), (1, ok), (3, failed), (5, blocked), (6, running)],
        "never": [(2, failed)],
        "well": [(4, ok)],
    }
    metastore.runs.record(
        [run(name, at, state, f"{name} {at}") for name, runs in history.items() for at, state in runs]
    )
    found = metastore.operations.run_overview.failing()
    assert [(one.dataset, one.since, one.failures, one.run_id, one.state, one.error) for one in found] == [
        ("never", NOON + timedelta(minutes=2), 1, "never@2", failed, "never 2"),
        ("failing", NOON + timedelta(minutes=3), 2, "failing@5", blocked, "failing 5"),
    ]
    assert found[1].failed_at == NOON + timedelta(minutes=5)


def test_recent_runs_are_those_of_the_datasets_asked_for_newest_first(metastore: Metastore) -> None:
    metastore.runs.record([run(name, at, RunState.FAILED if at % 2 else RunState.SUCCEEDED)
                           for at, name in enumerate("abcabc")])  # fmt: skip
    overview = metastore.operations.run_overview
    assert [one.run_id for one in overview.recent(limit=2)] == ["c@5", "b@4"]
    assert [one.run_id for one in overview.recent(["a", "c"])] == ["c@5", "a@3", "c@2", "a@0"]
    assert [one.run_id for one in overview.recent(["a", "c"], failed_only=True)] == ["c@5", "a@3"]
    assert overview.recent([]) == ()


def test_rows_are_those_of_the_last_days_of_each_dataset(metastore: Metastore) -> None:
    metastore.partitions.record(
        PartitionEntry(
            dataset=dataset,
            partition=partition,
            raw_dataset="raw",
            raw_version=1,
            table_version=version,
            run_id=f"run-{version}",
            state=PartitionState.PUBLISHED,
            raw_rows=rows,
            recorded_at=NOON + timedelta(minutes=version),
        )
        for dataset, partition, version, rows in [
            ("a", "2026-03-01", 1, 10),
            ("a", "2026-03-02", 1, 20),
            ("a", "2026-03-02", 2, 25),
            ("a", "2026-03-03", 2, 30),
            ("a", WHOLE_TABLE, 2, 99),
            ("b", "2026-02-01", 1, 5),
            ("c", "2026-03-03", 1, 1),
        ]
    )
    found = metastore.operations.run_overview.partition_rows(["a", "b"], limit=2)
    assert [(one.dataset, one.partition, one.raw_rows) for one in found] == [
        ("a", "2026-03-02", 25),
        ("a", "2026-03-03", 30),
        ("b", "2026-02-01", 5),
    ]
