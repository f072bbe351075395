from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from data_platform.metastore.checks import CheckEntry
from data_platform.metastore.engine import Metastore
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.tables import RunState

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORDERS = "curated.commerce.orders"


def run(number: int, **changes: object) -> RunEntry:
    started = NOW + timedelta(minutes=number)
    entry = RunEntry(run_id=f"run-{number}", dataset=ORDERS, started_at=started, state=RunState.RUNNING)
    return replace(entry, **changes)  # type: ignore[arg-type]


def finished(number: int, state: RunState = RunState.SUCCEEDED, **changes: object) -> RunEntry:
    return run(number, state=state, ended_at=NOW + timedelta(minutes=number, seconds=2), seconds=2.0, **changes)


def check(rule: str, minute: int, **changes: object) -> CheckEntry:
    entry = CheckEntry(
        run_id=f"run-{minute}",
        dataset=ORDERS,
        rule=rule,
        kind="row",
        reason="NULL",
        severity="quarantine",
        verdict="passed",
        rows_examined=100,
        failing_rows=0,
        tolerance="0 rows",
        engine="duckdb",
        data_version=minute,
        contract_version="1.0.0",
        recorded_at=NOW + timedelta(minutes=minute),
    )
    return replace(entry, **changes)  # type: ignore[arg-type]


def test_a_finished_run_replaces_its_running_line(metastore: Metastore) -> None:
    done = finished(
        1, inputs={"raw.commerce.orders": 7}, range_from="2026-03-01", range_to="2026-03-02", output_version=3
    )
    metastore.runs.record([run(1)])
    metastore.runs.record([done])
    assert metastore.runs.get("run-1", dataset=ORDERS) == done
    assert metastore.runs.get("run-1", dataset="curated.commerce.other") is None


def test_a_retry_leaves_nothing_of_the_failed_attempt(metastore: Metastore) -> None:
    metastore.runs.record([finished(1, RunState.FAILED, error="PublishBlocked")])
    metastore.runs.record([run(1)])
    assert metastore.runs.get("run-1", dataset=ORDERS) == run(1)


def test_runs_are_found_by_dataset_and_state_the_last_begun_first(metastore: Metastore) -> None:
    other = run(4, dataset="served.commerce.daily")
    metastore.runs.record([finished(1), finished(2, RunState.FAILED), run(3), other])
    assert [entry.run_id for entry in metastore.runs.recent(limit=2)] == ["run-4", "run-3"]
    assert metastore.runs.latest(ORDERS) == run(3)
    assert metastore.runs.latest(ORDERS, state=RunState.SUCCEEDED) == finished(1)
    assert metastore.runs.recent(state=RunState.FAILED) == (finished(2, RunState.FAILED),)
    assert metastore.runs.latest("raw.commerce.none") is None


def test_of_runs_that_began_at_once_the_one_that_ended_last_is_the_latest(metastore: Metastore) -> None:
    first = finished(1, run_id="a", output_version=1)
    second = replace(first, run_id="b", output_version=2)  # both ended within one tick of the clock
    slower = replace(first, run_id="c", output_version=3, ended_at=NOW + timedelta(minutes=2))
    for newest, others in ((second, [first]), (slower, [first, second]), (run(1, run_id="d"), [slower, second])):
        metastore.runs.record([newest, *others])
        assert metastore.runs.latest(ORDERS) == newest


def test_one_run_may_cover_several_datasets(metastore: Metastore) -> None:
    second = run(1, dataset="served.commerce.daily", started_at=NOW + timedelta(hours=1))
    metastore.runs.record([second, run(1)])
    assert metastore.runs.of_run("run-1") == (run(1), second)


def test_pruning_runs_keeps_running_ones_and_the_last_of_each_dataset(metastore: Metastore) -> None:
    metastore.runs.record([finished(1), run(2), finished(3)])
    assert metastore.runs.prune(NOW + timedelta(days=1)) == 1
    assert {entry.run_id for entry in metastore.runs.recent()} == {"run-2", "run-3"}


def test_the_latest_verdict_of_each_rule_is_given_by_rule(metastore: Metastore) -> None:
    sample = ({"order_id": "•••"},)
    newest = check("b_rule", 3, verdict="failed", failing_rows=2, sample=sample)
    metastore.checks.record([check("b_rule", 1), newest, check("a_rule", 2), check("x", 9, dataset="other")])
    assert metastore.checks.latest(ORDERS) == (check("a_rule", 2), newest)
    assert metastore.checks.history(ORDERS, rule="b_rule") == (newest, check("b_rule", 1))
    assert metastore.checks.of_run("run-3") == (newest,)
    assert metastore.checks.of_run("run-3", dataset="other") == ()


def test_a_check_that_could_not_tell_keeps_its_unknowns(metastore: Metastore) -> None:
    unknown = check("a_rule", 1, verdict="unknown", rows_examined=None, failing_rows=None, data_version=None)
    metastore.checks.record([unknown])
    assert metastore.checks.latest(ORDERS) == (unknown,)


def test_a_retry_replaces_the_verdict_of_the_same_run(metastore: Metastore) -> None:
    metastore.checks.record([check("a_rule", 1, verdict="failed")])
    metastore.checks.record([check("a_rule", 1)])
    assert metastore.checks.history(ORDERS, rule="a_rule") == (check("a_rule", 1),)


def test_pruning_checks_keeps_the_newest_verdict_of_each_rule(metastore: Metastore) -> None:
    metastore.checks.record([check("a_rule", 1), check("a_rule", 2), check("b_rule", 1)])
    assert metastore.checks.prune(NOW + timedelta(days=1)) == 1
    assert metastore.checks.latest(ORDERS) == (check("a_rule", 2), check("b_rule", 1))
