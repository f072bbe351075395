"""How many of the records that a source has of a day of event time came, whatever came twice or was rejected."""

from __future__ import annotations

from datetime import date, timedelta

from data_platform.connectors.protocol import Taken
from data_platform.contracts.days import beginning_of

_ONE_DAY = timedelta(days=1)


def arrived_of_day(taken: Taken, day: date, *, rows: int, identity: tuple[str, ...]) -> int | None:
    """Of `rows` records, those that came; None where the dataset does not say of which day its rows are.

    Records that are equal in `identity` count once; where the dataset lacks one of its columns, or none is named, every
    row counts. A rejected record is not lost and of no day: as many as were rejected since the day began, until a day
    after it, are taken for its own.
    """
    different = taken.distinct(identity, day=day)
    came = taken.distinct((), day=day) if different is None else different
    if came is None or came >= rows:
        return came
    begin = beginning_of(day)
    return min(rows, came + taken.rejected(since=begin, until=begin + 2 * _ONE_DAY))
