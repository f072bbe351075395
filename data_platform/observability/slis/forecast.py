"""How many records a day should have where nobody counts at the source: by the same weekdays before.

A forecast is no fact: it is told with its confidence, which is below 1, and what it misses counts as unknown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from statistics import median

from data_platform.contracts.days import end_of
from data_platform.contracts.model import Contract, Layer
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.metastore.source_counts import FORECAST
from data_platform.observability.slis.due import allowance
from data_platform.observability.slis.moment import Moment

_WEEKS = 4
_FEWEST = 2  # same weekdays with records, for a forecast
_SUREST = 0.9
_ONE_DAY = timedelta(days=1)


def forecasts(
    moment: Moment, *, known: Collection[str], told: Mapping[tuple[str, str], SliValueEntry]
) -> Iterator[SliValueEntry]:
    """A value for each raw dataset without any other expectation, for the day that should be complete by now."""
    before = moment.before
    if before is None:
        return
    days = {
        dataset: day
        for dataset, contract in moment.contracts().items()
        if dataset not in known
        and _is_meant(contract)
        and (day := _due_day(contract, moment.now)) != _due_day(contract, before)
        and (dataset, f"day:{day}") not in told
    }
    if not days:
        return
    keys = {(dataset, day - week * 7 * _ONE_DAY) for dataset, day in days.items() for week in range(_WEEKS + 1)}
    rows = moment.metastore.operations.sli_facts.rows_of_days(keys, tx=moment.tx)
    for dataset, day in days.items():
        history = [rows.get((dataset, day - week * 7 * _ONE_DAY), 0) for week in range(1, _WEEKS + 1)]
        expected = forecast(history)
        if expected is not None:
            yield _value(moment, dataset, day, rows.get((dataset, day), 0), expected)


def forecast(history: Sequence[int]) -> tuple[int, float] | None:
    """Records to expect and the confidence in that, from the counts of same weekdays; None where too few have any."""
    counts = [count for count in history if count]
    if len(counts) < _FEWEST:
        return None
    middle = median(counts)
    spread = median(abs(count - middle) for count in counts) / middle
    return round(middle), round(max(0.0, min(_SUREST, 1 - spread)) * len(counts) / _WEEKS, 3)


def _is_meant(contract: Contract) -> bool:
    return contract.name.layer is Layer.RAW and contract.service_level.frequency is not None


def _due_day(contract: Contract, now: datetime) -> date:
    """The last day whose end plus the latency is over."""
    every = contract.service_level.frequency or timedelta(0)
    return (now - (allowance(contract) or every)).astimezone(UTC).date() - _ONE_DAY


def _value(moment: Moment, dataset: str, day: date, observed: int, expected: tuple[int, float]) -> SliValueEntry:
    rows, confidence = expected
    here = min(observed, rows)
    return SliValueEntry(
        sli="completeness",
        subject=dataset,
        partition=f"day:{day}",
        measured_at=moment.now,
        value=here / rows if rows else 1.0,
        good=float(here),
        unknown=float(rows - here),
        provenance=FORECAST,
        evidence={
            "expected": rows,
            "observed": observed,
            "missing": rows - here,
            "confidence": confidence,
            "day_ends_at": end_of(day).isoformat(),
        },
    )
