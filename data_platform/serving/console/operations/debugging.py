"""What the debug page says of runs and partitions: how long each step took, how late and how uneven the days are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median

from data_platform.contracts.days import end_of
from data_platform.metastore.partitions import PartitionEntry
from data_platform.metastore.run_overview import PartitionRows
from data_platform.metastore.spans import SpanEntry
from data_platform.observability.logs.reading import LogLine
from data_platform.serving.console.operations.charts import Chart, Series

MOST_ROWS = 12  # datasets of the heatmap
MOST_DAYS = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One span of the waterfall.

    Attributes:
        depth: how many spans it lies inside of.
        start, share: where it begins and how wide it is, in percent of the whole.
        seconds: how long it took.
        after_seconds: how long after the first span it began.
    """

    span: SpanEntry
    depth: int
    start: float
    share: float
    seconds: float
    after_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionLag:
    """How long after its end a day was published.

    Attributes:
        seconds: from midnight after the day to the publish of the newest version; below 0 while the day was not over.
    """

    entry: PartitionEntry
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One line of a run's log."""

    line: LogLine
    facts: str
    error: str


def log_rows(lines: Iterable[LogLine]) -> list[LogRow]:
    """Log lines with what they say beside the event, in words."""
    return [
        LogRow(
            line=one,
            facts=", ".join(f"{name}={value}" for name, value in one.facts.items()),
            error=": ".join(str(one.exception[name]) for name in ("type", "message") if one.exception.get(name)),
        )
        for one in lines
    ]


def waterfall(spans: Iterable[SpanEntry]) -> list[Bar]:
    """Spans as a tree in the order in which they began; a span whose parent is not here is a root."""
    known = {span.span_id: span for span in spans}
    if not known:
        return []
    first = min(span.started_at for span in known.values())
    whole = max((max(span.ended_at for span in known.values()) - first).total_seconds(), 1e-9)
    children: dict[str, list[SpanEntry]] = defaultdict(list)
    for span in sorted(known.values(), key=lambda one: (one.started_at, one.span_id)):
        is_root = span.parent_id not in known or span.parent_id == span.span_id
        children["" if is_root else span.parent_id].append(span)
    return [_bar(span, depth, first, whole) for span, depth in _walked(children)]


def lags(entries: Iterable[PartitionEntry]) -> list[PartitionLag]:
    """Of the newest partitions first; a dataset without days has none."""
    found = [PartitionLag(entry=one, seconds=_lag(one.partition, one.recorded_at)) for one in entries]
    return sorted(found, key=lambda one: one.entry.partition, reverse=True)[:MOST_DAYS]


def lag_chart(dataset: str, found: Sequence[PartitionLag]) -> Chart:
    """A dataset's lag by day, in hours; without days that were published last while they were not over."""
    known = [one for one in reversed(found) if one.seconds is not None and one.seconds >= 0]
    return Chart(
        kind="bars",
        label=f"{dataset}: from the end of each day to its newest publish" if dataset else "Lag by partition",
        along="Partition",
        unit="h",
        x=[one.entry.partition for one in known],
        series=[Series(name="lag", values=[round((one.seconds or 0.0) / 3600, 3) for one in known])],
    )


def skew_chart(rows: Iterable[PartitionRows]) -> Chart:
    """How many rows each day has, as a multiple of its dataset's median day."""
    by_dataset: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        by_dataset[row.dataset][row.partition] = row.raw_rows
    days = sorted({day for found in by_dataset.values() for day in found})[-MOST_DAYS:]
    series = [Series(name=name, values=_multiples(found, days)) for name, found in sorted(by_dataset.items())]
    return Chart(
        kind="heat",
        label="Rows of each day against the dataset's median day",
        along="Partition",
        unit="× median",
        x=days,
        series=series[:MOST_ROWS],
    )


def _multiples(found: Mapping[str, int], days: Sequence[str]) -> list[float | None]:
    middle = median(found.values())
    return [round(found[day] / middle, 3) if day in found and middle else None for day in days]


def _lag(partition: str, at: datetime) -> float | None:
    try:
        day = date.fromisoformat(partition)
    except ValueError:
        return None
    return (at - end_of(day)).total_seconds()


def _walked(children: Mapping[str, Sequence[SpanEntry]]) -> Iterator[tuple[SpanEntry, int]]:
    waiting = [(span, 0) for span in reversed(children.get("", ()))]
    while waiting:
        span, depth = waiting.pop()
        yield span, depth
        waiting += [(inner, depth + 1) for inner in reversed(children.get(span.span_id, ()))]


def _bar(span: SpanEntry, depth: int, first: datetime, whole: float) -> Bar:
    after = (span.started_at - first).total_seconds()
    return Bar(
        span=span,
        depth=depth,
        start=round(100 * after / whole, 3),
        share=round(100 * span.seconds / whole, 3),
        seconds=span.seconds,
        after_seconds=after,
    )
