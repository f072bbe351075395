"""How well incidents go: times to detect, acknowledge, mitigate and recover, and how much of the noise was worth it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from data_platform.incidents.model import Alert
from data_platform.metastore.engine import Metastore
from data_platform.metastore.incidents import IncidentEntry

SHIFT = timedelta(hours=12)
_MOST = 10_000
_UNUSED = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One span of time.

    Attributes:
        mttd_seconds: from the first failing fact to its detection; the mean of incidents opened in the span.
        mtta_seconds: from detection to the first acknowledgement; of those that somebody acknowledged.
        mttm_seconds: from detection until nothing failed any more.
        mttr_seconds: from detection to the end.
        actionable: share of the incidents that a person did something about.
        per_shift: notifications of opened and raised incidents in a shift of twelve hours, by recipient; the mean;
            without those that no channel could take.
        never_acted_on: alerts that opened incidents in the last 90 days, and nobody ever did anything about one.
    """

    since: datetime
    until: datetime
    incidents: int
    pages: int
    open: int
    mttd_seconds: float | None
    mtta_seconds: float | None
    mttm_seconds: float | None
    mttr_seconds: float | None
    actionable: float | None
    noise_ratio: float | None
    per_shift: Mapping[str, float]
    by_alert: Mapping[str, int]
    never_acted_on: tuple[str, ...]


def report(metastore: Metastore, *, since: datetime, until: datetime) -> Report:
    """What the kept times say."""
    store = metastore.operations
    opened = [one for one in store.incidents.recent(since=since, limit=_MOST) if one.detected_at < until]
    acted = store.incident_events.by_people()
    share = sum(one.incident_id in acted for one in opened) / len(opened) if opened else None
    return Report(
        since=since,
        until=until,
        incidents=len(opened),
        pages=sum(one.severity == "page" for one in opened),
        open=sum(not one.is_over for one in opened),
        mttd_seconds=_mean([(one.began_at, one.detected_at) for one in opened]),
        mtta_seconds=_mean([(one.detected_at, _first_taken(metastore, one)) for one in opened]),
        mttm_seconds=_mean([(one.detected_at, one.mitigated_at) for one in opened]),
        mttr_seconds=_mean([(one.detected_at, one.resolved_at) for one in opened]),
        actionable=share,
        noise_ratio=None if share is None else 1 - share,
        per_shift=_per_shift(metastore, since, until),
        by_alert=dict(Counter(one.alert for one in opened)),
        never_acted_on=_never_acted_on(store.incidents.recent(since=until - _UNUSED, limit=_MOST), acted),
    )


def _first_taken(metastore: Metastore, incident: IncidentEntry) -> datetime | None:
    """A raise asks for another acknowledgement; the first one is what counts here."""
    lines = metastore.operations.incident_events.of(incident.incident_id)
    return next((line.at for line in lines if line.kind == "acknowledged"), incident.acknowledged_at)


def _mean(spans: Sequence[tuple[datetime, datetime | None]]) -> float | None:
    known = [max((end - start).total_seconds(), 0.0) for start, end in spans if end is not None]
    return sum(known) / len(known) if known else None


def _per_shift(metastore: Metastore, since: datetime, until: datetime) -> Mapping[str, float]:
    shifts = max((until - since) / SHIFT, 1.0)
    told = [
        note.recipient
        for note in metastore.operations.notifications.since(since)
        if note.created_at < until and note.channel and note.kind in ("opened", "raised", "escalated")
    ]
    return {recipient: round(count / shifts, 3) for recipient, count in sorted(Counter(told).items())}


def _never_acted_on(opened: Sequence[IncidentEntry], acted: frozenset[str]) -> tuple[str, ...]:
    by_alert: dict[str, bool] = {}
    for one in opened:
        by_alert[one.alert] = by_alert.get(one.alert, False) or one.incident_id in acted
    return tuple(alert.value for alert in Alert if by_alert.get(alert.value) is False)
