"""Whether Dagster's own processes are at work: its daemons, and the sensors and schedules that are turned on.

Read from the instance's storage, so that it can be asked while none of them runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorType, TickStatus

SILENCE = timedelta(minutes=2)  # a daemon beats every 30 s
_ON = {InstigatorStatus.RUNNING, InstigatorStatus.DECLARED_IN_CODE}


@dataclass(frozen=True, slots=True, kw_only=True)
class AtWork:
    """One daemon, sensor or schedule.

    Attributes:
        kind: `daemon`, `sensor` or `schedule`.
        last_at: when it was last heard of; None if never.
        is_expected: whether somebody counts on it: something is turned on that needs it.
        error: the first line of what its last attempt ended with; empty where it ended well.
    """

    kind: str
    name: str
    last_at: datetime | None
    is_silent: bool
    is_expected: bool
    error: str = ""


def at_work(instance: dg.DagsterInstance, now: datetime) -> list[AtWork]:
    """Every daemon that this instance needs, then every sensor and schedule that is turned on."""
    states = [state for state in instance.all_instigator_state() if state.status in _ON]
    return [*_daemons(instance, states, now), *(_instigator(instance, state) for state in states)]


def _daemons(instance: dg.DagsterInstance, states: list[InstigatorState], now: datetime) -> Iterator[AtWork]:
    needed = {"SENSOR": InstigatorType.SENSOR, "SCHEDULER": InstigatorType.SCHEDULE}
    on = {state.instigator_type for state in states}
    for name, status in sorted(instance.get_daemon_statuses().items()):
        beat = status.last_heartbeat
        last_at = datetime.fromtimestamp(beat.timestamp, tz=UTC) if beat else None
        errors = (beat.errors or []) if beat else []
        yield AtWork(
            kind="daemon",
            name=name.lower(),
            last_at=last_at,
            is_silent=last_at is None or now - last_at > SILENCE,
            is_expected=needed.get(name) in on,
            error=_first_line(errors[0].message) if errors else "",
        )


def _instigator(instance: dg.DagsterInstance, state: InstigatorState) -> AtWork:
    """A sensor's silence is its daemon's; here it is about what its last evaluation ended with."""
    ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
    last = ticks[0] if ticks else None
    failed = last is not None and last.status is TickStatus.FAILURE
    return AtWork(
        kind="sensor" if state.instigator_type is InstigatorType.SENSOR else "schedule",
        name=state.instigator_name,
        last_at=datetime.fromtimestamp(last.timestamp, tz=UTC) if last else None,
        is_silent=False,
        is_expected=True,
        error=_first_line(last.error.message) if failed and last is not None and last.error else "",
    )


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0][:300]
