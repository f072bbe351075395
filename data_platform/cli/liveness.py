"""What `doctor` looks at beside what lies there: whether everything that should be at work is at work.

A part that nobody ever started is no fault; one that was at work and fell silent is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from data_platform.cli.examinations import Finding, State, examined
from data_platform.cli.ingest import sources
from data_platform.cli.output import counted
from data_platform.cli.times import length, moment
from data_platform.connectors.heartbeat_map import heartbeat_map
from data_platform.connectors.liveness import State as Standing
from data_platform.metastore.component_beats import QUEUE
from data_platform.metastore.queued_runs import QueuedRunEntry
from data_platform.orchestration.storage import has_storage
from data_platform.wiring.platform import Platform

_QUEUED_TOO_LONG = timedelta(minutes=30)
_UNSENT_TOO_LONG = timedelta(minutes=15)
_NEXT = {
    Standing.DEAD: "start it again: data-platform ingest start, or its schedule",
    Standing.STUCK: "`data-platform runbook show connector_lost`, section on standing still",
    Standing.EMPTY: "ask the source's owner whether it sent nothing; `data-platform runbook show connector_lost`",
    Standing.REFUSED: "renew the credential; it is read again before the next attempt",
    Standing.HOARDING: "start the reader, or drop the slot at the source",
}


def examine_liveness(platform: Platform) -> list[Finding]:
    """Connectors, lineage sinks, the watch, circuit breakers, queues, and Dagster where it was ever used."""
    parts = [
        ("connector", _connectors),
        ("lineage", _lineage),
        ("watch", _components),
        ("breaker", _breakers),
        ("queue", _queue),
        ("dagster", _dagster),
    ]
    return examined(parts, platform)


def _connectors(platform: Platform) -> Iterator[Finding]:
    now = platform.clock.now()
    for each in heartbeat_map(sources(platform), platform.metastore, now, place=platform.place):
        told = each.diagnosis
        yield Finding(
            area="connector",
            subject=f"{each.entry.dataset} {each.entry.name}",
            state=State.OK if told.is_healthy else State.WRONG,
            detail=f"{told.state}: {told.detail}" if told.detail else str(told.state),
            next="" if told.is_healthy else _NEXT.get(told.state, "data-platform ingest status"),
        )


def _lineage(platform: Platform) -> Iterator[Finding]:
    now = platform.clock.now()
    for each in platform.delivery.standings():
        entry, oldest = each.entry, each.backlog.oldest_at
        is_late = oldest is not None and now - oldest > _UNSENT_TOO_LONG
        detail = f"{each.backlog.events} events wait"
        if entry.failing_since is not None:
            detail += f", failing since {moment(entry.failing_since)}: {entry.error}"
        if each.refused:
            detail += f", {each.refused} refused"
        is_failing = entry.failing_since is not None and now - entry.failing_since > _UNSENT_TOO_LONG
        state = State.WRONG if is_failing else State.WARNING if is_late or each.refused else State.OK
        helps = "data-platform lineage refused" if each.refused else "data-platform lineage send"
        yield Finding(
            area="lineage", subject=entry.sink, state=state, detail=detail, next="" if state is State.OK else helps
        )


def _components(platform: Platform) -> Iterator[Finding]:
    """The watch and whatever else promised to beat."""
    now = platform.clock.now()
    beats = platform.metastore.operations.component_beats.all()
    if not beats:
        yield Finding(
            area="watch",
            subject="watch",
            state=State.WARNING,
            detail="nothing watches: no objective is measured and no incident is opened",
            next="data-platform serve, data-platform watch, or the sensor `watch` of Dagster",
        )
    for beat in beats:
        is_silent = beat.is_silent(now)
        ago = f" ({length(now - beat.beat_at)} ago)" if is_silent else ", then it was stopped" * beat.is_stopped
        yield Finding(
            area="watch",
            subject=beat.component,
            state=State.WRONG if is_silent else State.WARNING if beat.is_stopped else State.OK,
            detail=f"last at work {moment(beat.beat_at)}{ago}",
            next="start it again: data-platform serve, or data-platform watch" if is_silent or beat.is_stopped else "",
        )


def _breakers(platform: Platform) -> Iterator[Finding]:
    for breaker in platform.metastore.operations.breakers.all():
        is_open = str(breaker.state) != "closed"
        yield Finding(
            area="breaker",
            subject=breaker.name,
            state=State.WARNING if is_open else State.OK,
            detail=f"{breaker.state} since {moment(breaker.changed_at)}" + (f": {breaker.error}" if is_open else ""),
            next=f"mend the cause; data-platform breaker reset {breaker.name} lets it try at once" if is_open else "",
        )


def _queue(platform: Platform) -> Iterator[Finding]:
    """What waits, as it was sampled last; without a fresh look how much waits is not known, and is no nought."""
    beat, now = platform.metastore.operations.component_beats.of(QUEUE), platform.clock.now()
    waiting = platform.metastore.operations.queued_runs.waiting()
    if beat is None and not waiting and not has_storage(platform.settings):
        yield Finding(area="queue", subject="runs", state=State.OK, detail="Dagster was never used: nothing can wait")
        return
    known = _waiting_in_words(waiting)
    if beat is None or beat.is_silent(now) or beat.is_stopped:
        looks = [*([beat.beat_at] if beat else []), *(run.sampled_at for run in waiting)]
        seen = f"nobody looked since {moment(max(looks))}, when {known}" if looks else "nobody ever looked"
        yield Finding(
            area="queue",
            subject="runs",
            state=State.WRONG if beat and beat.is_silent(now) else State.WARNING,
            detail=f"how many runs wait is unknown: {seen}",
            next="data-platform serve, data-platform watch, or Dagster's daemon with the sensor `watch`",
        )
        return
    is_late = any(now - run.enqueued_at > _QUEUED_TOO_LONG for run in waiting)
    yield Finding(
        area="queue",
        subject="runs",
        state=State.WARNING if is_late else State.OK,
        detail=f"{known}; looked into {moment(beat.beat_at)}",
        next="data-platform runbook show task_age" if is_late else "",
    )


def _waiting_in_words(waiting: Sequence[QueuedRunEntry]) -> str:
    oldest = min((run.enqueued_at for run in waiting), default=None)
    reasons = ", ".join(sorted({run.reason for run in waiting if run.reason}))
    said = f"{counted(len(waiting), 'run')} waited" + (f", the oldest since {moment(oldest)}" if oldest else "")
    return said + (f" ({reasons})" if reasons else "")


def _dagster(platform: Platform) -> Iterator[Finding]:
    """Dagster's daemons, sensors and schedules; importing it takes seconds, so only where it was ever used."""
    if not has_storage(platform.settings):
        yield Finding(area="dagster", subject="daemon", state=State.OK, detail="was never used")
        return
    from data_platform.orchestration.daemons import at_work
    from data_platform.orchestration.instance import open_instance

    with open_instance(platform.settings) as instance:
        found = at_work(instance, platform.clock.now())
    for each in found:
        heard = f"last heard of {moment(each.last_at)}" if each.last_at else "never heard of"
        is_wrong = (each.is_silent and each.is_expected) or bool(each.error)
        state = State.WRONG if is_wrong else State.WARNING if each.is_silent and each.last_at else State.OK
        yield Finding(
            area="dagster",
            subject=f"{each.kind} {each.name}",
            state=state,
            detail=heard + (f"; its last attempt failed: {each.error}" if each.error else ""),
            next=""
            if state is State.OK
            else "dagster dev, or start dagster-daemon"
            if each.is_silent
            else "dagster dev",
        )
