"""What is done again and again beside the work of a process."""

from __future__ import annotations

import logging
import threading

import pytest

from data_platform.rounds import Rounds


def test_turns_follow_each_other_until_the_block_ends() -> None:
    turns: list[str] = []
    often = threading.Event()

    def turn() -> None:
        turns.append(threading.current_thread().name)
        if len(turns) == 3:
            often.set()

    with Rounds(turn, name="often", every_seconds=0.001):
        assert often.wait(20)
    assert set(turns) == {"often"}
    assert not [one for one in threading.enumerate() if one.name == "often"]


def test_a_turn_that_fails_is_logged_and_followed_by_the_next(caplog: pytest.LogCaptureFixture) -> None:
    again = threading.Event()
    turns = iter((ValueError("the first"), None))

    def turn() -> None:
        error = next(turns, None)
        if error is not None:
            raise error
        again.set()

    with caplog.at_level(logging.ERROR), Rounds(turn, name="flaky", every_seconds=0.001):
        assert again.wait(20)
    (record,) = caplog.records
    assert record.getMessage() == "a turn of the thread flaky failed"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)


@pytest.mark.parametrize(("waits_first", "turns"), [(True, 0), (False, 1)])
def test_the_first_turn_comes_at_once_or_after_a_while(waits_first: bool, turns: int) -> None:
    taken: list[None] = []
    with Rounds(lambda: taken.append(None), name="once", every_seconds=600, waits_first=waits_first):
        pass
    assert len(taken) == turns


def test_the_end_does_not_wait_for_a_turn_longer_than_it_is_told_to() -> None:
    begun, may_end = threading.Event(), threading.Event()

    def turn() -> None:
        begun.set()
        may_end.wait(20)

    rounds = Rounds(turn, name="long", every_seconds=600, waits_first=False)
    rounds.start()
    assert begun.wait(20)
    rounds.stop(within_seconds=0)
    assert not may_end.is_set()
    may_end.set()
    rounds.stop()
    assert not [one for one in threading.enumerate() if one.name == "long"]


def test_a_turn_may_end_its_own_rounds() -> None:
    ended = threading.Event()

    def turn() -> None:
        rounds.stop()
        ended.set()

    rounds = Rounds(turn, name="own", every_seconds=0.001)
    rounds.start()
    assert ended.wait(20)
    rounds.stop()
