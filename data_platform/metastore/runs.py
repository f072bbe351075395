"""What ran: each run's dataset, input versions, range, outcome and time. Its partitions are in `partitions`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.repository import Repeat, Repository
from data_platform.metastore.tables import RUNS, RunState

# Clocks tick in steps, and two hosts have two of them: runs over one dataset may begin at one moment. Which of them
# published later is then told by its end and by the version it made.
_NEWEST_FIRST = (
    RUNS.c.started_at.desc(),
    RUNS.c.ended_at.desc().nulls_first(),
    RUNS.c.output_version.desc().nulls_last(),
    RUNS.c.run_id,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEntry:
    """One run over one dataset.

    Attributes:
        inputs: version of each input table that was read.
        range_from, range_to: partitions, both included; None for the whole table.
        output_version: None until something was published.
        error: class and message, without data values.
        traceparent: the span that the run was, as W3C Trace Context writes it.
    """

    run_id: str
    dataset: str
    started_at: datetime
    ended_at: datetime | None = None
    state: RunState
    inputs: Mapping[str, int] = field(default_factory=dict)
    contract_version: str = ""
    code_version: str = ""
    range_from: str | None = None
    range_to: str | None = None
    output_version: int | None = None
    error: str = ""
    seconds: float | None = None
    traceparent: str = ""

    @property
    def newest_at(self) -> datetime:
        """When it ended; while it goes on, when it began."""
        return self.ended_at or self.started_at


class Runs(Repository[RunEntry]):
    """Runs by id and dataset."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, RUNS, RunEntry)

    def record(self, entries: Iterable[RunEntry], *, tx: Transaction | None = None) -> None:
        """Writes runs; a repeat replaces the whole line, so a retry leaves nothing of the attempt before."""
        self._upsert(entries, repeat=Repeat(), tx=tx)

    def get(self, run_id: str, *, dataset: str, tx: Transaction | None = None) -> RunEntry | None:
        """One run over one dataset."""
        return self._first(sa.select(RUNS).where(RUNS.c.run_id == run_id, RUNS.c.dataset == dataset), tx=tx)

    def readings(self, dataset: str, *, of: str, tx: Transaction | None = None) -> tuple[tuple[int, datetime], ...]:
        """The version of input `of` that each publish of a dataset read, and when it ended, in order of time."""
        published = (RUNS.c.dataset == dataset, RUNS.c.state == RunState.SUCCEEDED, RUNS.c.ended_at.is_not(None))
        found = self._select(sa.select(RUNS).where(*published).order_by(RUNS.c.ended_at), tx=tx)
        return tuple((run.inputs[of], run.ended_at) for run in found if of in run.inputs and run.ended_at is not None)

    def producer(self, dataset: str, *, version: int, tx: Transaction | None = None) -> RunEntry | None:
        """The run that published a version of a dataset."""
        one = (RUNS.c.dataset == dataset, RUNS.c.output_version == version)
        return self._first(sa.select(RUNS).where(*one).order_by(*_NEWEST_FIRST), tx=tx)

    def published(self, dataset: str, *, tx: Transaction | None = None) -> tuple[RunEntry, ...]:
        """The runs that published a dataset, by the version that they made."""
        published = (RUNS.c.dataset == dataset, RUNS.c.state == RunState.SUCCEEDED, RUNS.c.output_version.is_not(None))
        return self._select(sa.select(RUNS).where(*published).order_by(RUNS.c.output_version, RUNS.c.run_id), tx=tx)

    def datasets(self, *, tx: Transaction | None = None) -> tuple[str, ...]:
        """Every dataset that a run was over, by name."""
        with self._database.reading(tx) as connection:
            return tuple(connection.scalars(sa.select(RUNS.c.dataset).distinct().order_by(RUNS.c.dataset)))

    def of_run(self, run_id: str, *, tx: Transaction | None = None) -> tuple[RunEntry, ...]:
        """Everything that one run did, in the order in which it began."""
        statement = sa.select(RUNS).where(RUNS.c.run_id == run_id)
        return self._select(statement.order_by(RUNS.c.started_at, RUNS.c.dataset), tx=tx)

    def of_trace(self, trace_id: str, *, tx: Transaction | None = None) -> tuple[RunEntry, ...]:
        """The runs of a trace, in the order in which they began."""
        statement = sa.select(RUNS).where(RUNS.c.traceparent.between(f"00-{trace_id}-", f"00-{trace_id}-g"))
        return self._select(statement.order_by(RUNS.c.started_at, RUNS.c.dataset), tx=tx)

    def latest(self, dataset: str, *, state: RunState | None = None, tx: Transaction | None = None) -> RunEntry | None:
        """The run over a dataset that began last."""
        return next(iter(self.recent(dataset=dataset, state=state, limit=1, tx=tx)), None)

    def recent(
        self,
        *,
        dataset: str | None = None,
        state: RunState | None = None,
        limit: int = 50,
        tx: Transaction | None = None,
    ) -> tuple[RunEntry, ...]:
        """Runs, the last begun first; of two that began at once, the one that goes on or ended last."""
        statement = sa.select(RUNS)
        if dataset is not None:
            statement = statement.where(RUNS.c.dataset == dataset)
        if state is not None:
            statement = statement.where(RUNS.c.state == state)
        return self._select(statement.order_by(*_NEWEST_FIRST).limit(limit), tx=tx)

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets runs that ended before `before`; each dataset's last begun run stays."""
        other = RUNS.alias()
        newest = sa.select(sa.func.max(other.c.started_at)).where(other.c.dataset == RUNS.c.dataset).scalar_subquery()
        return self._delete(RUNS.c.ended_at < before, RUNS.c.started_at < newest, tx=tx)
