from __future__ import annotations

import threading

from data_platform.connectors.counting import CountingAside
from data_platform.errors import SourceRefused


def test_a_count_that_takes_long_holds_up_nobody_and_one_that_fails_ends_nothing() -> None:
    asked, may_go_on = threading.Semaphore(0), threading.Event()
    outcomes = iter([SourceRefused("no"), ValueError("a fault"), None])

    def ask() -> None:
        outcome = next(outcomes, None)
        asked.release()
        if outcome is not None:
            raise outcome
        may_go_on.wait(30)

    with CountingAside(ask, every_seconds=0.001):
        for _ in range(3):
            assert asked.acquire(timeout=30)
        may_go_on.set()  # reached although the third count has not ended
    assert not any(thread.name == "count-source" for thread in threading.enumerate())
