"""States that last: how many seconds each was good, bad or unknown. A gap in the watch is unknown, whatever it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from data_platform.metastore.sli_values import SliValueEntry
from data_platform.observability.slis.moment import CADENCE, Moment

_STATE = "state"
_SINCE = "state_since"


class Judgement(StrEnum):
    """How something is at a moment."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"
    EXEMPT = "exempt"  # nothing was promised, or the promise rests


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One subject at a moment."""

    judgement: Judgement
    value: float | None
    provenance: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


def timed(moment: Moment, sli: str, observed: Mapping[tuple[str, str], Observed]) -> Iterator[SliValueEntry]:
    """A value for each (subject, partition) whose state changed, or that has not been written down for a while."""
    last = moment.last(sli)
    for (subject, partition), now in observed.items():
        before = last.get((subject, partition))
        if before is not None and not _is_due(moment, before, now):
            continue
        seconds = _seconds(moment, before, now)
        yield SliValueEntry(
            sli=sli,
            subject=subject,
            partition=partition,
            measured_at=moment.now,
            value=now.value,
            good=seconds[Judgement.GOOD],
            bad=seconds[Judgement.BAD],
            unknown=seconds[Judgement.UNKNOWN],
            provenance=now.provenance,
            evidence={**now.evidence, _STATE: now.judgement.value, _SINCE: _since(before, now, moment)},
        )


def _since(before: SliValueEntry | None, now: Observed, moment: Moment) -> str:
    """When it came to be so."""
    if before is not None and before.evidence.get(_STATE) == now.judgement:
        return str(before.evidence[_SINCE])
    return moment.now.isoformat()


def _is_due(moment: Moment, before: SliValueEntry, now: Observed) -> bool:
    is_other = before.evidence.get(_STATE) != now.judgement or before.provenance != now.provenance
    return is_other or not moment.is_seamless or moment.now - before.measured_at >= CADENCE


def _seconds(moment: Moment, before: SliValueEntry | None, now: Observed) -> dict[Judgement, float]:
    seconds = dict.fromkeys(Judgement, 0.0)
    if before is None or moment.before is None:
        return seconds  # nobody looked before
    watched, unseen = _watched(moment, before.measured_at)
    seconds[Judgement(before.evidence.get(_STATE, Judgement.UNKNOWN))] += watched
    rest = (moment.now - moment.before).total_seconds()
    seconds[now.judgement if moment.is_seamless else Judgement.UNKNOWN] += rest
    seconds[Judgement.UNKNOWN] += unseen
    if now.judgement is Judgement.EXEMPT and before.evidence.get(_STATE) == Judgement.EXEMPT:
        seconds[Judgement.UNKNOWN] = 0.0  # nothing was promised for that time
    return seconds


def _watched(moment: Moment, since: datetime) -> tuple[float, float]:
    """Seconds watched and not watched from a measurement until the one before this."""
    between = [entry for entry in moment.watch if entry.measured_at > since]
    return sum(entry.good for entry in between), sum(entry.unknown for entry in between)
