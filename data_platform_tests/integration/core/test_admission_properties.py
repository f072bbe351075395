from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_platform_tests.integration.core.orders import FIELDS, orders
from data_platform_tests.kit import EXAMPLES, Kit, csv_text

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
LATENESS = timedelta(hours=1)


@dataclass(frozen=True)
class Row:
    """The key determines the day, as an admitted dataset demands."""

    key: int
    hour: int
    amount: int

    @property
    def moment(self) -> datetime:
        if self.key == 0:
            return datetime(1999, 1, 1, tzinfo=UTC)
        return datetime(2026, 3, 1 + self.key % 3, self.hour, tzinfo=UTC)

    @property
    def day(self) -> str:
        return str((NOW if self.key == 0 else self.moment).date())

    @property
    def is_sound(self) -> bool:
        return self.key != 0 and self.amount >= 0


rows_of = st.lists(st.builds(Row, st.integers(0, 6), st.integers(0, 1), st.integers(-1, 2)), min_size=1, max_size=14)


def text(rows: list[Row]) -> str:
    return csv_text(
        FIELDS, [(f"K{r.key}", r.moment.isoformat().replace("+00:00", "Z"), f"{r.amount}.00", "") for r in rows]
    )


def judge(rows: list[tuple[Row, bool]]) -> tuple[Counter[tuple[str, str, int]], dict[str, Counter[str]]]:
    """The published rows and the ledger, each row judged on its own and against those of its key."""
    ledger: dict[str, Counter[str]] = defaultdict(Counter)
    published: Counter[tuple[str, str, int]] = Counter()
    by_key: dict[int, list[Row]] = defaultdict(list)
    for row, is_late in rows:
        ledger[row.day]["raw"] += 1
        if is_late:
            ledger[row.day]["late"] += 1
        elif not row.is_sound:
            ledger[row.day]["quarantined"] += 1
        else:
            by_key[row.key].append(row)
    for same in by_key.values():
        newest = max(row.hour for row in same)
        if len({row.amount for row in same if row.hour == newest}) > 1:
            ledger[same[0].day]["quarantined"] += len(same)
            continue
        ledger[same[0].day]["curated"] += 1
        ledger[same[0].day]["duplicate"] += len(same) - 1
        winner = next(row for row in same if row.hour == newest)
        published[f"K{winner.key}", str(winner.moment), winner.amount] += 1
    return published, {day: Counter({k: v for k, v in counts.items() if v}) for day, counts in ledger.items()}


def found(kit: Kit) -> tuple[Counter[tuple[str, str, int]], dict[str, Counter[str]]]:
    published = Counter(
        (r["order_id"], str(r["ordered_at"].astimezone(UTC)), int(r["amount"])) for r in kit.rows("curated.orders")
    )
    return published, {day: Counter(line) for day, line in kit.ledger("curated.orders").items()}


def check(factory: pytest.TempPathFactory, rows: list[Row], seed: int) -> None:
    """Two deliveries in a random order and cut, once admitted at the end and once after each: fates as by hand."""
    dice = random.Random(seed)
    shuffled = dice.sample(rows, len(rows))
    cut = dice.randint(0, len(rows))
    parts = [part for part in (shuffled[:cut], shuffled[cut:]) if part]
    at_once, one_by_one = (orders(Kit(factory.mktemp("admit"))) for _ in range(2))
    for number, part in enumerate(parts):
        at_once.drop(f"orders/{number}.csv", text(part))
        at_once.ingest("orders")
    at_once.materialize("curated.orders")
    assert found(at_once) == judge([(row, False) for row in rows])
    seen: list[tuple[Row, bool]] = []
    watermark: datetime | None = None
    for number, part in enumerate(parts):
        one_by_one.drop(f"orders/{number}.csv", text(part))
        one_by_one.ingest("orders")
        published = {row.day for row, _ in seen}
        limit = watermark - LATENESS if watermark else None
        seen += [(r, r.key != 0 and limit is not None and r.moment < limit and r.day in published) for r in part]
        usable = [row.moment for row in part if row.key != 0]
        watermark = max([*usable, *([watermark] if watermark else [])], default=None)
        one_by_one.refresh("curated.orders")
        assert found(one_by_one) == judge(seen)
        assert set(one_by_one.residuals("curated.orders")) == {0}
    for kit in (at_once, one_by_one):
        kit.close()


@EXAMPLES
@given(rows=rows_of, seed=st.integers(0, 999))
def test_fates_equal_brute_force_whatever_the_deliveries(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], seed: int
) -> None:
    check(tmp_path_factory, rows, seed)


@pytest.mark.campaign
@settings(EXAMPLES, max_examples=150)
@given(rows=rows_of, seed=st.integers(0, 999))
def test_fates_equal_brute_force_many_times(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], seed: int
) -> None:
    check(tmp_path_factory, rows, seed)
