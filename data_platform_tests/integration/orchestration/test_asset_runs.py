"""Assets run by Dagster over real tables."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import dagster as dg
import pytest

from data_platform.contracts.days import DayRange
from data_platform.errors import SourceUnavailable
from data_platform.orchestration import failures
from data_platform_tests.integration.orchestration.shop import Shop, declared, drop, verdicts

THREE_DAYS = DayRange.of(date(2026, 3, 1), date(2026, 3, 3))


def test_a_range_is_one_run_with_one_materialization_a_day(shop: Shop) -> None:
    drop(
        shop.kit,
        "a.csv",
        ("A1", "2026-03-01", "10"),
        ("A2", "2026-03-01", "20"),
        ("A3", "2026-03-03", "5"),
        ("A4", "2026-03-03", "5000"),
    )
    assert shop.run("raw.orders").success
    result = shop.run("curated.orders", "served.revenue", "served.totals", days=THREE_DAYS)
    assert result.success
    days = shop.materialized("curated.orders")
    assert {day: facts["dagster/partition_row_count"] for day, facts in days.items()} == {
        "2026-03-01": 2,
        "2026-03-02": 0,
        "2026-03-03": 1,
    }
    assert days["2026-03-03"]["fates"] == {"source": 2, "curated": 1, "quarantined": 1, "residual": 0}
    assert {facts["dagster/row_count"] for facts in days.values()} == {3}
    assert shop.materialized("served.totals")[None]["input_versions"] == {"curated.shop.orders": 1}
    assert {facts["table_version"] for facts in shop.materialized("served.revenue").values()} == {1}


def test_the_ledger_of_a_batch_is_shown_file_by_file(shop: Shop) -> None:
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"), ("A2", "2026-03-01", "many"))
    result = shop.run("raw.orders")
    [facts] = shop.materialized("raw.orders").values()
    [line] = (
        [record.data for record in facts["ledger"]]
        if isinstance(facts["ledger"], list)
        else [record.data for record in _records(result)]
    )
    assert (line["file"], line["source"], line["raw"], line["rejected"]) == ("a.csv", 2, 1, 1)
    assert verdicts(result, "raw.orders") == {
        "conservation": "passed",
        "readable": "failed",
        "scale": "not_applicable",
        "heartbeat": "passed",
    }


def test_columns_that_are_not_public_are_masked_wherever_values_show(shop: Shop) -> None:
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"), ("A2", "2026-03-01", "5000"))
    shop.run("raw.orders")
    result = shop.run("curated.orders", days=THREE_DAYS)
    events = [str(event) for event in result.all_events]
    assert any("A1" in event for event in events), "the preview shows public columns"
    assert not [event for event in events if "secret words" in event]


def test_a_blocked_publish_records_nothing_as_materialized_and_judges_every_check(shop: Shop) -> None:
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"))
    shop.run("raw.orders")
    assert shop.run("curated.orders", "served.revenue", days=THREE_DAYS).success
    drop(shop.kit, "b.csv", ("A2", "2026-03-02", "-50"))
    shop.run("raw.orders")
    before = shop.kit.rows("served.revenue")
    result = shop.run("curated.orders", "served.revenue", days=DayRange.of(date(2026, 3, 2), date(2026, 3, 2)))
    assert not result.success
    assert shop.kit.rows("served.revenue") == before
    assert sorted(verdicts(result, "served.revenue")) == declared(shop, "served.revenue")
    assert verdicts(result, "served.revenue")["total_bounds"] == "failed"
    [event] = [e for e in result.get_asset_check_evaluations() if e.check_name == "total_bounds"]
    assert (event.passed, event.severity, event.metadata["failing_rows"].value) == (
        False,
        dg.AssetCheckSeverity.ERROR,
        1,
    )
    assert not [e for e in result.get_asset_materialization_events() if e.asset_key.path[-1] == "revenue"]
    assert result.retry_attempts_for_node("served__shop__revenue") == 0


def test_a_quarantined_row_fails_its_check_without_failing_the_run(shop: Shop) -> None:
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"), ("A2", "2026-03-01", "5000"))
    shop.run("raw.orders")
    result = shop.run("curated.orders", days=THREE_DAYS)
    assert result.success
    [event] = [e for e in result.get_asset_check_evaluations() if e.check_name == "amount_bounds"]
    assert (event.passed, event.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert (event.metadata["failing_rows"].value, event.metadata["rows_examined"].value) == (1, 2)
    assert verdicts(result, "curated.orders")["conservation"] == "passed"


def test_an_empty_partition_is_not_applicable(shop: Shop) -> None:
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"))
    shop.run("raw.orders")
    result = shop.run("curated.orders", days=DayRange.of(date(2026, 3, 2), date(2026, 3, 2)))
    assert result.success
    assert verdicts(result, "curated.orders")["amount_bounds"] == "not_applicable"
    assert verdicts(result, "curated.orders")["conservation"] == "not_applicable"


def test_what_happens_before_any_check_leaves_every_check_unknown(shop: Shop) -> None:
    result = shop.run("served.totals")
    assert not result.success
    assert set(verdicts(result, "served.totals").values()) == {"unknown"}
    assert sorted(verdicts(result, "served.totals")) == declared(shop, "served.totals")
    assert shop.told.ended_with == {"served.shop.totals": "UpstreamBlocked"}


def test_a_source_that_does_not_answer_is_tried_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"))
    ingester = shop.kit.platform.ingester
    answers = iter([SourceUnavailable("asleep"), SourceUnavailable("asleep")])

    class Sleepy:
        place = ingester.place

        def ingest(self, entry: Any, run: Any) -> Any:
            error = next(answers, None)
            if error is not None:
                raise error
            return ingester.ingest(entry, run)

    shop.kit.platform.__dict__["ingester"] = Sleepy()
    monkeypatch.setattr("dagster._core.definitions.policy.RetryPolicy.calculate_delay", lambda *_: 0)
    result = shop.run("raw.orders")
    assert result.success
    assert result.retry_attempts_for_node("raw__shop__orders") == 2
    assert verdicts(result, "raw.orders") == {
        "conservation": "passed",
        "readable": "passed",
        "scale": "not_applicable",
        "heartbeat": "passed",
    }
    assert failures.MAX_RETRIES == 3


def test_everything_over_a_range_goes_the_whole_way(shop: Shop) -> None:
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"), ("A3", "2026-03-03", "5"))
    assert shop.run(job="everything", days=THREE_DAYS).success
    assert set(shop.materialized("curated.orders")) == {"2026-03-01", "2026-03-02", "2026-03-03"}
    assert shop.kit.rows("served.totals") == [{"orders": 2}]
    warehouse = shop.instance.get_latest_materialization_event(dg.AssetKey(["warehouse", "served"]))
    assert warehouse is not None


def test_the_warehouse_is_counted_as_people_open_it(shop: Shop) -> None:
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"))
    result = shop.run(job="everything", days=THREE_DAYS)
    [event] = [e for e in result.get_asset_check_evaluations() if e.check_name == "rows_match"]
    assert (event.passed, event.metadata["rows_examined"].value, event.metadata["tables"].value) == (True, 2, 2)


def test_one_partition_key_is_a_range_of_one_day(shop: Shop) -> None:
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"), ("A2", "2026-03-02", "20"))
    shop.run("raw.orders")
    assert shop.run(job="shop_daily", partition="2026-03-02").success
    assert {
        day: facts["dagster/partition_row_count"] for day, facts in shop.materialized("curated.orders").items()
    } == {"2026-03-02": 1}


def test_a_dataset_made_by_day_asks_for_its_days(shop: Shop) -> None:
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"))
    shop.run("raw.orders")
    result = shop.run("curated.orders")
    assert not result.success
    assert "--partition-range" in shop.told.messages["curated.shop.orders"]


def _records(result: dg.ExecuteInProcessResult) -> list[Any]:
    [event] = result.get_asset_materialization_events()
    return list(event.materialization.metadata["ledger"].records)  # type: ignore[union-attr]


def test_metadata_is_plain_json(shop: Shop) -> None:
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"))
    result = shop.run(job="everything", days=THREE_DAYS)
    for event in result.get_asset_check_evaluations():
        json.dumps({name: value.value for name, value in event.metadata.items()})
