"""The catalog at size: events of a generated estate through the intake, then questions as people ask them. What
is loaded is in `catalog_estate`.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import psutil

from data_platform.benchmarks.catalog_estate import DOMAINS, NOUNS, PARTS, EstateSize, MadeDataset, events_of, generate
from data_platform.catalog.entries import Entries
from data_platform.catalog.impact import impact_of
from data_platform.catalog.intake import BATCH, Intake
from data_platform.catalog.naming import Named
from data_platform.catalog.search import Search
from data_platform.catalog.walks import Walks
from data_platform.clock import SystemClock
from data_platform.metastore.engine import Metastore, open_metastore


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One kind of question, asked many times."""

    name: str
    asked: int
    p50_seconds: float
    p95_seconds: float
    most_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogFigures:
    """What was measured.

    Attributes:
        cpu_seconds: of this process, for taking all events and making them.
        peak_bytes: this process's largest resident size while it took the events.
    """

    events: int
    events_per_second: float
    last_events_per_second: float
    cpu_seconds: float
    database_bytes: int
    peak_bytes: int
    timings: tuple[Timing, ...]


def measure_catalog(
    folder: Path, *, size: EstateSize, questions: int = 200, report: Callable[[str], None]
) -> CatalogFigures:
    """Loads an estate into a new SQLite catalog below `folder` and asks it."""
    folder.mkdir(parents=True, exist_ok=True)
    metastore = open_metastore(f"sqlite:///{folder / f'catalog-{uuid.uuid4().hex[:8]}.db'}")
    metastore.migrate()
    try:
        estate = generate(size)
        began = time.process_time()
        rates, peak = _load(metastore, estate, size, report)
        cpu_seconds = time.process_time() - began
        timings = _ask(metastore, estate, questions)
        file = Path(metastore.catalog.file or folder)
        sent = sum(count for count, _ in rates)
        last = rates[-max(1, len(rates) // 10) :]
        return CatalogFigures(
            events=sent,
            events_per_second=sent / sum(seconds for _, seconds in rates),
            last_events_per_second=sum(count for count, _ in last) / sum(seconds for _, seconds in last),
            cpu_seconds=cpu_seconds,
            database_bytes=file.stat().st_size,
            peak_bytes=peak,
            timings=timings,
        )
    finally:
        metastore.close()


def _load(
    metastore: Metastore, estate: Sequence[MadeDataset], size: EstateSize, report: Callable[[str], None]
) -> tuple[list[tuple[int, float]], int]:
    intake = Intake(store=metastore.catalog, clock=SystemClock())
    events, process = events_of(estate, size), psutil.Process()
    rates: list[tuple[int, float]] = []
    peak = total = 0
    while batch := list(islice(events, BATCH)):
        began = time.perf_counter()
        intake.take(batch)
        rates.append((len(batch), time.perf_counter() - began))
        peak = max(peak, process.memory_info().rss)
        total += len(batch)
        if total % 20_000 < BATCH:
            recent = rates[-40:]
            report(f"{total:,} events, lately {sum(n for n, _ in recent) / sum(s for _, s in recent):,.0f} a second")
    return rates, peak


def _ask(metastore: Metastore, estate: Sequence[MadeDataset], questions: int) -> tuple[Timing, ...]:
    chance = random.Random(9)
    store = metastore.catalog
    search, walks, entries = Search(store=store), Walks(store=store), Entries(metastore=metastore)

    def any_dataset(prefix: str = "") -> Named:
        name = chance.choice([one.name for one in estate if one.name.startswith(prefix)])
        found = store.reads.dataset("data_platform", name=name)
        assert found is not None
        return Named(found)

    def words() -> str:
        shapes = ("{noun}", "{noun} {part}", "{noun} {domain}", "{part}", "column:{part} {domain}", "{short}")
        noun = chance.choice(NOUNS)
        return chance.choice(shapes).format(
            noun=noun, part=chance.choice(PARTS), domain=chance.choice(DOMAINS), short=noun[:3]
        )

    few = max(10, questions // 5)
    return (
        _timed("search", questions, words, search.find),
        _timed("lineage, depth 5", questions, any_dataset, lambda n: walks.datasets(n.dataset.id, up=5, down=5)),
        _timed("column lineage, depth 5", questions, any_dataset,
               lambda n: walks.columns((n.dataset.id, f"{PARTS[0]}_0"), up=5, down=5)),
        _timed("impact of a dataset", few, lambda: any_dataset("raw."), lambda n: impact_of(store, n)),
        _timed("impact of a column", few, lambda: any_dataset("raw."),
               lambda n: impact_of(store, Named(n.dataset, f"{PARTS[0]}_0"))),
        _timed("entry page", questions, any_dataset, lambda n: entries.of(n.dataset)),
    )  # fmt: skip


def _timed(name: str, asked: int, question: Callable[[], object], ask: Callable[..., object]) -> Timing:
    seconds = []
    for _ in range(asked):
        about = question()
        began = time.perf_counter()
        ask(about)
        seconds.append(time.perf_counter() - began)
    seconds.sort()
    return Timing(
        name=name,
        asked=asked,
        p50_seconds=seconds[len(seconds) // 2],
        p95_seconds=seconds[min(len(seconds) - 1, int(len(seconds) * 0.95))],
        most_seconds=seconds[-1],
    )
