from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from data_platform.contracts.days import DayRange
from data_platform.errors import ConfigurationError
from data_platform.metastore.engine import Metastore
from data_platform.metastore.run_meters import RunMeterEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.metastore.tables import RunState

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def value(sli: str, at: datetime) -> SliValueEntry:
    return SliValueEntry(sli=sli, subject="raw.shop.orders", measured_at=at, value=1.0, provenance="test")


def run(number: int, *, ended_at: datetime | None = None) -> RunEntry:
    return RunEntry(
        run_id=f"run-{number}",
        dataset="raw.shop.orders",
        started_at=NOON + number * DAY,
        ended_at=ended_at,
        state=RunState.RUNNING if ended_at is None else RunState.SUCCEEDED,
    )


@pytest.fixture
def filled(metastore: Metastore) -> Metastore:
    midnight = NOON.replace(hour=0)
    moments = [midnight - timedelta(microseconds=1), midnight, midnight + DAY - timedelta(microseconds=1)]
    values = [value(sli, at) for sli in ("freshness", "validity") for at in (*moments, midnight + DAY)]
    metastore.operations.sli_values.append([*values, value("watched", NOON)], sli="watched", after=None)
    metastore.runs.record([run(0), run(1, ended_at=NOON + DAY), run(5)])
    return metastore


def days_read(metastore: Metastore, table: str, column: str, *days: str) -> list[str]:
    ranges = [DayRange.of(date.fromisoformat(day), date.fromisoformat(day)) for day in days]
    with metastore.operations.table_rows.reading(table, ranges or None) as rows:
        return sorted(str(one)[:10] for one in rows.read_all().column(column).to_pylist())


def test_only_rows_of_the_days_that_are_asked_for_are_read(filled: Metastore) -> None:
    assert days_read(filled, "sli_values", "measured_at", "2026-03-20") == ["2026-03-20"] * 5
    apart = days_read(filled, "sli_values", "measured_at", "2026-03-19", "2026-03-21")
    assert apart == ["2026-03-19"] * 2 + ["2026-03-21"] * 2
    assert len(days_read(filled, "sli_values", "measured_at")) == 9
    assert days_read(filled, "runs", "started_at", "2026-03-25") == ["2026-03-25"]
    assert days_read(filled, "deploys", "at", "2026-03-20") == []


def test_the_oldest_day_is_found_with_and_without_an_index_that_begins_with_it(filled: Metastore) -> None:
    rows = filled.operations.table_rows
    oldest = [rows.first_day(table) for table in ("sli_values", "runs", "incidents")]
    assert oldest == [date(2026, 3, 19), date(2026, 3, 20), None]


def test_the_oldest_day_that_changed_is_that_of_a_row_written_late_too(filled: Metastore) -> None:
    rows = filled.operations.table_rows
    assert rows.first_changed("sli_values", NOON) == date(2026, 3, 20)
    assert rows.first_changed("sli_values", NOON + 2 * DAY) is None
    assert rows.first_changed("runs", NOON + 2 * DAY) == date(2026, 3, 25)
    filled.runs.record([run(0, ended_at=NOON + 6 * DAY)])
    assert rows.first_changed("runs", NOON + 2 * DAY) == date(2026, 3, 20)
    used = RunMeterEntry(
        run_id="run-1", dataset="raw.shop.orders", metered_on=NOON.date(), started_at=NOON, ended_at=NOON
    )
    filled.operations.run_meters.add([used])
    changed = [rows.first_changed("run_meters", NOON + hours * timedelta(hours=1)) for hours in (-1, 1, 24)]
    assert changed == [NOON.date(), NOON.date(), None]


def test_a_table_that_no_dataset_may_be_made_of_is_refused(metastore: Metastore) -> None:
    with pytest.raises(ConfigurationError, match="no dataset is made of 'leases'"):
        metastore.operations.table_rows.first_day("leases")
