"""M2, freshness: now minus the newest complete event time that readers of a dataset can see.

What a published version contains is fixed by the run that made it, so event time is worked out once, when the run that
made the newest published day is new; computing an old day again is not that run. A blocked day stops the clock before
it. Where a source has several parts, the slowest counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from data_platform.contracts.model import Contract
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.observability.slis.event_times import EventTime, EventTimes
from data_platform.observability.slis.moment import Moment
from data_platform.observability.slis.timed import Judgement, Observed, timed

NAME = "freshness"


def measure(moment: Moment) -> Iterable[SliValueEntry]:
    """A value for every dataset: seconds since its newest complete event time."""
    times = EventTimes(moment, known=_known(moment))
    last_runs = _last_runs(moment)
    observed = {
        (dataset, ""): _observed(contract, times.of(dataset), moment.now, last_run=last_runs.get(dataset))
        for dataset, contract in moment.contracts().items()
    }
    return timed(moment, NAME, observed)


def bound(contract: Contract) -> timedelta | None:
    """How old the newest complete event time may be: a period may pass, and its data may take the latency."""
    level = contract.service_level
    return None if level.latency is None else level.latency + (level.frequency or timedelta(0))


def _observed(contract: Contract, known: EventTime, now: datetime, *, last_run: str | None) -> Observed:
    age = None if known.at is None else max(0.0, (now - known.at).total_seconds())
    allowed = bound(contract)
    evidence: dict[str, Any] = {
        "event_time": known.at.isoformat() if known.at else None,
        "run": known.run,
        "newest_partition": known.newest,
        "stuck_partition": known.stuck,
        "allowed_seconds": allowed.total_seconds() if allowed else None,
        "last_run_at": last_run,  # shown apart: it says nothing about freshness
    }
    if allowed is None:
        judgement = Judgement.EXEMPT
    elif age is None:
        judgement = Judgement.UNKNOWN
    else:
        judgement = Judgement.GOOD if age <= allowed.total_seconds() else Judgement.BAD
    return Observed(judgement=judgement, value=age, provenance=known.provenance, evidence=evidence)


def _known(moment: Moment) -> Mapping[str, EventTime]:
    """What the measurement before knew of datasets over which nothing ended since."""
    touched = {run.dataset for run in moment.ended}
    return {
        subject: EventTime(
            at=datetime.fromisoformat(entry.evidence["event_time"]) if entry.evidence["event_time"] else None,
            run=entry.evidence["run"],
            newest=entry.evidence["newest_partition"],
            stuck=entry.evidence["stuck_partition"],
            provenance=entry.provenance,
            is_current=subject not in touched,
        )
        for (subject, _), entry in moment.last(NAME).items()
    }


def _last_runs(moment: Moment) -> Mapping[str, str]:
    before = {subject: entry.evidence.get("last_run_at") for (subject, _), entry in moment.last(NAME).items()}
    ended = {run.dataset: run.ended_at.isoformat() for run in moment.ended if run.ended_at}
    return {dataset: at for dataset, at in {**before, **ended}.items() if at}
