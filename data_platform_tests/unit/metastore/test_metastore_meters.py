from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from data_platform.metastore.engine import Metastore
from data_platform.metastore.run_meters import RunMeterEntry, UnmeteredEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.storage_meters import StorageMeterEntry
from data_platform.metastore.tables import RunState

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
TODAY = NOON.date()
USED = RunMeterEntry(
    run_id="run-1",
    dataset="raw.shop.orders",
    metered_on=TODAY,
    started_at=NOON,
    ended_at=NOON + timedelta(seconds=4),
    owner="Shop",
    cost_centre="CC-1",
    tags={"product": "shop"},
    wall_seconds=4.0,
    cpu_seconds=2.5,
    memory_byte_seconds=4e12,
    peak_memory_bytes=3 << 30,
    bytes_read=1 << 40,
    bytes_written=7,
    logical_bytes_in=1 << 41,
)
STORED = StorageMeterEntry(
    place="tables/raw/shop/orders",
    metered_on=TODAY,
    zone="raw",
    dataset="raw.shop.orders",
    owner="Shop",
    cost_centre="CC-1",
    tags={"product": "shop"},
    size_bytes=1 << 42,
    files=3,
    metered_at=NOON,
)


def test_what_a_run_uses_twice_on_one_day_is_added(metastore: Metastore) -> None:
    meters = metastore.operations.run_meters
    meters.add([USED])
    again = replace(USED, started_at=NOON - timedelta(seconds=9), ended_at=NOON, peak_memory_bytes=1, owner="Retail")
    meters.add([again, replace(USED, dataset="curated.shop.orders")])
    assert meters.of_run("run-1")[0] == replace(
        USED,
        started_at=NOON - timedelta(seconds=9),
        owner="Retail",
        wall_seconds=8.0,
        cpu_seconds=5.0,
        memory_byte_seconds=8e12,
        bytes_read=1 << 41,
        bytes_written=14,
        logical_bytes_in=1 << 42,
    )
    assert meters.of_dataset("curated.shop.orders") == (replace(USED, dataset="curated.shop.orders"),)


def test_totals_are_by_dataset_and_whoever_answered_for_it_then(metastore: Metastore) -> None:
    meters = metastore.operations.run_meters
    meters.add(
        [
            USED,
            replace(USED, run_id="run-2"),
            replace(USED, run_id="run-2", metered_on=TODAY + timedelta(days=1)),
            replace(USED, run_id="run-3", owner="Retail"),
            replace(USED, run_id="run-4", metered_on=TODAY + timedelta(days=2)),
        ]
    )
    found = meters.totals(TODAY, TODAY + timedelta(days=1))
    assert [(one.owner, one.runs, one.cpu_seconds, one.bytes_read) for one in found] == [
        ("Retail", 1, 2.5, 1 << 40),
        ("Shop", 3, 7.5, 3 << 40),
    ]
    assert found[0].tags == {"product": "shop"}


def test_a_run_without_a_meter_is_told_once_it_cannot_be_written_any_more(metastore: Metastore) -> None:
    def begun(number: int, minutes: int) -> RunEntry:
        at = NOON - timedelta(minutes=minutes)
        return RunEntry(run_id=f"run-{number}", dataset=USED.dataset, started_at=at, state=RunState.RUNNING)

    metastore.runs.record([begun(1, 60), begun(2, 60), begun(3, 30), begun(4, 1), begun(5, 60 * 24 * 40)])
    metastore.operations.run_meters.add([USED])
    found = metastore.operations.run_meters.unmetered(
        date(2026, 3, 1), date(2026, 3, 31), now=NOON, grace=timedelta(minutes=2)
    )
    assert found == (UnmeteredEntry(dataset=USED.dataset, state=RunState.RUNNING, runs=2),)


def test_a_day_of_storage_is_replaced_whole(metastore: Metastore) -> None:
    meters = metastore.operations.storage_meters
    gone = replace(STORED, place="tables/raw/shop/gone")
    meters.replace(TODAY, [STORED, gone])
    meters.replace(TODAY + timedelta(days=1), [replace(gone, metered_on=TODAY + timedelta(days=1))])
    meters.replace(TODAY, [replace(STORED, size_bytes=5)])
    assert meters.of_day(TODAY) == (replace(STORED, size_bytes=5),)
    assert len(meters.of_day(TODAY + timedelta(days=1))) == 1


def test_stored_bytes_count_for_as_many_days_as_they_are_said_to(metastore: Metastore) -> None:
    meters = metastore.operations.storage_meters
    days = [TODAY + timedelta(days=number) for number in (0, 3, 5)]
    for day in days:
        meters.replace(day, [replace(STORED, metered_on=day), replace(STORED, metered_on=day, place="x", zone="other")])
    assert meters.days(days[1], days[2]) == tuple(days)
    assert meters.days(days[1] + timedelta(days=1), days[1] + timedelta(days=1)) == (days[1],)
    found = meters.totals({days[0]: 2, days[1]: 9})
    assert [(one.zone, one.byte_days) for one in found] == [("other", 11 << 42), ("raw", 11 << 42)]
    assert meters.totals({}) == ()


def test_old_meters_are_forgotten(metastore: Metastore) -> None:
    operations = metastore.operations
    old = TODAY - timedelta(days=10)
    operations.run_meters.add([USED, replace(USED, metered_on=old)])
    operations.storage_meters.replace(TODAY, [STORED])
    operations.storage_meters.replace(old, [replace(STORED, metered_on=old)])
    forgotten = metastore.prune(NOON - timedelta(days=9))
    assert (forgotten["run_meters"], forgotten["storage_meters"]) == (1, 1)
    assert operations.run_meters.of_run("run-1") == (USED,)
    assert operations.storage_meters.of_day(old) == ()
