"""Circuit breakers: what fails again and again is left alone for a while, then tried once. Kept in the metastore, so
that every process sees them; each change is an automatic act.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from data_platform.clock import Clock
from data_platform.errors import ConfigurationError, RetryableError
from data_platform.metastore.automatic_acts import ActEntry
from data_platform.metastore.breakers import BreakerEntry
from data_platform.metastore.engine import Metastore
from data_platform.metastore.incident_tables import BreakerState

FAILURES = 5  # in a row open it
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=10)


class BreakerOpen(RetryableError):
    """A call was not made: what it would reach failed too often a moment ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakers:
    """All breakers of a platform, by name: `connector/<dataset>/<source>`, `channel/<name>`."""

    metastore: Metastore
    clock: Clock

    @contextmanager
    def guarding(self, name: str) -> Iterator[None]:
        """Lets the block run, or not; notes how it ended. Only retryable errors count against it.

        Raises:
            BreakerOpen: not now.
        """
        self._enter(name)
        try:
            yield
        except RetryableError as error:
            self.failed(name, error)
            raise
        self.succeeded(name)

    def is_open(self, name: str) -> bool:
        """Whether a call would not be made now; changes nothing."""
        held = self.metastore.operations.breakers.of(name)
        return held is not None and not self._may_try(held)

    def failed(self, name: str, error: BaseException) -> None:
        """Notes a failing call."""
        now, lines = self.clock.now(), self.metastore.operations.breakers
        held = lines.of(name) or BreakerEntry(name=name, state=BreakerState.CLOSED, failures=0, changed_at=now)
        failures = held.failures + 1
        if held.state is BreakerState.CLOSED and failures < FAILURES:
            lines.put(replace(held, failures=failures, error=_first_line(error)))
            return
        wait = min(FIRST_WAIT * 2 ** min(failures - FAILURES, 10), LONGEST_WAIT)
        began = now if held.state is BreakerState.CLOSED else held.changed_at  # a trial that failed is no new opening
        lines.put(
            replace(
                held,
                state=BreakerState.OPEN,
                failures=failures,
                changed_at=began,
                next_try_at=now + wait,
                error=_first_line(error),
            )
        )
        if held.state is BreakerState.CLOSED:
            self._record("breaker_opened", name, "open", f"after {failures} failures")

    def succeeded(self, name: str) -> None:
        """Notes a call that went well."""
        held = self.metastore.operations.breakers.of(name)
        if held is None or (held.state is BreakerState.CLOSED and not held.failures):
            return
        self._close(held)
        if held.state is not BreakerState.CLOSED:
            self._record("breaker_closed", name, "closed", "the trial went well")

    def reset(self, name: str, *, who: str) -> BreakerEntry:
        """Closes a breaker because a person says so; what stood before.

        Raises:
            ConfigurationError: there is no such breaker.
        """
        held = self.metastore.operations.breakers.of(name)
        if held is None:
            raise ConfigurationError(f"there is no breaker {name!r}; `data-platform breaker list` names them")
        self._close(held)
        self._record("breaker_reset", name, "closed", f"by {who}")
        return held

    def _enter(self, name: str) -> None:
        held = self.metastore.operations.breakers.of(name)
        if held is None or held.state is BreakerState.CLOSED:
            return
        if self._may_try(held):
            # who half-opens it has the one trial; one that dies in it is waited for as long as after a failure
            now = self.clock.now()
            trial = replace(held, state=BreakerState.HALF_OPEN, next_try_at=now + FIRST_WAIT)
            if self.metastore.operations.breakers.claim(held, trial):
                return
        until = f" until {held.next_try_at:%H:%M:%S} UTC" if held.next_try_at else ""
        raise BreakerOpen(f"{name} is left alone{until} after {held.failures} failures: {held.error}")

    def _may_try(self, held: BreakerEntry) -> bool:
        now = self.clock.now()  # a time further away than any wait is of a clock that ran ahead
        is_time = held.next_try_at is None or not now < held.next_try_at <= now + LONGEST_WAIT
        return held.state is BreakerState.CLOSED or is_time

    def _close(self, held: BreakerEntry) -> None:
        closed = replace(
            held, state=BreakerState.CLOSED, failures=0, changed_at=self.clock.now(), next_try_at=None, error=""
        )
        self.metastore.operations.breakers.put(closed)

    def _record(self, kind: str, name: str, outcome: str, detail: str) -> None:
        act = ActEntry(at=self.clock.now(), kind=kind, subject=name, outcome=outcome, detail=detail)
        self.metastore.operations.automatic_acts.append(act)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
