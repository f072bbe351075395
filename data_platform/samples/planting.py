"""Spreads defects over days and rows and writes down every one. The kinds of defects are in `defects`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

from data_platform.samples.defects import Spoiler
from data_platform.samples.planted import Defect, Fate

K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spoiled(Generic[K, T]):
    """A file's rows after planting.

    Attributes:
        rows: what is written, in order.
        lost: keys whose sound row is gone.
        fates: rows of the file by the fate that a defect gives them.
    """

    rows: list[T]
    lost: frozenset[K]
    fates: Counter[Fate]
    defects: tuple[Defect, ...]


class Plan(Generic[T]):
    """Which defects of one dataset fall on which day. `dirt` multiplies their usual number."""

    def __init__(self, dataset: str, spoilers: Sequence[Spoiler[T]], *, days: int, dirt: float) -> None:
        self._dataset = dataset
        self._by_day: defaultdict[int, list[tuple[Spoiler[T], int]]] = defaultdict(list)
        step = 0
        for spoiler in spoilers:
            for number in range(max(1, round(spoiler.count * dirt))):
                self._by_day[step * 5 % days].append((spoiler, number))
                step += 1

    def spoil(self, day: int, file: str, rows: Sequence[tuple[K, T]], rng: Random) -> Spoiled[K, T]:
        """Plants the day's defects, never two on one row and never one on the file's last row."""
        due = self._by_day[day]
        chosen = dict(zip(rng.sample(range(len(rows) - 1), min(len(due), len(rows) - 1)), due, strict=False))
        written: list[T] = []
        lost: set[K] = set()
        counts: Counter[Spoiler[T]] = Counter()
        for index, (key, row) in enumerate(rows):
            if index not in chosen:
                written.append(row)
                continue
            spoiler, number = chosen[index]
            written.extend(spoiler.spoil(row, number))
            counts[spoiler] += spoiler.rows
            if spoiler.loses:
                lost.add(key)
        fates: Counter[Fate] = Counter()
        for spoiler, count in counts.items():
            fates[spoiler.fate] += count
        return Spoiled(written, frozenset(lost), fates, self._record(file, counts))

    def _record(self, file: str, counts: Counter[Spoiler[T]]) -> tuple[Defect, ...]:
        return tuple(
            Defect(dataset=self._dataset, file=file, kind=s.kind, reason=s.reason, fate=s.fate, rows=rows)
            for s, rows in sorted(counts.items(), key=lambda item: item[0].kind)
        )
