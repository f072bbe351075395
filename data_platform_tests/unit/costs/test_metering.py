from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data_platform.clock import ManualClock
from data_platform.costs.metering import IDLE, KEEP_SECONDS, Meter
from data_platform.costs.ownership import Ownership
from data_platform.costs.process import Gauges
from data_platform.costs.usage import count
from data_platform.errors import RetryableError
from data_platform.metastore.engine import Metastore, open_metastore
from data_platform.metastore.run_meters import RunMeterEntry

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
ORDERS, ITEMS = "curated.shop.orders", "curated.shop.items"


@dataclass
class Process:
    """A process whose readings are set by hand."""

    wall: float = 100.0
    cpu: float = 50.0
    memory: int = 1000

    def works(self, wall: float, cpu: float = 0.0, memory: int | None = None) -> None:
        self.wall, self.cpu = self.wall + wall, self.cpu + cpu
        self.memory = self.memory if memory is None else memory


@dataclass
class Bench:
    """A meter over such a process; what it wrote is read back from the database."""

    metastore: Metastore
    process: Process = field(default_factory=Process)
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))

    def __post_init__(self) -> None:
        process = self.process
        self.meter = Meter(
            metastore=self.metastore,
            clock=self.clock,
            ownership=lambda dataset: Ownership(owner="Shop") if dataset == ORDERS else Ownership(),
            gauges=Gauges(
                wall_seconds=lambda: process.wall,
                cpu_seconds=lambda: process.cpu,
                memory_bytes=lambda: process.memory,
            ),
        )

    def written(self, dataset: str) -> RunMeterEntry:
        (line,) = self.metastore.operations.run_meters.of_dataset(dataset)
        return line


@pytest.fixture(scope="module")
def metastore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metastore]:
    opened = open_metastore(f"sqlite:///{tmp_path_factory.mktemp('meters')}/metastore.db")
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def bench(metastore: Metastore) -> Iterator[Bench]:
    metastore.operations.run_meters.prune(NOON + timedelta(days=365))
    one = Bench(metastore)
    yield one
    one.meter.close()


def test_a_run_is_metered_from_its_begin_to_its_end(bench: Bench) -> None:
    bench.process.works(3, cpu=1)
    with bench.meter.run(ORDERS, "run-1"):
        bench.process.works(4, cpu=6, memory=2000)
        count(read=70, written=20, logical_in=50)
        bench.clock.advance(timedelta(seconds=4))
    bench.process.works(5, cpu=2)
    bench.meter.keep()
    line = bench.written(ORDERS)
    assert (line.run_id, line.owner, line.metered_on) == ("run-1", "Shop", NOON.date())
    assert (line.wall_seconds, line.cpu_seconds) == (4, 6)
    assert (line.memory_byte_seconds, line.peak_memory_bytes) == (4 * 1500, 2000)
    assert (line.bytes_read, line.bytes_written, line.logical_bytes_in) == (70, 20, 50)
    assert line.ended_at - line.started_at == timedelta(seconds=4)
    assert bench.written(IDLE).cpu_seconds == 3


def test_runs_at_once_share_what_the_process_uses_and_nothing_is_counted_twice(bench: Bench) -> None:
    inside, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def other() -> None:
        with bench.meter.run(ITEMS, "run-2"):
            count(written=5)
            inside.set()
            go_on.wait(30)
        ended.set()

    thread = threading.Thread(target=other)
    with bench.meter.run(ORDERS, "run-1"):
        bench.process.works(1, cpu=2)
        thread.start()
        inside.wait(30)
        bench.process.works(10, cpu=8)
        go_on.set()
        ended.wait(30)
        bench.process.works(1, cpu=1)
        count(written=3)
    thread.join()
    bench.meter.keep()
    assert bench.written(ORDERS).cpu_seconds == 2 + 4 + 1
    assert bench.written(ITEMS).cpu_seconds == 4
    assert (bench.written(ORDERS).wall_seconds, bench.written(ITEMS).wall_seconds) == (12, 10)
    assert bench.written(ORDERS).memory_byte_seconds == (1 + 5 + 1) * 1000
    assert (bench.written(ORDERS).bytes_written, bench.written(ITEMS).bytes_written) == (3, 5)


def test_a_failed_run_is_metered_too(bench: Bench) -> None:
    def fail() -> None:
        with bench.meter.run(ORDERS, "run-1"):
            bench.process.works(1, cpu=1)
            count(written=9)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    bench.meter.sample()
    assert (bench.written(ORDERS).cpu_seconds, bench.written(ORDERS).bytes_written) == (1, 9)


def test_work_inside_a_run_is_not_the_run_s(bench: Bench) -> None:
    with bench.meter.run(ORDERS, "run-1"):
        bench.process.works(1, cpu=1)
        with bench.meter.work("upkeep"):
            bench.process.works(1, cpu=5)
            count(read=4)
        bench.process.works(1, cpu=2)
        count(read=1)
    bench.meter.keep()
    assert (bench.written(ORDERS).cpu_seconds, bench.written(ORDERS).bytes_read) == (3, 1)
    assert (bench.written("platform.upkeep").cpu_seconds, bench.written("platform.upkeep").bytes_read) == (5, 4)


def test_what_moves_no_bytes_is_written_with_what_does_and_at_the_end(bench: Bench, metastore: Metastore) -> None:
    for _ in range(5):
        with bench.meter.run(ORDERS, "run-1"):
            bench.process.works(1, cpu=1)
        bench.meter.sample()
    assert metastore.operations.run_meters.of_dataset(ORDERS) == ()
    with bench.meter.run(ITEMS, "run-1"):
        count(read=1)
        bench.process.works(1)
    bench.meter.sample()
    assert bench.written(ORDERS).cpu_seconds == 5
    with bench.meter.run(ORDERS, "run-1"):
        bench.process.works(1, cpu=1)
    bench.meter.close()
    assert bench.written(ORDERS).cpu_seconds == 6


def test_runs_that_follow_at_once_are_written_together_and_soon(bench: Bench, metastore: Metastore) -> None:
    for number in range(3):
        with bench.meter.run(ORDERS, f"run-{number}"):
            bench.process.works(1, cpu=1)
            count(read=1)
    deadline = time.monotonic() + 20
    while len(metastore.operations.run_meters.of_dataset(ORDERS)) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert {line.cpu_seconds for line in metastore.operations.run_meters.of_dataset(ORDERS)} == {1}
    assert len(metastore.operations.run_meters.of_dataset(ORDERS)) == 3
    while any(thread.name == "metering" for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(thread.name == "metering" for thread in threading.enumerate())


def test_a_run_that_ends_while_others_are_written_is_written_soon_too(bench: Bench, metastore: Metastore) -> None:
    known = bench.meter.ownership

    def during_the_write(dataset: str) -> Ownership:
        bench.meter.ownership = known
        with bench.meter.run(ITEMS, "run-2"):
            bench.process.works(1)
            count(read=1)
        return known(dataset)

    bench.meter.ownership = during_the_write
    with bench.meter.run(ORDERS, "run-1"):
        bench.process.works(1)
        count(read=1)
    deadline = time.monotonic() + 20
    while not metastore.operations.run_meters.of_dataset(ITEMS) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert bench.written(ITEMS).bytes_read == 1


def test_a_long_run_leaves_lines_while_it_is_under_way_so_that_a_killed_one_is_not_free(bench: Bench) -> None:
    with bench.meter.run(ORDERS, "run-1"):
        bench.process.works(KEEP_SECONDS + 1, cpu=7)
        count(written=11)
        bench.meter.sample()
        assert (bench.written(ORDERS).cpu_seconds, bench.written(ORDERS).bytes_written) == (7, 11)
        bench.process.works(1, cpu=2)
    bench.meter.keep()
    assert (bench.written(ORDERS).cpu_seconds, bench.written(ORDERS).bytes_written) == (9, 11)


def test_a_run_past_midnight_counts_on_both_days(bench: Bench, metastore: Metastore) -> None:
    with bench.meter.run(ORDERS, "run-1"):
        bench.process.works(60, cpu=7)
        bench.meter.sample()
        bench.clock.advance(timedelta(hours=13))
        bench.process.works(60, cpu=2)
    bench.meter.keep()
    lines = metastore.operations.run_meters.of_dataset(ORDERS)
    assert {(line.metered_on.day, line.cpu_seconds) for line in lines} == {(20, 7), (21, 2)}


def test_a_metastore_that_does_not_answer_fails_no_run_and_loses_nothing(tmp_path: Path) -> None:
    store = open_metastore(f"sqlite:///{tmp_path}/metastore.db")
    bench = Bench(store)  # it has no tables yet
    with bench.meter.run(ORDERS, "run-1"):
        bench.process.works(1, cpu=4)
        count(read=1)
    assert not bench.meter.keep()
    store.migrate()
    assert bench.meter.keep()
    assert (bench.written(ORDERS).cpu_seconds, bench.written(ORDERS).bytes_read) == (4, 1)
    bench.meter.close()
    store.close()


def test_an_owner_that_cannot_be_told_now_is_told_later(bench: Bench) -> None:
    def unknown(_dataset: str) -> Ownership:
        raise RetryableError("not now")

    known, bench.meter.ownership = bench.meter.ownership, unknown
    with bench.meter.run(ORDERS, "run-1"):
        bench.process.works(1, cpu=4)
        count(read=1)
    bench.meter.ownership = known
    assert bench.meter.keep()
    assert (bench.written(ORDERS).owner, bench.written(ORDERS).cpu_seconds) == ("Shop", 4)


def test_a_process_that_metered_nothing_writes_nothing(bench: Bench, metastore: Metastore) -> None:
    bench.process.works(9, cpu=9)
    bench.meter.close()
    assert metastore.operations.run_meters.of_dataset(IDLE) == ()


def test_counting_where_nothing_is_metered_charges_nobody() -> None:
    count(read=5, written=5, logical_in=5)
