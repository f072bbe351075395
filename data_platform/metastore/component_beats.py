"""When each part of the platform that should always be at work was last at work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.incident_tables import COMPONENT_BEATS
from data_platform.metastore.repository import Repeat, Repository, rows_of, upsert

WATCH = "watch"  # the component that watches everything else
DAGSTER = "dagster"  # its sensor `watch`
QUEUE = "queue"  # what looks into the orchestrator's queue of runs, in the same sensor
OWN_DATASETS = "own_datasets"  # what publishes the platform's own datasets every hour
MISSED_BEATS = 4
LEAST_SILENCE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentBeat:
    """One part's newest beat.

    Attributes:
        instance: the process, as host and process id.
        expected_every_seconds: how often it should beat; 0: it has stopped on purpose, and nothing is expected.
        detail: what did not work in that turn; empty where all did.
    """

    component: str
    instance: str
    beat_at: datetime
    expected_every_seconds: float
    detail: str = ""

    @property
    def is_stopped(self) -> bool:
        """Whether it ended in order, so that nothing is expected of it."""
        return not self.expected_every_seconds

    @property
    def silent_from(self) -> datetime:
        """From when on its silence says that it no longer works: four beats, and at least a minute."""
        return self.beat_at + max(MISSED_BEATS * timedelta(seconds=self.expected_every_seconds), LEAST_SILENCE)

    def is_silent(self, now: datetime) -> bool:
        """Whether it should be at work, and is not. A beat from later than now is of a clock that ran ahead."""
        return not self.is_stopped and (now > self.silent_from or self.beat_at - now > LEAST_SILENCE)


class ComponentBeats(Repository[ComponentBeat]):
    """One line for each part."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, COMPONENT_BEATS, ComponentBeat)

    def beat(self, beat: ComponentBeat, *, tx: Transaction | None = None) -> None:
        """Replaces a part's beat, unless a newer one is there; one from a clock that ran ahead is no newer one."""
        line = COMPONENT_BEATS.c
        with self._database.writing(tx) as connection:
            ahead = sa.and_(line.component == beat.component, line.beat_at > beat.beat_at + LEAST_SILENCE)
            connection.execute(COMPONENT_BEATS.delete().where(ahead))
            upsert(connection, COMPONENT_BEATS, rows_of([beat]), repeat=Repeat(only_if=("beat_at",)))

    def of(self, component: str, *, tx: Transaction | None = None) -> ComponentBeat | None:
        """One part's newest beat; None if it was never heard of."""
        return self._first(sa.select(COMPONENT_BEATS).where(COMPONENT_BEATS.c.component == component), tx=tx)

    def all(self, *, tx: Transaction | None = None) -> tuple[ComponentBeat, ...]:
        """Every part, by name."""
        return self._select(sa.select(COMPONENT_BEATS).order_by(COMPONENT_BEATS.c.component), tx=tx)

    def forget(self, component: str, *, tx: Transaction | None = None) -> int:
        """Forgets a part that is no longer there."""
        return self._delete(COMPONENT_BEATS.c.component == component, tx=tx)
