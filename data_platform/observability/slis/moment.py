"""What one measurement sees: the time, the time before it, and the facts that several indicators need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from data_platform.contracts.domains import Project
from data_platform.contracts.model import Contract
from data_platform.metastore.database import Transaction
from data_platform.metastore.engine import Metastore
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.observability.standings import ConnectorStanding

Measure: TypeAlias = Callable[["Moment"], Iterable[SliValueEntry]]

WATCHED = "watched"  # the values under this name say which time was watched at all
CONTRACTS = "schema_compatibility"  # its values say which contracts were in force, and since when
UNSEEN = timedelta(seconds=90)  # what is longer between two measurements was not watched
CADENCE = timedelta(minutes=5)  # a state that stays is written down this often
OVERLAP = timedelta(minutes=5)  # facts may be stamped this long before they can be read
FIRST_LOOK = timedelta(days=1)  # how far back the first measurement counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One measurement.

    Attributes:
        now: when it is made.
        before: when the one before was made; None for the first.
        upstream: the datasets that each dataset reads.
        watch: the values of `watched` of the last while, the oldest first.
        ended: the runs that ended since shortly before the measurement before.
        seen_contracts: the contracts that were in force, as the evidence of `schema_compatibility` has them.
    """

    now: datetime
    before: datetime | None
    tx: Transaction
    metastore: Metastore
    project: Project
    upstream: Mapping[str, tuple[str, ...]]
    standings: tuple[ConnectorStanding, ...]
    watch: tuple[SliValueEntry, ...]
    ended: tuple[RunEntry, ...]
    seen_contracts: Mapping[str, Any] = field(default_factory=dict)
    _known_since: dict[str, datetime] = field(default_factory=dict)
    _new: dict[str, tuple[RunEntry, ...]] = field(default_factory=dict)
    _last: dict[str, dict[tuple[str, str], SliValueEntry]] = field(default_factory=dict)

    @property
    def since(self) -> datetime:
        """From when on facts count that nobody counted."""
        return self.now - FIRST_LOOK if self.before is None else self.before

    @property
    def is_seamless(self) -> bool:
        """Whether the time since the measurement before was watched."""
        return self.before is not None and self.now - self.before <= UNSEEN

    @property
    def known_since(self) -> Mapping[str, datetime]:
        """Since when each dataset was watched."""
        if not self._known_since:
            told = self.seen_contracts.get("known_since", {}).items()
            self._known_since.update((name, datetime.fromisoformat(at)) for name, at in told)
        return self._known_since

    def contracts(self) -> Mapping[str, Contract]:
        """The contract of every dataset, by its name."""
        return {str(name): dataset.contract for name, dataset in self.project.datasets.items()}

    def last(self, sli: str) -> Mapping[tuple[str, str], SliValueEntry]:
        """The newest value of each subject and partition that was measured shortly before."""
        if sli not in self._last:
            self._last[sli] = {}
            if self.before is not None:
                since = self.before - CADENCE - UNSEEN
                found = self.metastore.operations.sli_values.since(sli, since=since, tx=self.tx)
                self._last[sli] = {(entry.subject, entry.partition): entry for entry in found}
        return self._last[sli]

    def new_runs(self, sli: str) -> tuple[RunEntry, ...]:
        """The runs that ended and that no value of an indicator counted."""
        if not self.ended:
            return ()
        if sli not in self._new:
            since = self.since - 2 * OVERLAP
            values = self.metastore.operations.sli_values.since(sli, since=since, tx=self.tx)
            counted = {(entry.subject, run) for entry in values for run in entry.evidence.get("runs", ())}
            self._new[sli] = tuple(run for run in self.ended if (run.dataset, run.run_id) not in counted)
        return self._new[sli]

    def repeatable(self, runs: Iterable[RunEntry]) -> list[str]:
        """Those of the runs that the next measurement sees again, for the evidence."""
        return sorted({run.run_id for run in runs if run.ended_at and run.ended_at > self.now - OVERLAP})
