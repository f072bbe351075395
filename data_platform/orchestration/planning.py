"""What has to run, and in which order: stale partitions carried through the graph and cut into ranges. Pure; whoever
calls says what is stale. Running it is in `launch`; asking Dagster to run it in `sensors` and `schedules`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Protocol

from data_platform.contracts.days import DayRange
from data_platform.contracts.model import DatasetName

MOST_BLOCKS = 12  # more ranges than this in one wave are joined: a run costs more than a partition computed for nothing


class Facts(Protocol):
    """What a plan has to know about the datasets."""

    @property
    def order(self) -> tuple[DatasetName, ...]:
        """Curated and served datasets, each after its dependencies."""
        ...

    def inputs(self, name: DatasetName) -> tuple[DatasetName, ...]:
        """The curated and served datasets that a dataset reads."""
        ...

    def is_by_day(self, name: DatasetName) -> bool:
        """Whether the dataset is made by partition."""
        ...

    def stale_days(self, name: DatasetName) -> Collection[date]:
        """Its stale partitions, as things stand."""
        ...

    def is_stale(self, name: DatasetName) -> bool:
        """Whether a dataset that is made as a whole is stale, as things stand."""
        ...

    def known_days(self, name: DatasetName) -> Collection[date]:
        """Every day that its inputs hold, as things stand."""
        ...


@dataclass(frozen=True, slots=True)
class Block:
    """One run: datasets, and the range of those that are made by day; None where none of them is."""

    datasets: tuple[DatasetName, ...]
    days: DayRange | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Waves of runs. Runs of one wave do not wait for each other; a wave waits for the one before."""

    waves: tuple[tuple[Block, ...], ...]

    @property
    def datasets(self) -> frozenset[DatasetName]:
        """Everything that will be made."""
        return frozenset(name for wave in self.waves for block in wave for name in block.datasets)

    def in_sequence(self) -> tuple[Block, ...]:
        """The runs one after the other, fewer of them: datasets made as a whole join a range before or after them."""
        found: list[Block] = []
        waiting: tuple[DatasetName, ...] = ()
        for block in (block for wave in self.waves for block in wave):
            if block.days is not None:
                found.append(Block((*waiting, *block.datasets), block.days))
                waiting = ()
            elif found:
                found[-1] = Block((*found[-1].datasets, *block.datasets), found[-1].days)
            else:
                waiting += block.datasets
        return (*found, Block(waiting, None)) if waiting else tuple(found)


def make_plan(facts: Facts, *, only: Collection[DatasetName] | None = None, most_blocks: int = MOST_BLOCKS) -> Plan:
    """The runs that make everything stale current, each covering exactly the affected partitions.

    Args:
        facts: about every dataset.
        only: the datasets that may be made; every dataset by default.
        most_blocks: with more ranges than this in a wave, ranges that touch are joined, and a dataset is made anew for
            days of its range that are current: fewer runs, more work.
    """
    days, whole = _carried(facts, only)
    order = [name for name in facts.order if name in whole or days.get(name)]
    if not order:
        return Plan(())
    blocks = _blocks({name: days[name] for name in order if name in days}, order, most_blocks)
    if len(blocks) <= 1:  # one run: Dagster's own order does for by-day and whole datasets alike
        return Plan(((Block(tuple(order), blocks[0].days if blocks else None),),))
    return Plan(tuple(_waves(facts, order, (days, most_blocks))))


def _carried(
    facts: Facts, only: Collection[DatasetName] | None
) -> tuple[dict[DatasetName, set[date]], set[DatasetName]]:
    """Stale days by dataset and stale whole datasets, once everything upstream has been made."""
    days: dict[DatasetName, set[date]] = {}
    whole: set[DatasetName] = set()
    for name in facts.order:
        if only is not None and name not in only:
            continue
        inputs = facts.inputs(name)
        if not facts.is_by_day(name):
            if facts.is_stale(name) or any(i in whole or days.get(i) for i in inputs):
                whole.add(name)
            continue
        stale = set(facts.stale_days(name))
        for read in inputs:
            stale |= days.get(read, set())
        if whole.intersection(inputs):
            stale |= set(facts.known_days(name))
        days[name] = stale
    return days, whole


def _waves(
    facts: Facts, order: list[DatasetName], stale: tuple[Mapping[DatasetName, set[date]], int]
) -> Iterator[tuple[Block, ...]]:
    """By-day datasets follow each other day by day, inside a range; every other step needs the whole input first."""
    days, most_blocks = stale
    number: dict[DatasetName, int] = {}
    for name in order:
        by_day = facts.is_by_day(name)
        after = (number[i] + (facts.is_by_day(i) != by_day) for i in facts.inputs(name) if i in number)
        number[name] = max(after, default=0)
    for wave in range(max(number.values()) + 1):
        here = [name for name in order if number[name] == wave]
        whole = tuple(name for name in here if not facts.is_by_day(name))
        blocks = _blocks({name: days[name] for name in here if name in days}, order, most_blocks)
        yield (*([Block(whole, None)] if whole else []), *blocks)


def _blocks(days: Mapping[DatasetName, set[date]], order: Iterable[DatasetName], most_blocks: int) -> list[Block]:
    """Contiguous ranges over which the same datasets are stale."""
    sequence = list(order)
    affected = {
        day: tuple(n for n in sequence if day in days.get(n, ())) for day in sorted(set().union(*days.values()))
    }
    blocks = [Block(names, DayRange.of(run[0], run[-1])) for names, run in _runs(affected)]
    if len(blocks) <= most_blocks:
        return blocks
    joined = DayRange.blocks(affected)
    return [Block(tuple(n for n in sequence if days.get(n, set()).intersection(span)), span) for span in joined]


def _runs(affected: Mapping[date, tuple[DatasetName, ...]]) -> Iterator[tuple[tuple[DatasetName, ...], list[date]]]:
    # Days of one block lie next to each other, so their distance to their rank is the same.
    ranked = [(names, day - timedelta(days=rank), day) for rank, (day, names) in enumerate(affected.items())]
    for (names, _), group in groupby(ranked, key=lambda entry: entry[:2]):
        yield names, [day for *_, day in group]
