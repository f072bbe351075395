"""Measured values to counts in buckets, each value once. What the counts mean is judged in `burn`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from data_platform.contracts.domains import PLATFORM_DOMAIN
from data_platform.metastore.objective_samples import Evidence, ObjectiveSample, Sums
from data_platform.observability.objectives.model import Objective, Slices
from data_platform.observability.objectives.windows import WIDTHS

# Indicators that have a value of the platform beside those of datasets.
_SUMMED_BY_THEMSELVES = frozenset({"schema_compatibility", "catalog_coverage", "task_age"})
MOST_SLICES = 10_000  # filled as unknown in one go after a long silence


@dataclass(slots=True)
class Additions:
    """What one evaluation adds: to buckets, and to each objective's totals; `written` is in the metastore already."""

    buckets: dict[tuple[str, int, datetime], list[float]] = field(default_factory=dict)
    written: list[ObjectiveSample] = field(default_factory=list)
    totals: dict[str, list[float]] = field(default_factory=dict)

    def add(self, objective: Objective, at: datetime, sums: Sums) -> None:
        """Counts events of a moment in a bucket of each width."""
        for width in WIDTHS:
            self.put(objective.id, width, objective.window.bucket(width, at), sums)
        _into(self.totals.setdefault(objective.id, [0.0, 0.0, 0.0]), sums)

    def put(self, objective: str, width: int, starts_at: datetime, sums: Sums) -> None:
        """Counts events in one bucket."""
        _into(self.buckets.setdefault((objective, width, starts_at), [0.0, 0.0, 0.0]), sums)

    def taken(self) -> list[ObjectiveSample]:
        """What is to be written now."""
        taken = list(self._samples())
        self.written += taken
        self.buckets.clear()
        return taken

    def _samples(self) -> Iterator[ObjectiveSample]:
        for (objective, width, starts_at), (good, bad, unknown) in self.buckets.items():
            yield ObjectiveSample(
                objective=objective, width_seconds=width, starts_at=starts_at, good=good, bad=bad, unknown=unknown
            )


class Subjects:
    """Which objectives a value counts for."""

    def __init__(self, objectives: Iterable[Objective]) -> None:
        self._by_place: dict[tuple[str, str], list[Objective]] = {}
        for one in objectives:
            self._by_place.setdefault((one.sli, one.subject), []).append(one)

    def of(self, evidence: Evidence) -> Sequence[Objective]:
        """Those about the value's own subject, its part of it, its domain, and the platform."""
        places = [evidence.subject]
        if evidence.partition:
            places.append(f"{evidence.subject}/{evidence.partition}")
        if "." in evidence.subject:
            places.append(evidence.subject.split(".")[1])
        if evidence.subject != PLATFORM_DOMAIN and evidence.sli not in _SUMMED_BY_THEMSELVES:
            places.append(PLATFORM_DOMAIN)
        return [one for place in places for one in self._by_place.get((evidence.sli, place), ())]


def counted(objective: Objective, evidence: Evidence) -> Sums:
    """Good, bad and unknown events of one value, as the objective sees them."""
    if objective.threshold is None:
        return evidence.good, evidence.bad, evidence.unknown
    weight = evidence.good + evidence.bad + evidence.unknown or 1.0
    if evidence.value is None:
        return 0.0, 0.0, weight
    known = evidence.good + evidence.bad or weight
    is_good = objective.threshold.op.holds(evidence.value, objective.threshold.value)
    return (known if is_good else 0.0), (0.0 if is_good else known), weight - known


def count(additions: Additions, objective: Objective, evidence: Evidence) -> None:
    """Counts one value: in the buckets at once, or in the slice that is open."""
    sums = counted(objective, evidence)
    if objective.slices is None:
        additions.add(objective, evidence.measured_at, sums)
    else:
        seconds = objective.slices.window.seconds
        # slices that are not judged yet stand under the negative of their length
        additions.put(objective.id, -seconds, slice_start(evidence.measured_at, seconds), sums)


def slice_start(at: datetime, seconds: int) -> datetime:
    """The beginning of the slice that holds a moment."""
    whole = int(at.timestamp())
    return datetime.fromtimestamp(whole - whole % seconds, UTC)


def close_slices(
    additions: Additions, objective: Objective, closed: Iterable[ObjectiveSample], *, reached: datetime | None,
    upto: datetime,
) -> None:  # fmt: skip
    """Counts slices that have ended; those of which nothing was heard are unknown.

    Args:
        additions: takes them.
        objective: whose slices they are.
        closed: evidence of slices that end at `upto` or before.
        reached: up to where slices are counted already; None before the first.
        upto: where the last slice ends.
    """
    slices = objective.slices
    if slices is None:
        return
    heard: dict[datetime, Sums] = {one.starts_at: (one.good, one.bad, one.unknown) for one in closed}
    begin = reached or min(heard, default=upto)
    seconds = slices.window.seconds
    for number in range(min(int((upto - begin).total_seconds()) // seconds, MOST_SLICES), 0, -1):
        start = datetime.fromtimestamp(upto.timestamp() - number * seconds, UTC)
        additions.add(objective, start, slice_verdict(slices, heard.get(start, (0.0, 0.0, 1.0))))


def slice_verdict(slices: Slices, sums: Sums) -> Sums:
    """One slice as one event: good or bad as a whole, or in part."""
    good, bad, _ = sums
    if good + bad <= 0:
        return 0.0, 0.0, 1.0
    ratio = good / (good + bad)
    if slices.target is None:
        return ratio, 1 - ratio, 0.0
    return (1.0, 0.0, 0.0) if ratio >= slices.target else (0.0, 1.0, 0.0)


def totals_of(entry: Mapping[str, list[float]], objective: str) -> tuple[float, float, float]:
    """What was added to an objective."""
    good, bad, unknown = entry.get(objective, (0.0, 0.0, 0.0))
    return good, bad, unknown


def _into(held: list[float], sums: Sums) -> None:
    for place, value in enumerate(sums):
        held[place] += value
