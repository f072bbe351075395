"""Plans: what is stale, carried through a graph and cut into runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

from data_platform.contracts.days import DayRange
from data_platform.contracts.model import DatasetName
from data_platform.orchestration.planning import Block, make_plan


def name(text: str) -> DatasetName:
    return DatasetName.parse(f"curated.shop.{text}")


def day(number: int) -> date:
    return date(2026, 3, number)


def span(first: int, last: int) -> DayRange:
    return DayRange.of(day(first), day(last))


@dataclass
class Graph:
    """Datasets in order, each with its inputs; those in `days` are made by day."""

    reads: Mapping[str, str]
    days: Mapping[str, Collection[int]] = field(default_factory=dict)
    whole: Collection[str] = ()

    @property
    def order(self) -> tuple[DatasetName, ...]:
        return tuple(map(name, self.reads))

    def inputs(self, of: DatasetName) -> tuple[DatasetName, ...]:
        return tuple(map(name, self.reads[of.name].split()))

    def is_by_day(self, of: DatasetName) -> bool:
        return of.name in self.days

    def stale_days(self, of: DatasetName) -> Collection[date]:
        return [day(number) for number in self.days[of.name]]

    def is_stale(self, of: DatasetName) -> bool:
        return of.name in self.whole

    def known_days(self, of: DatasetName) -> Collection[date]:
        return [day(number) for number in (1, 2, 3)]


def blocks(graph: Graph, **options: int) -> list[list[tuple[list[str], DayRange | None]]]:
    plan = make_plan(graph, **options)
    return [[([n.name for n in block.datasets], block.days) for block in wave] for wave in plan.waves]


def test_nothing_stale_is_no_run() -> None:
    assert blocks(Graph({"orders": "", "revenue": "orders"}, {"orders": [], "revenue": []})) == []


def test_one_range_is_one_run_with_everything_that_reads_it() -> None:
    graph = Graph({"orders": "", "revenue": "orders", "value": "orders"}, {"orders": [4, 5], "revenue": []})
    assert blocks(graph) == [[(["orders", "revenue", "value"], span(4, 5))]]


def test_only_stale_datasets_and_their_readers_are_made() -> None:
    graph = Graph(
        {"orders": "", "visits": "", "revenue": "orders", "funnel": "visits"},
        {"orders": [4], "visits": [], "revenue": [], "funnel": []},
    )
    assert blocks(graph) == [[(["orders", "revenue"], span(4, 4))]]


def test_each_range_holds_exactly_the_datasets_that_are_stale_in_it() -> None:
    graph = Graph(
        {"orders": "", "lines": "", "revenue": "orders lines"}, {"orders": [5], "lines": [4, 5, 6], "revenue": []}
    )
    assert blocks(graph) == [
        [
            (["lines", "revenue"], span(4, 4)),
            (["orders", "lines", "revenue"], span(5, 5)),
            (["lines", "revenue"], span(6, 6)),
        ]
    ]


def test_a_gap_between_days_parts_two_runs() -> None:
    graph = Graph({"orders": ""}, {"orders": [1, 2, 9]})
    assert blocks(graph) == [[(["orders"], span(1, 2)), (["orders"], span(9, 9))]]


def test_whole_datasets_wait_for_every_range_they_read() -> None:
    graph = Graph({"orders": "", "value": "orders"}, {"orders": [1, 9]})
    assert blocks(graph) == [[(["orders"], span(1, 1)), (["orders"], span(9, 9))], [(["value"], None)]]


def test_a_new_version_of_a_whole_input_makes_every_known_day_stale() -> None:
    graph = Graph({"products": "", "performance": "products"}, {"performance": []}, whole=["products"])
    assert blocks(graph) == [[(["products", "performance"], span(1, 3))]]


def test_ranges_are_joined_when_there_are_too_many() -> None:
    graph = Graph({"orders": "", "lines": ""}, {"orders": [1, 3], "lines": [2, 9]})
    assert blocks(graph, most_blocks=2) == [[(["orders", "lines"], span(1, 3)), (["lines"], span(9, 9))]]


def test_in_sequence_whole_datasets_join_the_ranges_beside_them() -> None:
    graph = Graph({"customers": "", "orders": "", "value": "orders customers"}, {"orders": [1, 9]}, whole=["customers"])
    assert make_plan(graph).in_sequence() == (
        Block((name("customers"), name("orders")), span(1, 1)),
        Block((name("orders"), name("value")), span(9, 9)),
    )


def test_a_plan_of_some_datasets_leaves_the_others_alone() -> None:
    graph = Graph({"orders": "", "revenue": "orders"}, {"orders": [1], "revenue": [2]})
    plan = make_plan(graph, only={name("revenue")})
    assert plan.waves == ((Block((name("revenue"),), span(2, 2)),),)
