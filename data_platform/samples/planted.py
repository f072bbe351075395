"""What the generator planted and what must become of it: written as `planted.json` beside the sample files.

Tests and the demo compare the platform's ledger with this; nothing in the platform reads it while it runs.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path


class Fate(StrEnum):
    """What must become of a row (ARCHITECTURE, terms)."""

    CURATED = "curated"  # admit: published
    APPLIED = "applied"  # merge, scd2: the newest of its key, or a change of history
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    QUARANTINED = "quarantined"
    DUPLICATE = "duplicate"
    LATE = "late"
    SKIPPED = "skipped"  # the whole file is a repeated delivery


class Drop(StrEnum):
    """When a file arrives: with the first poll, or with the drop after the first run."""

    MAIN = "main"
    LATE = "late_drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """Rows of one kind planted in one file.

    Attributes:
        kind: what was done to the rows.
        reason: the reason code they must carry; empty for fates without one.
        rows: how many rows of the file must meet the fate because of it.
    """

    dataset: str
    file: str
    kind: str
    reason: str
    fate: Fate
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """One written file: its records by an own count, and how many of them must meet each fate."""

    dataset: str
    file: str
    drop: Drop
    source_rows: int
    fates: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One order in one currency whose payments do not meet what is billed."""

    order_id: str
    currency: str
    status: str
    billed: Decimal
    paid: Decimal

    @property
    def amount(self) -> Decimal:
        """Billed minus paid."""
        return self.billed - self.paid


@dataclass(frozen=True, slots=True, kw_only=True)
class Revenue:
    """One row of `served.commerce.daily_revenue` as the generator knows it."""

    order_date: str
    currency: str
    orders_count: int
    cancelled_orders_count: int
    gross_amount: Decimal
    line_amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """The whole record of one generation."""

    seed: int
    scale: float
    first_day: str
    days: int
    files: tuple[FileRecord, ...]
    defects: tuple[Defect, ...] = ()
    differences: tuple[Difference, ...] = ()
    daily_revenue: tuple[Revenue, ...] = ()
    reconciled_orders: int = 0
    facts: Mapping[str, int] = field(default_factory=dict)

    def totals(self, dataset: str, *drops: Drop) -> dict[str, int]:
        """Rows of a raw dataset by fate, with `source_rows`, over the given drops (all if none is given)."""
        total: Counter[str] = Counter()
        for record in self.files:
            if record.dataset == dataset and (not drops or record.drop in drops):
                total["source_rows"] += 0 if Fate.SKIPPED in record.fates else record.source_rows
                total.update(record.fates)
        return dict(sorted(total.items()))

    def write(self, path: Path) -> None:
        """Writes the record with a summary per dataset and kind in front."""
        datasets = sorted({record.dataset for record in self.files})
        kinds: Counter[tuple[str, str, str, str]] = Counter()
        for defect in self.defects:
            kinds[(defect.dataset, defect.kind, defect.reason, defect.fate)] += defect.rows
        names = ("dataset", "kind", "reason", "fate", "rows")
        content = {
            "summary": {
                "totals": {name: self.totals(name) for name in datasets},
                "totals_before_late_drop": {name: self.totals(name, Drop.MAIN) for name in datasets},
                "defects": [dict(zip(names, (*key, rows), strict=True)) for key, rows in sorted(kinds.items())],
                "differences": dict(sorted(Counter(d.status for d in self.differences).items())),
            },
            **asdict(self),
        }
        path.write_text(json.dumps(content, indent=1, default=str, ensure_ascii=False) + "\n", encoding="utf-8")
