"""Materializing what is stale, dataset by dataset, without an orchestrator: for commands that decide or rebuild."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from data_platform.contracts.days import DayRange
from data_platform.contracts.model import DatasetName, Layer
from data_platform.errors import ContractViolation
from data_platform.publication.candidate import Run
from data_platform.transforms.recipe import is_by_day
from data_platform.wiring.platform import Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """One dataset that was materialized, or was refused. `problem` is empty where it was published."""

    dataset: str
    ranges: tuple[str, ...]
    rows: int | None = None
    problem: str = ""


def refresh(
    platform: Platform, names: Collection[DatasetName], run: Run, report: Callable[[str], None] = lambda _: None
) -> list[Refreshed]:
    """Materializes what is stale of `names`, inputs first. A dataset that is refused does not stop the others."""
    done: list[Refreshed] = []
    for name in platform.graph.order:
        if name.layer is Layer.RAW or name not in names:
            continue
        stale = platform.staleness.of(name)
        if stale:
            report(str(name))
            done.append(materialize(platform, name, run, stale.days or None))
    return done


def materialize(platform: Platform, name: DatasetName, run: Run, days: Sequence[DayRange] | None) -> Refreshed:
    """Materializes ranges of one dataset, or, without `days` or where it has no days, the whole."""
    by_day = is_by_day(platform.project.dataset(name))
    ranges: Sequence[DayRange | None] = days if days and by_day else [None]
    rows = None
    try:
        for each in ranges:
            rows = platform.materializer.materialize(name, run=run, days=each).rows
    except ContractViolation as refusal:
        return Refreshed(dataset=str(name), ranges=_texts(ranges), problem=str(refusal))
    return Refreshed(dataset=str(name), ranges=_texts(ranges), rows=rows)


def upstream(platform: Platform, names: Collection[DatasetName]) -> set[DatasetName]:
    """The datasets and everything they read, directly or not."""
    wanted = set(names)
    for name in reversed(platform.graph.order):
        if name in wanted:
            wanted.update(platform.graph.inputs[name])
    return wanted


def _texts(ranges: Sequence[DayRange | None]) -> tuple[str, ...]:
    return tuple("all" if each is None else str(each) for each in ranges)
