"""Which deliveries a source has landed, and how far it is. Derived from manifests, never the other way round."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.repository import Repeat, Repository, upsert
from data_platform.metastore.tables import DELIVERIES, POSITIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryEntry:
    """A landed delivery: what it is known by, and the batch that brought it first.

    Attributes:
        delivery_date: part of the identity for `delivery: snapshot`, else empty.
    """

    dataset: str
    source: str
    sha256: str
    delivery_date: str = ""
    batch_id: str
    name: str


class Deliveries(Repository[DeliveryEntry]):
    """Landed deliveries, and the number of each source's last manifest."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, DELIVERIES, DeliveryEntry)

    def record(self, entries: Iterable[DeliveryEntry], *, tx: Transaction | None = None) -> None:
        """Remembers deliveries in the order of their manifests; the first to bring one stays."""
        self._upsert(entries, repeat=Repeat(keep=("batch_id", "name")), tx=tx)

    def find(
        self, dataset: str, *, source: str, sha256: str, delivery_date: str = "", tx: Transaction | None = None
    ) -> DeliveryEntry | None:
        """The delivery, if it was landed before."""
        table = DELIVERIES
        identity = (table.c.source == source, table.c.sha256 == sha256, table.c.delivery_date == delivery_date)
        return self._first(sa.select(table).where(table.c.dataset == dataset, *identity), tx=tx)

    def of(self, dataset: str, *, source: str, tx: Transaction | None = None) -> tuple[DeliveryEntry, ...]:
        """All deliveries of a source, by digest and date."""
        of_source = (DELIVERIES.c.dataset == dataset, DELIVERIES.c.source == source)
        statement = sa.select(DELIVERIES).where(*of_source)
        return self._select(statement.order_by(DELIVERIES.c.sha256, DELIVERIES.c.delivery_date), tx=tx)

    def advance(self, dataset: str, *, source: str, number: int, tx: Transaction | None = None) -> None:
        """Notes that manifest `number` is done; never goes back."""
        row = {"dataset": dataset, "source": source, "number": number}
        with self._database.writing(tx) as connection:
            upsert(connection, POSITIONS, [row], repeat=Repeat(only_if=("number",)))

    def position(self, dataset: str, *, source: str, tx: Transaction | None = None) -> int | None:
        """The number of the source's last manifest that is done; None before the first."""
        of_source = (POSITIONS.c.dataset == dataset, POSITIONS.c.source == source)
        with self._database.reading(tx) as connection:
            return connection.execute(sa.select(POSITIONS.c.number).where(*of_source)).scalar()
