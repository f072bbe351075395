"""Verdicts about changes of contracts, by the two texts compared. Comparing is in `contracts.compatibility`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.objective_tables import CONTRACT_CHECKS
from data_platform.metastore.repository import Repeat, Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractCheckEntry:
    """One change of a contract that went through the check.

    Attributes:
        before_sha256: of the text before; empty for a new contract.
        after_sha256: of the text that was checked.
        verdict: compatible, breaking, unknown or identical.
        is_allowed: whether the change may be deployed, by its verdict, its version or a waiver.
        who: ran the check.
    """

    dataset: str
    before_sha256: str
    after_sha256: str
    verdict: str
    is_allowed: bool
    at: datetime
    who: str


class ContractChecks(Repository[ContractCheckEntry]):
    """Verdicts by dataset and texts."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, CONTRACT_CHECKS, ContractCheckEntry)

    def record(self, checks: Iterable[ContractCheckEntry], *, tx: Transaction | None = None) -> None:
        """Adds verdicts; a newer one about the same texts replaces it."""
        self._upsert(checks, repeat=Repeat(only_if=("at",)), tx=tx)

    def all(self, *, tx: Transaction | None = None) -> tuple[ContractCheckEntry, ...]:
        """Every verdict, by dataset and time."""
        in_order = (CONTRACT_CHECKS.c.dataset, CONTRACT_CHECKS.c.at)
        return self._select(sa.select(CONTRACT_CHECKS).order_by(*in_order), tx=tx)
