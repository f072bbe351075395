"""Targets that history supports: high enough to mean something, low enough that an ordinary month keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from data_platform.metastore.objective_samples import ObjectiveSample
from data_platform.observability.objectives.model import Objective

HISTORY = timedelta(days=30)
LEAST_DAYS = 7  # of history, before anything is suggested
_LADDER = (0.9999, 0.9995, 0.999, 0.998, 0.995, 0.99, 0.98, 0.95, 0.9, 0.8, 0.5)
_USED = {True: 0.5, False: 0.8}  # share of the budget that an ordinary month may use, where critical and elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What history says about one objective.

    Attributes:
        achieved: share of known events that were good; None without history.
        suggested: None where history is too short, or supports no target at all.
        days: on which something was known.
        unknown: share of the evidence that was unknown.
    """

    objective: Objective
    achieved: float | None
    suggested: float | None
    days: int
    unknown: float

    @property
    def says(self) -> str:
        """In words."""
        if self.days < LEAST_DAYS:
            return f"known on {self.days} of at least {LEAST_DAYS} days: too early to say"
        if self.suggested is None:
            return "no target is kept: mend it first"
        if self.suggested > self.objective.target:
            return "can promise more"
        return "promises too much" if self.suggested < self.objective.target else "fits"


def suggest(objective: Objective, days: Sequence[ObjectiveSample], *, is_critical: bool) -> Suggestion:
    """A target from buckets of days; `is_critical` where the dataset or anybody who reads it is."""
    good, bad, unknown = (sum(getattr(one, name) for one in days) for name in ("good", "bad", "unknown"))
    known, heard = good + bad, sum(one.good + one.bad > 0 for one in days)
    achieved = good / known if known else None
    suggested = None
    if achieved is not None and heard >= LEAST_DAYS:
        failing, used = 1 - achieved, _USED[is_critical]
        suggested = next((target for target in _LADDER if failing <= used * (1 - target)), None)
        if suggested is not None and objective.sli == "pipeline_success":
            suggested = min(suggested, round(1 - 1 / known, 6)) if known > 1 else None
    return Suggestion(
        objective=objective,
        achieved=achieved,
        suggested=suggested,
        days=heard,
        unknown=unknown / (known + unknown) if known + unknown else 0.0,
    )
