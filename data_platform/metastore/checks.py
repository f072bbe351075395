"""Verdicts of checks with their evidence. Judging is in `quality`; samples arrive here already redacted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.repository import Repeat, Repository
from data_platform.metastore.tables import CHECKS


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckEntry:
    """One rule's verdict in one run.

    Attributes:
        rows_examined, failing_rows, data_version: None where the check could not tell.
        tolerance: what the rule forgives, as people read it.
        sample: a few failing rows, redacted.
    """

    run_id: str
    dataset: str
    rule: str
    kind: str
    reason: str
    severity: str
    verdict: str
    rows_examined: int | None
    failing_rows: int | None
    tolerance: str
    engine: str
    data_version: int | None
    contract_version: str
    sample: tuple[Mapping[str, Any], ...] = ()
    detail: str = ""
    recorded_at: datetime


class Checks(Repository[CheckEntry]):
    """Verdicts by run, dataset and rule."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, CHECKS, CheckEntry)

    def record(self, entries: Iterable[CheckEntry], *, tx: Transaction | None = None) -> None:
        """Writes verdicts; a retry of the same run replaces the verdicts of the attempt before."""
        self._upsert(entries, repeat=Repeat(), tx=tx)

    def latest(self, dataset: str, *, tx: Transaction | None = None) -> tuple[CheckEntry, ...]:
        """The newest verdict of each rule that was ever checked, by rule."""
        place = sa.func.row_number().over(
            partition_by=CHECKS.c.rule, order_by=(CHECKS.c.recorded_at.desc(), CHECKS.c.run_id)
        )
        ranked = sa.select(CHECKS, place.label("place")).where(CHECKS.c.dataset == dataset).subquery()
        columns = [ranked.c[column.name] for column in CHECKS.columns]
        return self._select(sa.select(*columns).where(ranked.c.place == 1).order_by(ranked.c.rule), tx=tx)

    def of_run(
        self, run_id: str, *, dataset: str | None = None, tx: Transaction | None = None
    ) -> tuple[CheckEntry, ...]:
        """One run's verdicts, by dataset and rule."""
        statement = sa.select(CHECKS).where(CHECKS.c.run_id == run_id)
        if dataset is not None:
            statement = statement.where(CHECKS.c.dataset == dataset)
        return self._select(statement.order_by(CHECKS.c.dataset, CHECKS.c.rule), tx=tx)

    def history(
        self, dataset: str, *, rule: str, limit: int | None = None, tx: Transaction | None = None
    ) -> tuple[CheckEntry, ...]:
        """One rule's verdicts, newest first."""
        statement = sa.select(CHECKS).where(CHECKS.c.dataset == dataset, CHECKS.c.rule == rule)
        return self._select(statement.order_by(CHECKS.c.recorded_at.desc(), CHECKS.c.run_id).limit(limit), tx=tx)

    def prune(self, before: datetime, *, tx: Transaction | None = None) -> int:
        """Forgets verdicts recorded before `before`; each rule's newest stays."""
        other = CHECKS.alias()
        same_rule = (other.c.dataset == CHECKS.c.dataset, other.c.rule == CHECKS.c.rule)
        newest = sa.select(sa.func.max(other.c.recorded_at)).where(*same_rule).scalar_subquery()
        return self._delete(CHECKS.c.recorded_at < before, CHECKS.c.recorded_at < newest, tx=tx)
