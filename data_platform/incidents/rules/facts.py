"""What rules look at: the metastore, the estate, the time, and what other parts of the platform hand over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Any

from data_platform.contracts.faulty_parts import FaultyPart
from data_platform.incidents.model import GRACE, HELD, REMEMBERED, Alert, Estate, Symptom, page_or_ticket
from data_platform.metastore.component_beats import WATCH
from data_platform.metastore.engine import Metastore
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.symptoms import SymptomEntry
from data_platform.metastore.tables import RunState
from data_platform.observability.standings import ConnectorStanding

_EVER = datetime(1970, 1, 1, tzinfo=UTC)  # nobody has ever watched
_UNSEEN = timedelta(hours=1)  # what happened just before the watch fell silent may not have been seen
MOST_RUNS = 8  # of one dataset that are looked at: a chain of retries is seldom longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What is not in the metastore, as callables.

    Attributes:
        standings: how every connector stands.
        free_disk: the share of the home's disk that is free, 0 to 1; None where it cannot be told.
        sinks: names of the lineage sinks of the settings; None for all that are known.
        faulty: the parts of the project whose files have faults.
    """

    standings: Callable[[datetime], Sequence[ConnectorStanding]] = lambda _now: ()
    free_disk: Callable[[], float | None] = lambda: None
    sinks: Callable[[], Collection[str] | None] = lambda: None
    faulty: Callable[[], Sequence[FaultyPart]] = lambda: ()


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
    def since(self) -> datetime:
        """From when on is looked for what happened once: also all that happened while nobody watched."""
        beat = self.metastore.operations.component_beats.of(WATCH)
        return min(self.now - REMEMBERED, beat.beat_at - _UNSEEN) if beat is not None else _EVER

    @cached_property
    def held(self) -> Mapping[tuple[str, str], SymptomEntry]:
        """What is open about things that happened: over only when they are mended, however old they are."""
        found = self.metastore.operations.symptoms.lasting([alert.value for alert in HELD])
        return {one.key: one for one in found}

    def held_of(self, alert: Alert) -> Mapping[str, SymptomEntry]:
        """The same of one alert, by subject."""
        return {subject: one for (name, subject), one in self.held.items() if name == alert}

    def since_of(self, alert: Alert) -> datetime:
        """From when on facts of an alert are read: those that are held are read again."""
        return min([self.since, *(one.began_at for one in self.held_of(alert).values())])

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
