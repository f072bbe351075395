"""What beats mean, told from facts and the time alone; and a healthy day with restarts, in which nothing is told."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from data_platform.connectors.liveness import Facts, State, diagnose
from data_platform.connectors.options import Options
from data_platform.metastore.heartbeats import Heartbeat, MaintenanceWindow
from data_platform.metastore.tables import Phase
from data_platform.observability.kept_log import KeptLog

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
HOURLY = Options(expect_every=timedelta(hours=1), grace=timedelta(minutes=5))


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def beat(
    phase: Phase = Phase.RUNNING, *, ago: float = 5, moved: float = 5, started: float = 7200, **more: object
) -> Heartbeat:
    known = Heartbeat(
        dataset="raw.shop.orders",
        source="orders",
        kind="kafka",
        instance="host:1",
        phase=phase,
        started_at=NOW - seconds(started),
        beat_at=NOW - seconds(ago),
        progressed_at=NOW - seconds(moved),
        position={},
        backlog=0,
    )
    return replace(known, **more)  # type: ignore[arg-type]


def ended(phase: Phase, *, ago: float = 5, expected: float | None = None, **more: object) -> Heartbeat:
    due = None if expected is None else NOW + seconds(expected)
    return beat(phase, ago=ago, ended_at=NOW - seconds(ago), next_expected_at=due, **more)


def state(found: Heartbeat | None, *, rows: int | None = 1, options: Options = HOURLY, is_stream: bool = True) -> State:
    return diagnose(Facts(beat=found, recent_rows=rows, is_stream=is_stream), options, NOW).state


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, State.NEVER_RUN),
        (beat(), State.LIVE),
        (beat(ago=59), State.LIVE),
        (beat(ago=61), State.DEAD),
        (beat(ago=61, phase=Phase.REFUSED), State.DEAD),  # a dead process refuses nothing
        (beat(phase=Phase.REFUSED, error="denied"), State.REFUSED),
        (beat(phase=Phase.FAILED, error="gone"), State.FAILED),
        (beat(moved=3600, backlog=7), State.STUCK),
        (beat(moved=3600, backlog=0), State.LIVE),  # nothing to do is no standstill
        (beat(moved=3600, backlog=None), State.LIVE),
        (beat(moved=59, backlog=7), State.LIVE),
        (beat(moved=3600, started=30, backlog=7), State.LIVE),  # just started again
        (beat(turned_at=NOW - seconds(3901)), State.STUCK),  # a thread beats, the loop hangs
        (beat(turned_at=NOW - seconds(3899)), State.LIVE),
        (ended(Phase.ENDED, ago=9999, turned_at=NOW - seconds(9999)), State.RESTING),
        (ended(Phase.STOPPED, ago=30, expected=-30), State.RESTING),
        (ended(Phase.STOPPED, ago=400, expected=-400), State.DEAD),
        (ended(Phase.ENDED, ago=9999), State.RESTING),
        (ended(Phase.FAILED, ago=9999), State.FAILED),  # a run that failed is over, not dead
        (ended(Phase.FAILED, ago=400, expected=-400), State.DEAD),
    ],
)
def test_a_beat_says_how_its_connector_stands(found: Heartbeat | None, expected: State) -> None:
    assert state(found) is expected


def test_a_batch_kind_is_dead_a_minute_after_it_was_expected_and_its_grace() -> None:
    found = ended(Phase.ENDED, ago=3600 + 299 + 60, expected=-299 - 60)
    assert state(found, is_stream=False) is State.RESTING
    assert state(replace(found, next_expected_at=NOW - seconds(301 + 60)), is_stream=False) is State.DEAD


def test_success_without_rows_is_empty_and_says_so_differently_from_stuck() -> None:
    found = ended(Phase.ENDED, expected=3000)
    assert state(found, rows=0, is_stream=False) is State.EMPTY
    assert state(found, rows=0, options=Options(), is_stream=False) is State.RESTING  # nothing was promised
    assert (
        state(replace(found, backlog=3, started_at=NOW - seconds(5)), rows=0, is_stream=False, options=HOURLY)
        is State.EMPTY
    )
    assert state(beat(), rows=0) is State.EMPTY
    assert state(beat(started=600), rows=0) is State.LIVE  # it has had no hour yet
    many = Options(expect_every=timedelta(hours=1), expect_rows=100)
    assert state(beat(), rows=99, options=many) is State.EMPTY
    assert state(beat(), rows=100, options=many) is State.LIVE


def test_silence_inside_a_declared_window_is_planned_and_a_refusal_is_not() -> None:
    window = MaintenanceWindow(
        dataset="", source="", starts_at=NOW - seconds(300), ends_at=NOW - seconds(30), who="ann", reason="upgrade"
    )

    def within(found: Heartbeat, at: datetime = NOW) -> State:
        return diagnose(Facts(beat=found, recent_rows=1, is_stream=True, windows=[window]), HOURLY, at).state

    assert within(beat(ago=200)) is State.MAINTENANCE
    assert within(beat(ago=200), NOW + seconds(31)) is State.DEAD  # a minute after its end it should have been back
    assert within(beat(phase=Phase.REFUSED)) is State.REFUSED


def test_a_healthy_day_with_announced_restarts_raises_nothing_and_every_fault_in_it_would() -> None:
    """24 simulated hours: beats every 15 s with jitter, six rolling restarts of up to 90 s, looked at every 10 s."""
    draw = random.Random(20260320)
    start = NOW
    restarts = [(start + timedelta(hours=4 * i + draw.random() * 3), seconds(draw.uniform(5, 90))) for i in range(6)]
    windows = [
        MaintenanceWindow(
            dataset="", source="", starts_at=at, ends_at=at + timedelta(minutes=5), who="ann", reason="roll"
        )
        for at, _ in restarts
    ]
    found = replace(beat(), started_at=start, beat_at=start, progressed_at=start)
    next_beat, told, looks = start, [], 0
    moment = start
    while moment < start + timedelta(hours=24):
        moment += seconds(1)
        is_down = any(at <= moment < at + away for at, away in restarts)
        if not is_down and moment >= next_beat:
            found = replace(
                found, beat_at=moment, progressed_at=moment, phase=Phase.RUNNING, backlog=draw.randint(0, 50)
            )
            next_beat = moment + seconds(15 + draw.random() * 2)
        if looks * 10 <= (moment - start).total_seconds():
            looks += 1
            near = [w for w in windows if w.ends_at > moment - seconds(60)]
            judged = diagnose(Facts(beat=found, recent_rows=40, is_stream=True, windows=near), HOURLY, moment)
            if not judged.is_healthy:
                told.append((moment, judged))
    assert looks >= 8640
    assert told == []
    # The same day without the announcements is not silent, so that the silence above means something.
    longest = max(away for _, away in restarts)
    assert longest > seconds(75)
    judged = diagnose(
        Facts(beat=replace(found, beat_at=moment - longest), recent_rows=40, is_stream=True), HOURLY, moment
    )
    assert judged.state is State.DEAD


def kept(retained: int | None, *, status: str = "reserved") -> KeptLog:
    return KeptLog(
        slot="s", retained_bytes=retained, limit_bytes=100, server_limit_bytes=None, status=status, is_active=False
    )


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (None, State.LIVE),
        (kept(0), State.LIVE),
        (kept(100, status="extended"), State.LIVE),
        (kept(101), State.HOARDING),
        (kept(5, status="unreserved"), State.HOARDING),  # the source is about to give it up
        (kept(None, status="lost"), State.FAILED),
        (kept(5, status="lost"), State.FAILED),
    ],
)
def test_log_that_the_source_keeps_is_judged_whether_the_connector_runs_or_not(
    log: KeptLog | None, expected: State
) -> None:
    assert diagnose(Facts(beat=beat(), recent_rows=1, is_stream=True, kept=log), HOURLY, NOW).state is expected
    stopped = diagnose(Facts(beat=beat(ago=600), recent_rows=1, is_stream=True, kept=log), HOURLY, NOW)
    assert stopped.state is (State.DEAD if expected is State.LIVE else expected)
    assert "no beat for 600 s" in stopped.detail
