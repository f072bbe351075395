from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
import sqlalchemy as sa

from data_platform.metastore.checks import CheckEntry
from data_platform.metastore.engine import Metastore
from data_platform.metastore.outbox import OutboxEntry

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def stored(metastore: Metastore, **changes: object) -> CheckEntry:
    values: dict[str, object] = {
        "run_id": "r1",
        "dataset": "curated.commerce.orders",
        "rule": "amount_range",
        "kind": "range",
        "reason": "RANGE",
        "severity": "warn",
        "verdict": "failed",
        "rows_examined": 10,
        "failing_rows": 1,
        "tolerance": "0 rows",
        "engine": "duckdb",
        "data_version": 3,
        "contract_version": "1.0.0",
        "recorded_at": NOW,
    }
    metastore.checks.record([CheckEntry(**{**values, **changes})])  # type: ignore[arg-type]
    return metastore.checks.latest("curated.commerce.orders")[0]


def test_a_time_in_any_zone_comes_back_as_the_same_moment_in_utc(metastore: Metastore) -> None:
    local = datetime(2026, 3, 1, 14, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    entry = stored(metastore, recorded_at=local)
    assert entry.recorded_at == NOW
    assert entry.recorded_at.utcoffset() == timedelta(0)


def test_a_time_without_zone_is_refused(metastore: Metastore) -> None:
    naive = OutboxEntry(event_id="e", run_id="r", created_at=datetime(2026, 3, 1), payload="{}")
    with pytest.raises(sa.exc.StatementError, match="no time zone"):
        metastore.outbox.append([naive])


def test_samples_with_values_that_json_lacks_are_kept_as_text(metastore: Metastore) -> None:
    sample = ({"amount": Decimal("1.50"), "ratio": float("nan"), "day": date(2026, 3, 1), "seen": NOW, "ok": True},)
    assert stored(metastore, sample=sample).sample == (
        {
            "amount": "1.50",
            "ratio": "nan",
            "day": "2026-03-01",
            "seen": "2026-03-01T12:00:00.123456+00:00",
            "ok": True,
        },
    )


def test_text_that_a_database_cannot_hold_is_escaped(metastore: Metastore) -> None:
    assert stored(metastore, detail="a\x00b\udcffc\n'\"é").detail == "a\\x00b\\udcffc\n'\"é"


def test_numbers_beyond_32_bits_are_kept(metastore: Metastore) -> None:
    assert stored(metastore, rows_examined=2**40).rows_examined == 2**40
