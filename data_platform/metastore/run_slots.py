"""Each run that was due, judged once. When one is due, and judging it, is in `observability.slis.pipeline_success`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.objective_tables import RUN_SLOTS, SlotOutcome
from data_platform.metastore.repository import Repeat, Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSlotEntry:
    """What became of one run that was due.

    Attributes:
        due_at: the deadline.
        run_id: of the run that decided it; None where nothing ran.
        partitions_due, partitions_met: at least 1, and how many of them were published in time.
        detail: why, for people.
    """

    dataset: str
    due_at: datetime
    judged_at: datetime
    outcome: SlotOutcome
    run_id: str | None
    partitions_due: int
    partitions_met: int
    detail: str

    @property
    def share(self) -> float:
        """How much of it was met, from 0 to 1."""
        return self.partitions_met / self.partitions_due


class RunSlots(Repository[RunSlotEntry]):
    """Judged slots by dataset and deadline."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, RUN_SLOTS, RunSlotEntry)

    def record(self, slots: Iterable[RunSlotEntry], *, tx: Transaction | None = None) -> None:
        """Adds judgements; the first about a slot stays."""
        self._upsert(slots, repeat=Repeat(keep=tuple(column.name for column in RUN_SLOTS.columns)), tx=tx)

    def judged(self, *, since: datetime, tx: Transaction | None = None) -> tuple[RunSlotEntry, ...]:
        """The slots judged at a moment or later, by dataset and deadline."""
        statement = sa.select(RUN_SLOTS).where(RUN_SLOTS.c.judged_at >= since)
        return self._select(statement.order_by(RUN_SLOTS.c.dataset, RUN_SLOTS.c.due_at), tx=tx)

    def of(self, dataset: str, *, limit: int = 50, tx: Transaction | None = None) -> tuple[RunSlotEntry, ...]:
        """A dataset's slots, the newest first."""
        statement = sa.select(RUN_SLOTS).where(RUN_SLOTS.c.dataset == dataset)
        return self._select(statement.order_by(RUN_SLOTS.c.due_at.desc()).limit(limit), tx=tx)

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets slots judged before `before`."""
        return self._delete(RUN_SLOTS.c.judged_at < before, tx=tx)
