"""What the pages of objectives say: how each stands, how fast its budget goes, and how the budget went down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import Literal

import yaml

from data_platform.metastore.objective_samples import ObjectiveSample
from data_platform.metastore.objective_tables import ObjectiveState
from data_platform.metastore.objectives import ObjectiveEntry
from data_platform.observability.objectives.burn import BURN_WINDOWS, FAST, PAIRS, SLOW
from data_platform.observability.objectives.exporting import exported
from data_platform.observability.objectives.model import Objective
from data_platform.observability.objectives.windows import width_for
from data_platform.serving.console.operations.charts import Chart, Mark, Series
from data_platform.serving.console.operations.filters import Filter, Holdings

_STATES = (ObjectiveState.SPENT, ObjectiveState.BURNING, ObjectiveState.UNKNOWN, ObjectiveState.MET)
_FAST_LIMITS = {window: rate for short, long, rate, kind in reversed(PAIRS) if kind == FAST for window in (short, long)}
_SLOW_LIMITS = {window: rate for short, long, rate, kind in reversed(PAIRS) if kind == SLOW for window in (short, long)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Burn:
    """How many times faster than it may the budget goes over one window.

    Attributes:
        rate: None where nothing is known.
        tone: good, empty, warn or bad.
        fill: how near the rate is to the lowest that alarms, 0 to 100.
    """

    window: str
    rate: float | None
    tone: str
    fill: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveLine:
    """One objective in a list."""

    entry: ObjectiveEntry
    dataset: str
    burns: Sequence[Burn]
    budget_fill: int

    @property
    def pace(self) -> str:
        """`fast`, `slow` or empty."""
        return self.entry.pace


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """What happened in one day or hour of the window."""

    at: datetime
    good: float
    bad: float
    unknown: float

    @property
    def is_told(self) -> bool:
        """Whether anything was counted at all."""
        return bool(self.good or self.bad or self.unknown)

    @property
    def ratio(self) -> float | None:
        """Good of what is known."""
        known = self.good + self.bad
        return self.good / known if known else None


def wanted(entries: Iterable[ObjectiveEntry], holdings: Holdings, narrowed: Filter) -> list[ObjectiveEntry]:
    """Objectives that pass, those that want a person first."""
    found = [one for one in entries if holdings.passes(narrowed, dataset_of(one), domain=one.domain, owner=one.owner)]
    order = {state: place for place, state in enumerate(_STATES)}
    return sorted(found, key=lambda one: (order[one.state], not one.is_critical, _left(one), one.objective))


def line_of(entry: ObjectiveEntry) -> ObjectiveLine:
    """One objective as lists show it."""
    left = 0 if entry.budget_left is None else round(100 * min(max(entry.budget_left, 0.0), 1.0))
    return ObjectiveLine(entry=entry, dataset=dataset_of(entry), burns=burns_of(entry), budget_fill=left)


def burns_of(entry: ObjectiveEntry) -> list[Burn]:
    """By window, the shortest first."""
    known = [window for window in BURN_WINDOWS if window in entry.burn]
    others = sorted(window for window in entry.burn if window not in BURN_WINDOWS)
    return [_burn(window, entry.burn[window]) for window in (*known, *others)]


def dataset_of(entry: ObjectiveEntry) -> str:
    """The dataset that an objective is about; empty for one of a domain or of the platform."""
    return entry.subject.partition("/")[0] if "." in entry.subject else ""


def window_of(entry: ObjectiveEntry, promise: Objective | None) -> tuple[datetime, int]:
    """Where the window begins, and the width of the buckets that it is shown in; rolling where nothing is known."""
    if promise is not None:
        return promise.window.start(entry.evaluated_at), promise.window.width_seconds
    return entry.evaluated_at - timedelta(seconds=entry.window_seconds), width_for(entry.window_seconds)


def document_of(promise: Objective) -> str:
    """The promise as an OpenSLO document, in YAML."""
    return yaml.safe_dump(dict(exported(promise)), sort_keys=False, allow_unicode=True)


def buckets_of(samples: Iterable[ObjectiveSample], since: datetime) -> list[Bucket]:
    """The buckets of the window, the oldest first."""
    return [
        Bucket(at=one.starts_at, good=one.good, bad=one.bad, unknown=one.unknown)
        for one in samples
        if one.starts_at + timedelta(seconds=one.width_seconds) > since
    ]


def burn_down(entry: ObjectiveEntry, buckets: Sequence[Bucket]) -> Chart:
    """The share of the error budget that was left after each bucket.

    The budget is (1 − target) of everything known in the window (Google, The Site Reliability Workbook, chapter 5).
    """
    budget = (1 - entry.target) * sum(one.good + one.bad for one in buckets)
    left, values = 1.0, []
    for one in buckets:
        left -= one.bad / budget if budget else 0.0
        values.append(round(100 * left, 4) if budget else None)
    return Chart(
        kind="lines",
        label="Error budget left",
        along="Until",
        unit="%",
        x=[one.at.isoformat() for one in buckets],
        series=[Series(name="budget left", values=values)],
        marks=[Mark(name="nothing left", value=0)],
    )


def events_chart(buckets: Sequence[Bucket]) -> Chart:
    """What was good, bad and not known, bucket by bucket."""
    tones: tuple[Literal["good", "bad", "unknown"], ...] = ("good", "bad", "unknown")
    form = "%m-%d" if all(one.at.hour == 0 and one.at.minute == 0 for one in buckets) else "%m-%d %H:%M"
    return Chart(
        kind="bars",
        label="Events",
        along="When",
        x=[one.at.strftime(form) for one in buckets],
        series=[
            Series(name=tone, values=[getattr(one, tone) if one.is_told else None for one in buckets], tone=tone)
            for tone in tones
        ],
    )


def _burn(window: str, rate: float | None) -> Burn:
    if rate is None:
        return Burn(window=window, rate=None, tone="", fill=0)
    fast, slow = _FAST_LIMITS.get(window, inf), _SLOW_LIMITS.get(window, inf)
    tone = "bad" if rate > fast else "warn" if rate > slow else "good" if rate <= 1 else ""
    return Burn(window=window, rate=rate, tone=tone, fill=round(100 * min(rate / min(fast, slow), 1.0)))


def _left(entry: ObjectiveEntry) -> float:
    return 1.0 if entry.budget_left is None else entry.budget_left
