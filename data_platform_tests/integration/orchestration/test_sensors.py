"""What sensors and schedules ask for, and that they ask once."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from data_platform.contracts.days import DayRange
from data_platform.orchestration.build import definitions_of
from data_platform.orchestration.pruning import prune_runs
from data_platform.orchestration.requests import stale_requests
from data_platform.orchestration.sensors import STALE_PARTITIONS, ingest_requests, is_under_way
from data_platform_tests.integration.orchestration.shop import Shop, drop
from data_platform_tests.kit import NOON, later


def ingests(shop: Shop) -> list[dg.RunRequest]:
    return ingest_requests(shop.location, shop.kit.platform)


def stale(shop: Shop) -> list[tuple[list[str], str | None, str | None]]:
    return [
        (
            sorted(key.path[-1] for key in request.asset_selection or ()),
            request.tags.get("dagster/asset_partition_range_start"),
            request.tags.get("dagster/asset_partition_range_end"),
        )
        for request in stale_requests(shop.location, shop.kit.platform)
    ]


def test_new_files_are_seen_once_and_not_again_once_ingested(shop: Shop) -> None:
    assert ingests(shop) == []
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"))
    [first] = ingests(shop)
    assert first.asset_selection == [dg.AssetKey(["raw", "shop", "orders"])]
    assert [again.run_key for again in ingests(shop)] == [first.run_key]
    drop(shop.kit, "b.csv", ("A2", "2026-03-01", "10"))
    [second] = ingests(shop)
    assert second.run_key != first.run_key
    shop.kit.ingest("orders")
    assert ingests(shop) == []


def test_files_that_stay_new_are_asked_for_again_an_hour_later(shop: Shop) -> None:
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"))
    [first] = ingests(shop)
    later(shop.kit, hours=1)
    assert [request.run_key for request in ingests(shop)] != [first.run_key]


def test_a_changed_file_of_the_same_name_is_new(shop: Shop) -> None:
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"))
    shop.kit.ingest("orders")
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"), ("A2", "2026-03-01", "11"))
    assert len(ingests(shop)) == 1


def test_exactly_the_affected_partitions_are_asked_for(shop: Shop) -> None:
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"), ("A2", "2026-03-02", "10"), ("A3", "2026-03-05", "10"))
    shop.kit.ingest("orders")
    assert stale(shop) == [
        (["orders", "revenue"], "2026-03-01", "2026-03-02"),
        (["orders", "revenue"], "2026-03-05", "2026-03-05"),
    ]
    for first, last in (("2026-03-01", "2026-03-02"), ("2026-03-05", "2026-03-05")):
        shop.kit.materialize("curated.orders", first, last)
        shop.kit.materialize("served.revenue", first, last)
    assert stale(shop) == [(["totals"], None, None)]
    shop.kit.materialize("served.totals")
    assert stale(shop) == []
    drop(shop.kit, "b.csv", ("A4", "2026-03-02", "10"))
    shop.kit.ingest("orders")
    assert stale(shop) == [(["orders", "revenue", "totals"], "2026-03-02", "2026-03-02")]


def test_what_is_asked_for_runs_as_asked(shop: Shop) -> None:
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"), ("A2", "2026-03-02", "10"))
    shop.kit.ingest("orders")
    assert shop.run(
        "curated.orders",
        "served.revenue",
        "served.totals",
        days=DayRange.of(NOON.date().replace(day=1), NOON.date().replace(day=2)),
    ).success
    assert stale(shop) == []


def test_a_blocked_day_is_asked_for_again_when_its_input_changes_or_the_next_day(shop: Shop) -> None:
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "-10"))
    shop.kit.ingest("orders")
    shop.kit.materialize("curated.orders", "2026-03-01")
    [first] = keys(shop)
    shop.run(
        "served.revenue", "served.totals", days=DayRange.of(NOON.date().replace(day=1), NOON.date().replace(day=1))
    )
    [blocked] = keys(shop)
    later(shop.kit, hours=1)
    assert keys(shop) == [blocked], "a gate that said no is not asked every hour"
    later(shop.kit, days=1)
    assert keys(shop) != [blocked]
    drop(shop.kit, "b.csv", ("A2", "2026-03-01", "30"))
    shop.kit.ingest("orders")
    assert blocked not in keys(shop)
    assert first


def keys(shop: Shop) -> list[str | None]:
    return [request.run_key for request in stale_requests(shop.location, shop.kit.platform)]


def test_a_sensor_waits_for_the_runs_it_asked_for(shop: Shop) -> None:
    shop.instance.create_run_for_job(
        definitions_of(shop.location).resolve_implicit_global_asset_job_def(),
        status=dg.DagsterRunStatus.STARTED,
        tags={"dagster/sensor_name": STALE_PARTITIONS},
        asset_selection=frozenset([dg.AssetKey(["raw", "shop", "orders"])]),
    )
    assert is_under_way(shop.instance, STALE_PARTITIONS)
    assert not is_under_way(shop.instance, "new_files")


def test_sensors_and_schedules_evaluate_against_the_location(shop: Shop) -> None:
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"))
    repository = definitions_of(shop.location).get_repository_def()
    with dg.build_sensor_context(instance=shop.instance, repository_def=repository) as context:
        tick = repository.get_sensor_def("new_files").evaluate_tick(context)
    assert [request.asset_selection for request in tick.run_requests or ()] == [
        [dg.AssetKey(["raw", "shop", "orders"])]
    ]
    shop.kit.ingest("orders")
    with dg.build_sensor_context(instance=shop.instance, repository_def=repository) as context:
        tick = repository.get_sensor_def("stale_partitions").evaluate_tick(context)
    assert [request.tags["dagster/asset_partition_range_start"] for request in tick.run_requests or ()] == [
        "2026-03-01"
    ]
    with dg.build_schedule_context(
        instance=shop.instance, repository_def=repository, scheduled_execution_time=NOON
    ) as at_night:
        tick = repository.get_schedule_def("shop_refresh").evaluate_tick(at_night)
    assert [len(request.asset_selection or ()) for request in tick.run_requests or ()] == [3]


def test_pruning_keeps_the_newest_materialization_of_every_partition(shop: Shop) -> None:
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"))
    old = shop.run("raw.orders").run_id
    kept = shop.run("raw.orders").run_id
    failed = shop.run("served.totals").run_id
    key = dg.AssetKey(["raw", "shop", "orders"])
    now = max(record.create_timestamp for record in shop.instance.get_run_records()) + timedelta(seconds=1)
    assert prune_runs(shop.instance, [key], before=now - timedelta(days=1)) == 0
    assert prune_runs(shop.instance, [key], before=now) == 2
    assert {run.run_id for run in shop.instance.get_runs()} == {kept}
    assert {old, failed}.isdisjoint({kept})
