from __future__ import annotations

from datetime import UTC, datetime

import pytest

from data_platform.clock import ManualClock
from data_platform.errors import ConfigurationError, FatalError, SourceUnavailable
from data_platform.incidents.breakers import FAILURES, FIRST_WAIT, BreakerOpen, Breakers
from data_platform.metastore.engine import Metastore
from data_platform.metastore.incident_tables import BreakerState

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)


def fail(breakers: Breakers, *, times: int) -> None:
    for _ in range(times):
        with pytest.raises(SourceUnavailable), breakers.guarding("b"):
            raise SourceUnavailable("no answer")


def state(metastore: Metastore) -> BreakerState | None:
    held = metastore.operations.breakers.of("b")
    return held.state if held else None


def test_a_breaker_opens_tries_once_and_closes(metastore: Metastore) -> None:
    clock = ManualClock(NOON)
    breakers = Breakers(metastore=metastore, clock=clock)
    fail(breakers, times=FAILURES - 1)
    assert state(metastore) is BreakerState.CLOSED
    fail(breakers, times=1)
    assert state(metastore) is BreakerState.OPEN
    with pytest.raises(BreakerOpen, match="no answer"), breakers.guarding("b"):
        pytest.fail("the call must not be made")
    clock.advance(FIRST_WAIT)
    fail(breakers, times=1)  # the trial
    with pytest.raises(BreakerOpen), breakers.guarding("b"):
        pytest.fail("the call must not be made")
    clock.advance(4 * FIRST_WAIT)
    with breakers.guarding("b"):
        assert state(metastore) is BreakerState.HALF_OPEN
    assert state(metastore) is BreakerState.CLOSED
    acts = [act.kind for act in metastore.operations.automatic_acts.recent()]
    assert acts == ["breaker_closed", "breaker_opened"]


def test_of_two_processes_one_has_the_trial(metastore: Metastore) -> None:
    clock = ManualClock(NOON)
    breakers = Breakers(metastore=metastore, clock=clock)
    fail(breakers, times=FAILURES)
    clock.advance(FIRST_WAIT)
    with breakers.guarding("b"), pytest.raises(BreakerOpen), breakers.guarding("b"):
        pytest.fail("two trials at once")


def test_what_retrying_cannot_help_opens_no_breaker(metastore: Metastore) -> None:
    breakers = Breakers(metastore=metastore, clock=ManualClock(NOON))
    for _ in range(2 * FAILURES):
        with pytest.raises(FatalError), breakers.guarding("b"):
            raise FatalError("damaged")
    assert state(metastore) is None


def test_a_person_resets_a_breaker(metastore: Metastore) -> None:
    breakers = Breakers(metastore=metastore, clock=ManualClock(NOON))
    fail(breakers, times=FAILURES)
    assert breakers.reset("b", who="ann").failures == FAILURES
    assert state(metastore) is BreakerState.CLOSED
    with pytest.raises(ConfigurationError, match="breaker list"):
        breakers.reset("c", who="ann")
