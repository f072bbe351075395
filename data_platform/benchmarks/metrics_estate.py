"""A generated ledger for benchmarks of metrics, and how long a scrape of it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from data_platform.metastore.batches import BatchEntry
from data_platform.metastore.checks import CheckEntry
from data_platform.metastore.engine import Metastore
from data_platform.metastore.heartbeats import Heartbeat
from data_platform.metastore.repository import Repeat
from data_platform.metastore.run_meters import RunMeterEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.tables import Phase, RunState
from data_platform.observability.prometheus.metrics import Metrics

LAYERS = ("raw", "curated", "served")
DOMAINS = 20
_RULES = ("NULL_ORDER_ID", "UNIQUE_ORDER_ID")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeFigures:
    """How long scrapes take.

    Attributes:
        uncounted_seconds: of the first process of all, which finds a ledger that nobody has counted yet.
        first_seconds: the first of any other process.
        next_seconds: the median of those that follow, with an evaluation before each.
    """

    series: int
    size_bytes: int
    uncounted_seconds: float
    first_seconds: float
    next_seconds: float


def dataset_name(number: int) -> str:
    """A third of the datasets is raw; each raw one has one source and is read by the two that follow it."""
    return f"{LAYERS[number % 3]}.domain_{number // 3 % DOMAINS}.dataset_{number}"


def sources(datasets: int) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """Every source with the datasets that read its dataset."""
    return {
        (dataset_name(number), f"source_{number}"): tuple(
            dataset_name(other) for other in (number + 1, number + 2) if other < datasets
        )
        for number in range(0, datasets, 3)
    }


def fill_ledger(metastore: Metastore, *, datasets: int, days: int, now: datetime) -> None:
    """A batch, a run with its checks and its meter a day for each dataset."""
    for dataset, source in sources(datasets):
        metastore.batches._upsert(_batches(dataset, source, days, now), repeat=Repeat(), tx=None)
        metastore.heartbeats.beat(
            Heartbeat(
                dataset=dataset, source=source, kind="file_drop", instance="bench:1", phase=Phase.ENDED,
                started_at=now, beat_at=now, progressed_at=now, position={}, backlog=0,
            )
        )  # fmt: skip
    for first in range(0, datasets, 100):
        runs = [run for number in range(first, min(first + 100, datasets)) for run in _runs(number, days, now)]
        metastore.runs.record(runs)
        metastore.checks.record(_check(run, rule) for run in runs for rule in _RULES)
        metastore.operations.run_meters.add(map(_meter, runs))


def measure_scrapes(new: Callable[[], Metrics], change: Iterator[None], *, scrapes: int = 5) -> ScrapeFigures:
    """Scrapes once where nothing was counted, then as a new process does, then after each of the changes."""
    _, uncounted = _timed(new())
    metrics = new()
    text, first = _timed(metrics)
    following = []
    for _, _ in zip(range(scrapes), change, strict=False):
        text, seconds = _timed(metrics)
        following.append(seconds)
    following.sort()
    return ScrapeFigures(
        series=sum(not line.startswith("#") for line in text.splitlines()),
        size_bytes=len(text),
        uncounted_seconds=uncounted,
        first_seconds=first,
        next_seconds=following[len(following) // 2],
    )


def _timed(metrics: Metrics) -> tuple[str, float]:
    began = time.perf_counter()
    text = metrics.text()
    return text, time.perf_counter() - began


def _batches(dataset: str, source: str, days: int, now: datetime) -> Iterator[BatchEntry]:
    for number in range(days):
        at = now - timedelta(days=days - number)
        yield BatchEntry(
            dataset=dataset, source=source, number=number, batch_id=f"{source}/{number}", manifest_sha256="",
            received_at=at, contract_version="1.0.0", source_rows=1_000, raw_rows=990, rejected_rows=10,
            raw_version=number, rejected_version=number, recorded_at=at + timedelta(seconds=3),
        )  # fmt: skip


def _runs(number: int, days: int, now: datetime) -> Iterator[RunEntry]:
    name, source = dataset_name(number), dataset_name(number - number % 3)
    for day in range(days):
        at = now - timedelta(days=days - day) + timedelta(minutes=5)
        state = RunState.FAILED if (number + day) % 100 == 0 else RunState.SUCCEEDED
        yield RunEntry(
            run_id=f"run_{number}_{day}", dataset=name, started_at=at, ended_at=at + timedelta(seconds=20), state=state,
            inputs={source: day} if number % 3 else {}, seconds=20.0, output_version=day,
        )  # fmt: skip


def _check(run: RunEntry, rule: str) -> CheckEntry:
    return CheckEntry(
        run_id=run.run_id, dataset=run.dataset, rule=rule, kind="library", reason="", severity="block",
        verdict="passed" if run.state is RunState.SUCCEEDED else "failed", rows_examined=1_000, failing_rows=0,
        tolerance="", engine="duckdb", data_version=run.output_version, contract_version="1.0.0",
        recorded_at=run.started_at + timedelta(seconds=19),
    )  # fmt: skip


def _meter(run: RunEntry) -> RunMeterEntry:
    return RunMeterEntry(
        run_id=run.run_id, dataset=run.dataset, metered_on=run.started_at.date(), started_at=run.started_at,
        ended_at=run.started_at + timedelta(seconds=20), owner=run.dataset.split(".")[1], wall_seconds=20.0,
        cpu_seconds=12.5, bytes_read=1_000_000, bytes_written=400_000, logical_bytes_in=1_000_000,
    )  # fmt: skip
