"""M3, processing lag: from the receipt of a batch until readers of a dataset can see it, by stamps in the ledger.

Every batch is counted once for each dataset that it reached, when the first publish held it: batches that came through
several datasets too. The distribution is kept as a histogram, so that days can be added up, and the slope of the daily
p95 tells a drift that no single outlier shows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from data_platform.contracts.model import Contract, Layer
from data_platform.metastore.batches import BatchEntry
from data_platform.metastore.engine import Metastore
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.observability.slis.moment import Moment
from data_platform.observability.slis.raw_versions import raw_versions
from data_platform.observability.waits import waits

NAME = "processing_lag"
BOUNDS_SECONDS = (1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 28800, 86400)
DEFAULT_BOUND = timedelta(minutes=2)
DRIFT_DAYS = 14
_RAW = f"{Layer.RAW}."


def measure(moment: Moment) -> Iterable[SliValueEntry]:
    """A value for every dataset that batches reached: the p95 in seconds; counts are batches."""
    runs = [run for run in moment.new_runs(NAME) if run.output_version is not None]
    by_dataset: dict[str, list[RunEntry]] = defaultdict(list)
    for run in runs:
        by_dataset[run.dataset].append(run)
    contracts = moment.contracts()
    for dataset, seconds in _waits(moment, by_dataset):
        if dataset in contracts and seconds:
            yield _value(moment, contracts[dataset], sorted(seconds), by_dataset[dataset])


def bound(contract: Contract) -> timedelta:
    """How long a batch may take: the promised latency, else two minutes."""
    return contract.service_level.latency or DEFAULT_BOUND


def drift(metastore: Metastore, dataset: str, *, now: datetime, days: int = DRIFT_DAYS) -> float | None:
    """The slope of the daily p95 in seconds a day, by least squares; None with fewer than three days."""
    entries = metastore.operations.sli_values.of(NAME, subject=dataset, since=now - timedelta(days=days))
    by_day: dict[int, list[int]] = {}
    for entry in entries:
        counts = entry.evidence.get("histogram", ())
        day = entry.measured_at.toordinal()
        by_day[day] = [a + b for a, b in zip(by_day.get(day, [0] * len(counts)), counts, strict=True)]
    return slope([(float(day), percentile_of(counts, 0.95)) for day, counts in sorted(by_day.items())])


def percentile(ordered: Sequence[float], share: float) -> float:
    """The least value that at least a share of the values does not exceed (nearest rank)."""
    rank = max(1, -(-len(ordered) * round(share * 1000) // 1000))
    return ordered[min(rank, len(ordered)) - 1]


def percentile_of(histogram: Sequence[int], share: float) -> float:
    """A percentile of a histogram over `BOUNDS_SECONDS`, by a straight line inside the bucket."""
    rank, below = share * sum(histogram), 0
    for index, count in enumerate(histogram):
        if count and below + count >= rank:
            low = BOUNDS_SECONDS[index - 1] if index else 0.0
            high = BOUNDS_SECONDS[min(index, len(BOUNDS_SECONDS) - 1)]
            return low + (high - low) * max(0.0, rank - below) / count
        below += count
    return 0.0


def slope(points: Sequence[tuple[float, float]]) -> float | None:
    """The slope of the least squares line; None for fewer than three points."""
    if len(points) < 3:
        return None
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else None


def _waits(moment: Moment, by_dataset: Mapping[str, Sequence[RunEntry]]) -> Iterator[tuple[str, list[float]]]:
    facts, tx = moment.metastore.operations.sli_facts, moment.tx
    made = {(d, run.output_version or 0) for d, runs in by_dataset.items() for run in runs}
    firsts = {d: min(run.output_version or 0 for run in runs) for d, runs in by_dataset.items()}
    earlier = facts.made({(d, version - 1) for d, version in firsts.items() if not d.startswith(_RAW)}, tx=tx)
    before = {run.dataset: run for run in earlier.values()}
    derived = [run for runs in by_dataset.values() for run in runs if not run.dataset.startswith(_RAW)]
    held = raw_versions(moment, [*derived, *before.values()])
    spans: dict[str, tuple[int, int]] = {}
    for run in derived:
        old = held[before[run.dataset].run_id, run.dataset] if run.dataset in before else {}
        for raw, version in held[run.run_id, run.dataset].items():
            low, high = spans.get(raw, (version, version))
            spans[raw] = (min(low, old.get(raw, -1)), max(high, version))
    for dataset, version in made:
        if dataset.startswith(_RAW):
            low, high = spans.get(dataset, (version, version))
            spans[dataset] = (min(low, firsts[dataset] - 1), max(high, version))
    batches = facts.batches_between(spans, tx=tx)
    for dataset, runs in by_dataset.items():
        if dataset.startswith(_RAW):
            versions = {run.output_version for run in runs}
            own = [batch for batch in batches.get(dataset, ()) if batch.raw_version in versions]
            yield dataset, [max(0.0, (batch.recorded_at - batch.received_at).total_seconds()) for batch in own]
            continue
        old = held[before[dataset].run_id, dataset] if dataset in before else {}
        yield dataset, list(_of_runs(runs, held, old, batches))


def _of_runs(
    runs: Sequence[RunEntry],
    held: Mapping[tuple[str, str], Mapping[str, int]],
    old: Mapping[str, int],
    batches: Mapping[str, Sequence[BatchEntry]],
) -> Iterator[float]:
    in_order = sorted(runs, key=lambda run: run.output_version or 0)
    for raw in {raw for run in runs for raw in held[run.run_id, run.dataset]}:
        published = [
            (held[run.run_id, run.dataset].get(raw, -1), run.ended_at) for run in in_order if run.ended_at is not None
        ]
        fresh = [batch for batch in batches.get(raw, ()) if batch.raw_version > old.get(raw, -1)]
        yield from waits(fresh, published)


def _value(moment: Moment, contract: Contract, seconds: list[float], runs: Sequence[RunEntry]) -> SliValueEntry:
    dataset, limit = str(contract.name), bound(contract).total_seconds()
    histogram = [0] * (len(BOUNDS_SECONDS) + 1)
    for wait in seconds:
        histogram[bisect_left(BOUNDS_SECONDS, wait)] += 1
    good = sum(wait <= limit for wait in seconds)
    evidence: dict[str, Any] = {
        "runs": moment.repeatable(runs),
        "batches": len(seconds),
        "bound_seconds": limit,
        "p50": percentile(seconds, 0.5),
        "p95": percentile(seconds, 0.95),
        "p99": percentile(seconds, 0.99),
        "longest": seconds[-1],
        "histogram": histogram,
    }
    return SliValueEntry(
        sli=NAME,
        subject=dataset,
        measured_at=moment.now,
        value=evidence["p95"],
        good=float(good),
        bad=float(len(seconds) - good),
        provenance="ledger stamps",
        evidence=evidence,
    )
