"""What rules look at: the metastore, the estate, the time, and what other parts of the platform hand over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any

from data_platform.incidents.model import GRACE, Alert, Estate, Symptom, page_or_ticket
from data_platform.metastore.engine import Metastore
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.tables import RunState
from data_platform.observability.standings import ConnectorStanding

MOST_RUNS = 8  # of one dataset that are looked at: a chain of retries is seldom longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What is not in the metastore, as callables.

    Attributes:
        standings: how every connector stands.
        free_disk: the share of the home's disk that is free, 0 to 1; None where it cannot be told.
        sinks: names of the lineage sinks of the settings; None for all that are known.
    """

    standings: Callable[[datetime], Sequence[ConnectorStanding]] = lambda _now: ()
    free_disk: Callable[[], float | None] = lambda: None
    sinks: Callable[[], Collection[str] | None] = lambda: None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One look at everything.

    Attributes:
        failed_stages: parts of this tick of the watch that did not work, and why.
    """

    metastore: Metastore
    estate: Estate
    now: datetime
    outside: Outside
    failed_stages: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @cached_property
    def runs(self) -> Mapping[str, Sequence[RunEntry]]:
        """The newest run of each dataset; of one whose newest did not succeed, those before it too, newest first."""
        ask = self.metastore.operations.failing_facts.newest_runs
        found = {run.dataset: [run] for run in reversed(ask(self.estate.datasets, most=1))}
        wanting = [name for name, (run,) in found.items() if run.state is not RunState.SUCCEEDED]
        for name in wanting:
            found[name] = []
        for run in ask(wanting, most=MOST_RUNS):
            found[run.dataset].append(run)
        return found

    @cached_property
    def standings(self) -> Sequence[ConnectorStanding]:
        """How every connector stands."""
        return self.outside.standings(self.now)

    def ticket(self, alert: Alert, subject: str, *, since: datetime, **more: Any) -> Symptom:
        """A symptom that has to last, in the class of a ticket."""
        return Symptom(
            alert=alert,
            subject=subject,
            severity=page_or_ticket(is_page=False),
            began_at=since,
            ready_at=more.pop("ready_at", since + GRACE),
            # facts that only say what is now are given None: how long they have lasted is remembered
            **more,
        )

    def page(self, alert: Alert, subject: str, *, since: datetime, **more: Any) -> Symptom:
        """A symptom that opens at once."""
        return Symptom(
            alert=alert, subject=subject, severity=page_or_ticket(is_page=True), began_at=since, ready_at=since, **more
        )
