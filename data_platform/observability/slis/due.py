"""When a run of a dataset is due, and which of its partitions have to be there then. Looks at nothing but contracts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from data_platform.contracts.days import DayRange
from data_platform.contracts.model import Contract

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A run that is due.

    Attributes:
        begins_at, due_at: the run has to end at the first or later, and before the second.
        days: the days of which one at least has to be published by then; empty for an unpartitioned dataset.
    """

    dataset: str
    begins_at: datetime
    due_at: datetime
    days: tuple[date, ...]


def allowance(contract: Contract) -> timedelta:
    """How long after a period ends its data may come: the promised latency, else a period; 0 without partitions."""
    level = contract.service_level
    if level.latency is not None:
        return level.latency
    return level.frequency or timedelta(0) if contract.partition_column else timedelta(0)


def slots(contract: Contract, *, after: datetime, upto: datetime, most: int) -> tuple[list[Slot], int]:
    """The slots due after a moment and up to another, at most the newest `most`, and how many older ones there are.

    Deadlines lie on a grid, whole multiples of the frequency since 1970 UTC, whenever somebody
    looks; of a dataset by day they are moved by the latency, which says when a day has to be there.
    """
    every = contract.service_level.frequency
    if every is None or every <= timedelta(0):
        return [], 0
    shift = allowance(contract) % every if contract.partition_column else timedelta(0)
    first, last = (after - _EPOCH - shift) // every + 1, (upto - _EPOCH - shift) // every
    count = max(0, last - first + 1)
    begin = max(first, last - most + 1)
    found = [_slot(contract, _EPOCH + shift + number * every, every) for number in range(begin, last + 1)]
    return found, count - len(found)


def days_due(contract: Contract, due_at: datetime) -> tuple[str, ...]:
    """The days of which the run due at a moment should publish one; none where nothing is due or there are no days."""
    every = contract.service_level.frequency
    return () if every is None else tuple(str(day) for day in _slot(contract, due_at, every).days)


def _slot(contract: Contract, due_at: datetime, every: timedelta) -> Slot:
    begins_at = due_at - every
    days = tuple(_days(contract, begins_at, due_at)) if contract.partition_column else ()
    return Slot(dataset=str(contract.name), begins_at=begins_at, due_at=due_at, days=days)


def _days(contract: Contract, begins_at: datetime, due_at: datetime) -> Iterator[date]:
    """The days that the period touches whose data is due."""
    late = allowance(contract)
    return iter(DayRange.of((begins_at - late).date(), (due_at - late - _MICROSECOND).date()))
