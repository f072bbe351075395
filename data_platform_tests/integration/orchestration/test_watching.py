"""What Dagster is told of connectors: their heartbeats as a check, and what a collector committed as materializations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import dagster as dg
import pytest

from data_platform.clock import ManualClock
from data_platform.connectors.heartbeat import Heart
from data_platform.errors import SourceRefused
from data_platform.metastore.heartbeats import Heartbeat
from data_platform.metastore.tables import Phase
from data_platform.orchestration import heartbeats as watching
from data_platform.orchestration import sensors
from data_platform.orchestration.build import definitions_of
from data_platform_tests.integration.orchestration.shop import Shop, drop

RAW = dg.AssetKey(["raw", "shop", "orders"])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def tick(shop: Shop, instance: dg.DagsterInstance, name: str, cursor: str | None) -> dg.SensorResult:
    """One evaluation of a sensor, over the shop's platform and its clock."""
    found = definitions_of(shop.location, platform=shop.kit.platform).get_repository_def().get_sensor_def(name)
    with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
        result = found(context)
    assert isinstance(result, dg.SensorResult)
    return result


@pytest.fixture(autouse=True)
def shops_platform(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sensors open a platform of their own, with the machine's clock; here they get the shop's."""

    class Opened:
        def __init__(self, _: object) -> None: ...

        def __enter__(self) -> object:
            return shop.kit.platform

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(watching, "open_platform", Opened)
    monkeypatch.setattr(sensors, "open_platform", Opened)


def beat(shop: Shop) -> Heartbeat:
    found = shop.kit.platform.metastore.heartbeats.of("raw.shop.orders", source="orders")
    assert found is not None
    return found


def watch(shop: Shop, instance: dg.DagsterInstance, cursor: str | None) -> tuple[dg.AssetCheckEvaluation | None, str]:
    result = tick(shop, instance, watching.HEARTBEATS, cursor)
    assert len(result.asset_events) <= 1
    (event,) = result.asset_events or (None,)
    assert event is None or isinstance(event, dg.AssetCheckEvaluation)
    assert result.cursor is not None
    return event, result.cursor


def expecting(shop: Shop, **options: object) -> None:
    entry = shop.kit.entry("orders")
    changed = replace(entry, options={**entry.options, **options})
    project = shop.kit.platform.project
    domain = replace(project.domains[0], connectors=(changed,))
    shop.kit.platform.__dict__["project"] = replace(project, domains=(domain,))


def store(shop: Shop, **facts: object) -> None:
    """Writes the beat of a moment later: alive and well, but for `facts`."""
    assert isinstance(shop.kit.clock, ManualClock)
    shop.kit.clock.advance(timedelta(seconds=1))
    now = shop.kit.clock.now()
    well = replace(
        beat(shop),
        beat_at=now,
        progressed_at=now,
        started_at=now - timedelta(hours=2),
        phase=Phase.RUNNING,
        ended_at=None,
        next_expected_at=None,
        backlog=0,
        error="",
    )
    shop.kit.platform.metastore.heartbeats.beat(replace(well, **facts))  # type: ignore[arg-type]


def test_each_fault_becomes_a_failed_check_with_a_diagnosis_of_its_own(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    assert isinstance(shop.kit.clock, ManualClock)
    expecting(shop, expect_every="PT1H")
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"))
    shop.kit.ingest("orders")
    event, cursor = watch(shop, instance, None)
    assert event is not None
    assert event.passed
    assert watch(shop, instance, cursor)[0] is None  # nothing changed, so nothing is told again

    long_ago = shop.kit.clock.now() - timedelta(minutes=5)
    faults: dict[str, dict[str, object]] = {
        "dead": {"beat_at": shop.kit.clock.now() + timedelta(seconds=5), "instance": "elsewhere:7"},
        "stuck": {"progressed_at": long_ago, "backlog": 12},
        "refused": {"phase": Phase.REFUSED, "error": str(SourceRefused("the broker refused the credential"))},
        "failed": {"phase": Phase.FAILED, "error": "connection reset"},
    }
    for name, facts in faults.items():
        store(shop, **facts)
        if name == "dead":
            shop.kit.clock.advance(timedelta(seconds=70))
        event, cursor = watch(shop, instance, cursor)
        assert event is not None
        assert not event.passed
        assert f"orders is {name}: " in str(event.description)
        assert event.metadata["verdict"].value == "failed"
    store(shop)
    event, cursor = watch(shop, instance, cursor)
    assert event is not None
    assert event.passed
    shop.kit.clock.advance(timedelta(hours=2))  # it ran again, well, and brought nothing
    store(shop, phase=Phase.ENDED, ended_at=shop.kit.clock.now())
    event, cursor = watch(shop, instance, cursor)
    assert event is not None
    assert "orders is empty: " in str(event.description)


def test_an_unreadable_source_hides_no_other(shop: Shop, instance: dg.DagsterInstance) -> None:
    entry = shop.kit.entry("orders")
    project = shop.kit.platform.project
    broken = replace(entry, name="broken", options={"path": "x", "expect_every": "now and then"})
    domain = replace(project.domains[0], connectors=(broken, entry))
    shop.kit.platform.__dict__["project"] = replace(project, domains=(domain,))
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"))
    shop.kit.ingest("orders")
    event, _ = watch(shop, instance, None)
    assert event is not None
    shown = {one["source"]: one["state"] for one in event.metadata["sources"].value}  # type: ignore[index, union-attr]
    assert shown == {"broken": "unreadable", "orders": "resting"}


def test_a_killed_process_is_told_within_a_minute_of_its_next_beat(shop: Shop, instance: dg.DagsterInstance) -> None:
    entry, platform, clock = shop.kit.entry("orders"), shop.kit.platform, shop.kit.clock
    assert isinstance(clock, ManualClock)
    heart = Heart(entry, platform.metastore, clock)
    heart.__enter__()
    heart._rounds.stop()  # the process is gone: nobody beats, and nobody says that it ended
    cursor: str | None = None
    told_after = None
    for seconds in range(0, 121, 10):
        event, cursor = watch(shop, instance, cursor)
        if event is not None and not event.passed:
            told_after = seconds
            break
        clock.advance(timedelta(seconds=10))
    assert told_after is not None
    assert told_after <= 15 + 60
    assert "dead" in str(event.description)  # type: ignore[union-attr]


def test_what_a_collector_committed_becomes_a_materialization_once(shop: Shop, instance: dg.DagsterInstance) -> None:
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"), ("A2", "2026-03-02", "12"))
    shop.kit.ingest("orders")  # outside any Dagster run, as a collector does
    result = tick(shop, instance, sensors.STALE_PARTITIONS, None)
    event, *checks = result.asset_events
    assert isinstance(event, dg.AssetMaterialization)
    assert event.asset_key == RAW
    judged = {check.check_name: check.passed for check in checks if isinstance(check, dg.AssetCheckEvaluation)}
    assert judged == {"conservation": True, "readable": True, "scale": True}
    assert event.metadata["raw_rows"].value == 2
    asked = [
        (request.tags["dagster/asset_partition_range_start"], request.tags["dagster/asset_partition_range_end"])
        for request in result.run_requests or ()
        if request.tags
    ]
    assert asked == [("2026-03-01", "2026-03-02")]
    again = tick(shop, instance, sensors.STALE_PARTITIONS, result.cursor)
    assert again.asset_events == []
    assert [request.run_key for request in again.run_requests or ()] == [
        request.run_key for request in result.run_requests or ()
    ]


def test_what_a_dagster_run_ingested_is_told_by_the_run_alone(shop: Shop) -> None:
    drop(shop.kit, "a.csv", ("A1", "2026-03-01", "10"))
    shop.run("raw.orders")
    result = tick(shop, shop.instance, sensors.STALE_PARTITIONS, None)
    assert result.asset_events == []
