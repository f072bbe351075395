"""Circuit breakers, by the name of what they stand before. When they open is decided in `incidents.breakers`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.incident_tables import BREAKERS, BreakerState
from data_platform.metastore.repository import Repeat, Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerEntry:
    """How one breaker stands.

    Attributes:
        failures: in a row.
        next_try_at: when one call may try again; None while it is closed.
        error: what the last failing call ended with.
    """

    name: str
    state: BreakerState
    failures: int
    changed_at: datetime
    next_try_at: datetime | None = None
    error: str = ""


class BreakerLines(Repository[BreakerEntry]):
    """One line for each breaker that ever had something to say."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, BREAKERS, BreakerEntry)

    def of(self, name: str, *, tx: Transaction | None = None) -> BreakerEntry | None:
        """One breaker; None where nothing ever failed."""
        return self._first(sa.select(BREAKERS).where(BREAKERS.c.name == name), tx=tx)

    def all(self, *, tx: Transaction | None = None) -> tuple[BreakerEntry, ...]:
        """Every breaker, by name."""
        return self._select(sa.select(BREAKERS).order_by(BREAKERS.c.name), tx=tx)

    def put(self, entry: BreakerEntry, *, tx: Transaction | None = None) -> None:
        """Replaces one."""
        self._upsert([entry], repeat=Repeat(), tx=tx)

    def claim(self, held: BreakerEntry, entry: BreakerEntry, *, tx: Transaction | None = None) -> bool:
        """Replaces one if nobody changed it meanwhile; of two that want the one trial call, one has it."""
        line = BREAKERS.c
        same = (line.name == held.name, line.state == held.state, line.next_try_at == held.next_try_at)
        values = {"state": entry.state, "changed_at": entry.changed_at, "next_try_at": entry.next_try_at}
        with self._database.writing(tx) as connection:
            return connection.execute(BREAKERS.update().where(*same).values(**values)).rowcount == 1
