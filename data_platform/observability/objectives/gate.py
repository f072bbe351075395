"""Whether something may be deployed: not onto datasets whose error budget goes too fast or is spent, nor above readers
of such. That a spent budget stops changes is the error budget policy of Google's SRE Workbook: what mends a page or a
breach goes out with an override, which names its ticket.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from data_platform.contracts.domains import PLATFORM_DOMAIN
from data_platform.metastore.objective_tables import ObjectiveState
from data_platform.metastore.objectives import ObjectiveEntry
from data_platform.observability.objectives.burn import FAST, SLOW
from data_platform.observability.words import budget_left, times

PLAYBOOKS = {FAST: "slo_fast_burn", SLOW: "slo_slow_burn"}
SPENT_PLAYBOOK = "budget_burn"
STALE = timedelta(minutes=15)  # an older judgement says nothing about now


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """What the gate says.

    Attributes:
        burning: objectives whose budget goes too fast, in the short and in the long window of a pair.
        spent: other objectives, of whose budget nothing is left.
        unknown: those of which nothing can be said now.
        asked: how many objectives were looked at.
    """

    burning: tuple[ObjectiveEntry, ...]
    spent: tuple[ObjectiveEntry, ...]
    unknown: tuple[ObjectiveEntry, ...]
    asked: int

    def is_open(self, *, is_strict: bool = False) -> bool:
        """Whether nothing speaks against it; `is_strict` counts the unknown as speaking against it."""
        return not self.burning and not self.spent and not (is_strict and (self.unknown or not self.asked))

    @property
    def reason(self) -> str:
        """What speaks against it, in one line."""
        return "; ".join(self.reasons)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What speaks against it, one sentence for each objective."""
        return (*map(burn_in_words, self.burning), *map(spent_in_words, self.spent))


def ask(entries: Iterable[ObjectiveEntry], datasets: Collection[str], *, now: datetime) -> GateVerdict:
    """Looks at the objectives of datasets, of their domains and of the platform."""
    domains = {dataset.split(".")[1] for dataset in datasets}
    asked = [one for one in entries if _concerns(one, datasets, domains)]
    fresh = [one for one in asked if now - one.evaluated_at <= STALE]
    return GateVerdict(
        # what burnt when it was last judged burns on: a watch that fell silent must not open the gate
        burning=tuple(one for one in asked if one.is_burning),
        spent=tuple(one for one in asked if one.state is ObjectiveState.SPENT and not one.is_burning),
        unknown=tuple(one for one in asked if one not in fresh or one.state is ObjectiveState.UNKNOWN),
        asked=len(asked),
    )


def burn_in_words(entry: ObjectiveEntry) -> str:
    """`freshness.… burns its error budget 3.1 times too fast over 6 h and 2.4 times over 3 d: playbook …`."""
    burning = entry.pace or SLOW
    windows = ("1h", "6h") if burning == FAST else ("6h", "3d")
    found = [(f"{name[:-1]} {name[-1]}", rate) for name in windows if (rate := entry.burn.get(name)) is not None]
    rates = " and ".join(f"{times(rate)} times over {name}" for name, rate in found)
    said = rates.replace(" times ", " times too fast ", 1) or "too fast"
    return f"{entry.objective} burns its error budget {said}: playbook {PLAYBOOKS[burning]}"


def spent_in_words(entry: ObjectiveEntry) -> str:
    """`freshness.… has spent its error budget: spent 1.4 times over within 30 d, since …: playbook budget_burn`."""
    is_over = entry.budget_left is not None and entry.budget_left < 0
    left = budget_left(entry.budget_left) + ("" if is_over else " of it is left")
    days = entry.window_seconds / timedelta(days=1).total_seconds()
    said = f"{left} within {days:g} d, since {entry.since:%Y-%m-%d %H:%M} UTC"
    return f"{entry.objective} has spent its error budget: {said}: playbook {SPENT_PLAYBOOK}"


def _concerns(entry: ObjectiveEntry, datasets: Collection[str], domains: Collection[str]) -> bool:
    if "." in entry.subject:
        return entry.subject.split("/")[0] in datasets
    return entry.subject == PLATFORM_DOMAIN or entry.subject in domains
