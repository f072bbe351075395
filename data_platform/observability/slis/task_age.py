"""M15, task age: how long runs wait before they start, by lane and by what holds them up.

A run counts once: good when it started within the bound, bad when it had waited longer, whether or not it ever starts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from datetime import timedelta

from data_platform.contracts.domains import PLATFORM_DOMAIN
from data_platform.metastore.queued_runs import QueuedRunEntry
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.observability.slis.moment import CADENCE, Moment
from data_platform.observability.slis.processing_lag import percentile

NAME = "task_age"
BOUND = timedelta(minutes=5)
_LOOK_BACK = timedelta(hours=1)  # ages of runs that started since then make up the distribution


def measure(moment: Moment) -> Iterable[SliValueEntry]:
    """A value for every lane: the p95 of ages in seconds; counts are runs."""
    operations, since = moment.metastore.operations, moment.since - _LOOK_BACK
    seen = {run.run_id: run for run in operations.queued_runs.sampled(since=since, tx=moment.tx)}
    seen |= {run.run_id: run for run in operations.queued_runs.waiting(tx=moment.tx)}
    told = operations.sli_values.since(NAME, since=since - _LOOK_BACK, tx=moment.tx)
    counted = {run for entry in told for run in entry.evidence["counted"]}
    lanes = defaultdict(list)
    for run in seen.values():
        lanes[run.lane].append(run)
    last = moment.last(NAME)
    for lane, runs in sorted(lanes.items()):
        value = _value(moment, lane, runs, counted)
        before = last.get((PLATFORM_DOMAIN, lane))
        is_old = before is None or moment.now - before.measured_at >= CADENCE
        if value.evidence["counted"] or (is_old and value.evidence["waiting"]):
            yield value


def _value(moment: Moment, lane: str, runs: list[QueuedRunEntry], counted: Collection[str]) -> SliValueEntry:
    fresh = [
        run
        for run in runs
        if run.run_id not in counted
        and run.enqueued_at + BOUND > moment.since - _LOOK_BACK
        and (run.started_at is not None or _age(run, moment) > BOUND)
    ]
    good = sum(_age(run, moment) <= BOUND for run in fresh)
    waiting = [run for run in runs if run.started_at is None]
    recent = [run for run in runs if run.started_at is None or run.started_at > moment.now - _LOOK_BACK]
    ages = sorted(_age(run, moment).total_seconds() for run in recent)
    oldest = min(waiting, key=lambda run: run.enqueued_at, default=None)
    return SliValueEntry(
        sli=NAME,
        subject=PLATFORM_DOMAIN,
        partition=lane,
        measured_at=moment.now,
        value=percentile(ages, 0.95) if ages else 0.0,
        good=float(good),
        bad=float(len(fresh) - good),
        provenance="queue samples",
        evidence={
            "counted": [run.run_id for run in fresh],
            "waiting": len(waiting),
            "reasons": dict(Counter(run.reason for run in waiting)),
            "oldest_run": oldest.run_id if oldest else None,
            "oldest_seconds": _age(oldest, moment).total_seconds() if oldest else 0.0,
            "bound_seconds": BOUND.total_seconds(),
        },
    )


def _age(run: QueuedRunEntry, moment: Moment) -> timedelta:
    return (run.started_at or moment.now) - run.enqueued_at
