"""What the beats of a connector, or their absence, mean. A pure function of facts and of the time.

Being alive and making progress are two questions: a connector may beat and have stood still for an hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from data_platform.connectors.options import Options
from data_platform.metastore.heartbeats import Heartbeat, MaintenanceWindow
from data_platform.metastore.tables import Phase
from data_platform.observability.kept_log import KeptLog

SILENCE = timedelta(seconds=60)  # how long a beat may be away; four beats fit in
STANDSTILL = timedelta(seconds=60)  # how long a position may stand still while the source has more
HANGING = timedelta(minutes=15)  # how long one turn of the loop may take where no cadence is promised


class State(StrEnum):
    """How a connector stands. Everything but the first four wants a person."""

    LIVE = "live"  # it beats, and moves or has nothing to do
    RESTING = "resting"  # a batch kind between two runs
    NEVER_RUN = "never run"  # never heard of, and nothing is expected of it
    MAINTENANCE = "maintenance"  # silent inside a declared window
    DEAD = "dead"  # no beat while running, or not back when it was expected
    STUCK = "stuck"  # it beats, but its position stands still while the source has more, or its loop hangs
    EMPTY = "empty"  # it succeeds, with fewer rows than its cadence promises
    REFUSED = "refused"  # the source does not take its credential
    FAILED = "failed"  # its last attempt ended in another error
    HOARDING = "hoarding"  # its source keeps more log for it than it should, whether it runs or not
    UNREADABLE = "unreadable"  # its facts could not be read


HEALTHY = (State.LIVE, State.RESTING, State.NEVER_RUN, State.MAINTENANCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about a connector.

    Attributes:
        beat: its newest; None if it was never heard of.
        recent_rows: records it brought in the last `expect_every` plus `grace`; None where nothing is expected.
        is_stream: whether it runs all the time.
        windows: of maintenance that touch this connector.
        kept: the log that its source keeps for it; None where it keeps none, or did not say.
    """

    beat: Heartbeat | None
    recent_rows: int | None
    is_stream: bool
    windows: Sequence[MaintenanceWindow] = ()
    kept: KeptLog | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A state, why, and what to do."""

    state: State
    detail: str

    @property
    def is_healthy(self) -> bool:
        """Whether nobody needs to look."""
        return self.state in HEALTHY


def is_running(beat: Heartbeat, now: datetime) -> bool:
    """Whether a process beats for the source at this moment."""
    return beat.ended_at is None and now - beat.beat_at <= SILENCE


def diagnose(facts: Facts, options: Options, now: datetime) -> Diagnosis:
    """How a connector stands at a moment. What it does to its source comes before how it is itself."""
    own = _of_connector(facts, options, now)
    kept = facts.kept
    if kept is not None and kept.is_lost:
        return Diagnosis(
            State.FAILED,
            f"the source has given up log of the slot {kept.slot} that was not read: replay from snapshot; "
            f"the connector itself is {own.state}: {own.detail}",
        )
    if kept is not None and kept.is_too_much:
        return Diagnosis(
            State.HOARDING,
            f"the source's disk fills: for the slot {kept.slot} it keeps {kept}; start the connector or drop the slot; "
            f"the connector itself is {own.state}: {own.detail}",
        )
    return own


def _of_connector(facts: Facts, options: Options, now: datetime) -> Diagnosis:
    if facts.beat is None:
        return Diagnosis(State.NEVER_RUN, "it has not run yet")
    found = _of_beat(facts.beat, options, now) or _of_rows(facts, options, now)
    if found is None:
        running = facts.beat.phase is Phase.RUNNING
        return Diagnosis(State.LIVE if running else State.RESTING, _came_to(facts.beat))
    if found.state is State.DEAD and (window := _planned(facts, now)):
        return Diagnosis(State.MAINTENANCE, f"silent until {window.ends_at:%Y-%m-%d %H:%M} UTC: {window.reason}")
    return found


def _of_beat(beat: Heartbeat, options: Options, now: datetime) -> Diagnosis | None:
    silence = now - beat.beat_at
    is_over = beat.ended_at is not None
    if not is_over and silence > SILENCE:
        return Diagnosis(
            State.DEAD, f"no beat for {_seconds(silence)} from {beat.instance}; see whether the process lives, start it"
        )
    if is_over and beat.next_expected_at is not None and now > beat.next_expected_at + options.grace + SILENCE:
        return Diagnosis(
            State.DEAD, f"expected at {beat.next_expected_at:%Y-%m-%d %H:%M:%S} UTC and not heard of since; start it"
        )
    if beat.phase is Phase.REFUSED:
        return Diagnosis(State.REFUSED, f"the source refuses the credential: {beat.error}")
    if beat.phase is Phase.FAILED:
        return Diagnosis(State.FAILED, beat.error or "its last run failed")
    if beat.backlog and now - max(beat.progressed_at, beat.started_at) > STANDSTILL:
        return Diagnosis(
            State.STUCK,
            f"the position has stood still for {_seconds(now - beat.progressed_at)} while {beat.backlog} wait; "
            "look at the source and the connector's log",
        )
    return _of_turn(beat, options, now)


def _of_turn(beat: Heartbeat, options: Options, now: datetime) -> Diagnosis | None:
    """The beat comes from a thread of its own, so that it goes on while the loop waits for something forever."""
    if beat.ended_at is not None or beat.turned_at is None:
        return None
    every = options.expect_every
    longest = HANGING if every is None else max(every + options.grace, STANDSTILL)
    if now - beat.turned_at <= longest:
        return None
    return Diagnosis(
        State.STUCK,
        f"it beats, but has been in one turn of its loop for {_seconds(now - beat.turned_at)}; "
        "look for a lock, a full disk or a source that hangs, and start it again",
    )


def _of_rows(facts: Facts, options: Options, now: datetime) -> Diagnosis | None:
    beat, every = facts.beat, options.expect_every
    if every is None or beat is None or facts.recent_rows is None:
        return None
    # A source just started has had no time to bring anything.
    had_time = now - beat.started_at >= every + options.grace if facts.is_stream else beat.phase is Phase.ENDED
    if had_time and facts.recent_rows < options.expect_rows:
        return Diagnosis(
            State.EMPTY,
            f"{facts.recent_rows} records in {_seconds(every + options.grace)}, at least {options.expect_rows} "
            "expected; it succeeds, so ask whether the source still sends",
        )
    return None


def _planned(facts: Facts, now: datetime) -> MaintenanceWindow | None:
    # What falls silent inside a window has the usual time after it to be heard of again.
    inside = [window for window in facts.windows if window.starts_at <= now <= window.ends_at + SILENCE]
    return next(iter(inside), None)


def _came_to(beat: Heartbeat) -> str:
    waiting = "" if beat.backlog is None else f", {beat.backlog} waiting"
    return f"{beat.rows} records in this run{waiting}"


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.0f} s"
