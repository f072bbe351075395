"""Objectives at size: what an evaluation of all of them takes over months of samples."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from data_platform.benchmarks.metrics_estate import (
    DOMAINS,
    ScrapeFigures,
    dataset_name,
    fill_ledger,
    measure_scrapes,
    sources,
)
from data_platform.contracts.domains import PLATFORM_DOMAIN
from data_platform.metastore.engine import Metastore, open_metastore
from data_platform.metastore.objective_samples import ObjectiveSample
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.observability.objectives.durations import Duration
from data_platform.observability.objectives.evaluation import Objectives
from data_platform.observability.objectives.model import Objective
from data_platform.observability.objectives.windows import DAY, FIVE_MINUTES, HOUR, KEPT, Window
from data_platform.observability.prometheus.metrics import Metrics

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
_CHUNK = 20_000
_TARGETS = {"freshness": 0.99, "pipeline_success": 0.967, "connector_heartbeat": 0.99, "completeness": 0.9995}
_EVENTS_A_DAY = {"freshness": 288, "pipeline_success": 1, "connector_heartbeat": 288, "completeness": 1}
_WINDOWS = {"freshness": "30d", "pipeline_success": "30d", "connector_heartbeat": "7d", "completeness": "1d"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveFigures:
    """What was measured.

    Attributes:
        first_seconds: an evaluation that takes everything for the first time.
        next_seconds: the evaluation of the next tick, with a new value for every indicator that is a state.
    """

    objectives: int
    samples: int
    first_seconds: float
    next_seconds: float
    database_bytes: int
    scrape: ScrapeFigures


def measure_objectives(
    folder: Path, *, datasets: int = 1_000, days: int = 90, report: Callable[[str], None]
) -> ObjectiveFigures:
    """Fills a new SQLite metastore below `folder` with samples and evaluates them."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"objectives-{uuid.uuid4().hex[:8]}.db"
    metastore = open_metastore(f"sqlite:///{file}")
    metastore.migrate()
    try:
        objectives = tuple(estate(datasets))
        evaluated = Objectives(metastore, lambda: objectives)
        evaluated.evaluate(NOW - timedelta(minutes=1))  # from here on no objective is new, and no history is replayed
        samples = _fill(metastore, objectives, days, report)
        first = _timed(lambda: evaluated.evaluate(NOW))
        _measure(metastore, objectives, NOW + timedelta(seconds=15))
        following = _timed(lambda: evaluated.evaluate(NOW + timedelta(seconds=15)))
        report("a ledger for the scrape")
        fill_ledger(metastore, datasets=datasets, days=days, now=NOW)
        followers = sources(datasets)
        scrape = measure_scrapes(
            lambda: Metrics(metastore, lambda: NOW, sources=followers, version="bench", disks=lambda: ()),
            _ticks(metastore, evaluated, objectives),
        )
        return ObjectiveFigures(
            objectives=len(objectives),
            samples=samples,
            first_seconds=first,
            next_seconds=following,
            database_bytes=file.stat().st_size,
            scrape=scrape,
        )
    finally:
        metastore.close()


def estate(datasets: int) -> Iterator[Objective]:
    """What contracts of so many datasets would promise: two objectives each, and two for each of a third of them."""
    for number in range(datasets):
        name = dataset_name(number)
        layer, domain, _ = name.split(".")
        for sli in ("freshness", "pipeline_success"):
            yield _objective(sli, name, domain)
        if layer == "raw":
            yield _objective("connector_heartbeat", f"{name}/source_{number}", domain)
            yield _objective("completeness", name, domain)
    for place in (PLATFORM_DOMAIN, *(f"domain_{number}" for number in range(DOMAINS))):
        yield _objective("pipeline_success", place, place)


def _objective(sli: str, subject: str, domain: str) -> Objective:
    window = Duration.parse(_WINDOWS[sli])
    assert window is not None
    return Objective(
        id=f"{sli}.{subject}",
        sli=sli,
        subject=subject,
        domain=domain,
        owner=domain,
        is_critical=False,
        target=_TARGETS[sli],
        window=Window(window),
    )


def _fill(metastore: Metastore, objectives: tuple[Objective, ...], days: int, report: Callable[[str], None]) -> int:
    chance = random.Random(7)
    made, total = _samples(objectives, days, chance), 0
    while chunk := list(islice(made, _CHUNK)):
        metastore.operations.objective_samples.add(chunk)
        total += len(chunk)
        if total % (20 * _CHUNK) == 0:
            report(f"{total:,} samples")
    return total


def _samples(objectives: tuple[Objective, ...], days: int, chance: random.Random) -> Iterator[ObjectiveSample]:
    """Buckets as evaluation would have left them: every width as long as it is kept, where there was something."""
    for one in objectives:
        daily = _EVENTS_A_DAY[one.sli]
        for width, span in ((DAY, timedelta(days=days)), (HOUR, KEPT[HOUR]), (FIVE_MINUTES, KEPT[FIVE_MINUTES])):
            events = max(1.0, daily * width / DAY)
            step = max(width, DAY // daily)
            for number in range(int(span.total_seconds()) // step):
                starts_at = one.window.bucket(width, NOW - timedelta(seconds=number * step))
                bad = float(chance.random() < 0.01)
                yield ObjectiveSample(
                    objective=one.id, width_seconds=width, starts_at=starts_at, good=events - bad, bad=bad, unknown=0.0
                )


def _measure(metastore: Metastore, objectives: tuple[Objective, ...], at: datetime) -> None:
    values = [
        SliValueEntry(
            sli=one.sli,
            subject=one.subject.split("/")[0],
            partition=one.subject.partition("/")[2],
            measured_at=at,
            value=None,
            good=15.0,
            provenance="benchmark",
        )
        for one in objectives
        if one.sli in ("freshness", "connector_heartbeat")
    ]
    metastore.operations.sli_values.append(
        values, sli="freshness", after=metastore.operations.sli_values.cursor("freshness")
    )


def _ticks(metastore: Metastore, evaluated: Objectives, objectives: tuple[Objective, ...]) -> Iterator[None]:
    """The watch goes on between scrapes."""
    for number in range(2, 100):
        at = NOW + number * timedelta(seconds=15)
        _measure(metastore, objectives, at)
        evaluated.evaluate(at)
        yield


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
