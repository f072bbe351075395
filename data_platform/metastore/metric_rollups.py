"""What counters of metrics need beside the ledger: how far it was counted, and what was pruned of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.repository import Repeat, Repository, insert
from data_platform.metastore.usage_tables import METRIC_ROLLUPS, PRUNED_COUNTS


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRollup:
    """What one part of the metrics was computed from, in a form that only the part itself reads."""

    name: str
    kept_at: datetime
    body: str


class MetricRollups(Repository[MetricRollup]):
    """The newest of each part; each is whole by itself, so it does not matter which process wrote it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, METRIC_ROLLUPS, MetricRollup)

    def keep(self, rollup: MetricRollup, *, tx: Transaction | None = None) -> None:
        """Replaces what was kept of a part, unless that is newer."""
        self._upsert([replace(rollup, body=_sealed(rollup.body))], repeat=Repeat(only_if=("kept_at",)), tx=tx)

    def of(self, name: str, *, tx: Transaction | None = None) -> MetricRollup | None:
        """What was kept of a part; None also where it is not, to the last letter, what was kept."""
        found = self._first(sa.select(METRIC_ROLLUPS).where(METRIC_ROLLUPS.c.name == name), tx=tx)
        if found is None:
            return None
        body = found.body.partition("\n")[2]
        return replace(found, body=body) if found.body == _sealed(body) else None


class PrunedCounts:
    """What counters had from lines that are gone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, name: str, *, tx: Transaction | None = None) -> Mapping[str, float]:
        """A counter's part by label."""
        own = PRUNED_COUNTS.c
        with self._database.reading(tx) as connection:
            found = connection.execute(sa.select(own.label, own.value).where(own.name == name))
            return dict(found.tuples())

    def add(self, name: str, amounts: sa.Select[Any], *, tx: Transaction) -> None:
        """Adds what a selection of label and amount gives, in the transaction that deletes its lines."""
        counted = [{"name": name, "label": label, "value": float(n)} for label, n in tx.connection.execute(amounts)]
        if not counted:
            return
        statement = insert(tx.connection, PRUNED_COUNTS)
        total = PRUNED_COUNTS.c.value + statement.excluded.value
        changed = statement.on_conflict_do_update(index_elements=["name", "label"], set_={"value": total})
        tx.connection.execute(changed, sorted(counted, key=lambda row: str(row["label"])))


def _sealed(body: str) -> str:
    """A body behind its digest: counters that go on from a damaged one would be wrong for as long as they are kept."""
    return f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}"
