"""The one partition set of the project: UTC days up to and including today. Shared, so that one run's range covers
every dataset that is made by day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import dagster as dg

from data_platform.contracts.days import DayRange
from data_platform.contracts.model import Contract

EARLIEST_DAY = date(2010, 1, 1)
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"


def daily_partitions(contracts: Iterable[Contract]) -> dg.DailyPartitionsDefinition:
    """Days from 2010, or from the earliest event time that a contract admits if that is before."""
    bounds = (contract.event_time_range.not_before for contract in contracts)
    first = min([EARLIEST_DAY, *(bound.date() for bound in bounds if bound is not None)])
    return dg.DailyPartitionsDefinition(start_date=first.isoformat(), timezone="UTC", end_offset=1)


def range_tags(days: DayRange) -> Mapping[str, str]:
    """The tags that make one run cover a range of partitions."""
    return {RANGE_START_TAG: days.start.isoformat(), RANGE_END_TAG: days.last.isoformat()}


def days_of_run(context: dg.AssetExecutionContext) -> DayRange | None:
    """The range that a run was asked for; None where it names no partition."""
    if not (context.has_partition_key or context.has_partition_key_range):
        return None
    keys = context.partition_key_range
    return DayRange.of(date.fromisoformat(keys.start), date.fromisoformat(keys.end))
