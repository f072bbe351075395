"""When each part of the platform that should always be at work was last at work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.operations_tables import COMPONENT_BEATS
from data_platform.metastore.repository import Repeat, Repository


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


class ComponentBeats(Repository[ComponentBeat]):
    """One line for each part."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, COMPONENT_BEATS, ComponentBeat)

    def beat(self, beat: ComponentBeat, *, tx: Transaction | None = None) -> None:
        """Replaces a part's beat, unless a newer one is there."""
        self._upsert([beat], repeat=Repeat(only_if=("beat_at",)), tx=tx)

    def of(self, component: str, *, tx: Transaction | None = None) -> ComponentBeat | None:
        """One part's newest beat; None if it was never heard of."""
        return self._first(sa.select(COMPONENT_BEATS).where(COMPONENT_BEATS.c.component == component), tx=tx)

    def all(self, *, tx: Transaction | None = None) -> tuple[ComponentBeat, ...]:
        """Every part, by name."""
        return self._select(sa.select(COMPONENT_BEATS).order_by(COMPONENT_BEATS.c.component), tx=tx)

    def forget(self, component: str, *, tx: Transaction | None = None) -> int:
        """Forgets a part that is no longer there."""
        return self._delete(COMPONENT_BEATS.c.component == component, tx=tx)
