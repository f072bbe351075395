"""How each objective stands, as it was last judged. What it was judged by is in `objective_samples`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.objective_tables import OBJECTIVES, ObjectiveState
from data_platform.metastore.repository import Repeat, Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveEntry:
    """One objective's standing.

    Attributes:
        subject: the dataset, `<dataset>/<source>`, the domain, or `platform`.
        target: share of events that must be good, 0 to 1.
        window_seconds: over which the budget is counted.
        ratio: good of what is known in the window; None where nothing is known.
        budget_left: share of the error budget, below 0 where more than all of it is gone.
        good_total, bad_total, unknown_total: events ever counted; they only grow.
        burn: by window (`5m`, `30m`, `1h`, `6h`, `3d`) how many times faster than the target allows the budget goes;
            None where nothing is known.
        detail: `burning` (`fast`, `slow` or empty), `title`, `window`, `method`, `origin`, and what evaluation keeps.
        since: when it came into its state.
    """

    objective: str
    sli: str
    subject: str
    domain: str
    owner: str
    is_critical: bool
    target: float
    window_seconds: int
    state: ObjectiveState
    ratio: float | None
    budget_left: float | None
    good_total: float = 0.0
    bad_total: float = 0.0
    unknown_total: float = 0.0
    burn: Mapping[str, float | None] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)
    since: datetime
    evaluated_at: datetime

    @property
    def pace(self) -> str:
        """How much too fast the budget goes: `fast`, `slow`, or empty where it does not."""
        return str(self.detail.get("burning") or "")

    @property
    def is_burning(self) -> bool:
        """Whether the budget goes too fast, be something of it left or not."""
        return bool(self.pace) or self.state is ObjectiveState.BURNING

    @property
    def words(self) -> str:
        """Its state, and that it burns where the state does not say so: `spent, burning fast`."""
        paced = f"burning {self.pace}".strip()
        if self.state is ObjectiveState.BURNING:
            return paced
        return f"{self.state.value}, {paced}" if self.is_burning else self.state.value

    def stands(self, state: str) -> bool:
        """Whether it is listed under a state: what is spent and burns is listed under both."""
        return state == self.state.value or (state == ObjectiveState.BURNING.value and self.is_burning)


class ObjectiveStandings(Repository[ObjectiveEntry]):
    """One line for each objective."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, OBJECTIVES, ObjectiveEntry)

    def record(self, entries: Iterable[ObjectiveEntry], *, tx: Transaction | None = None) -> None:
        """Replaces standings, unless newer ones are there."""
        self._upsert(entries, repeat=Repeat(only_if=("evaluated_at",)), tx=tx)

    def all(self, *, tx: Transaction | None = None) -> tuple[ObjectiveEntry, ...]:
        """Every objective, by id."""
        return self._select(sa.select(OBJECTIVES).order_by(OBJECTIVES.c.objective), tx=tx)

    def get(self, objective: str, *, tx: Transaction | None = None) -> ObjectiveEntry | None:
        """One objective."""
        return self._first(sa.select(OBJECTIVES).where(OBJECTIVES.c.objective == objective), tx=tx)

    def forget(self, objectives: Sequence[str], *, tx: Transaction | None = None) -> int:
        """Forgets objectives that no longer exist."""
        return self._delete(OBJECTIVES.c.objective.in_(objectives), tx=tx) if objectives else 0
