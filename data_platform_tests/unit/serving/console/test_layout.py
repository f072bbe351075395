"""Boxes stand where a reader expects them."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from data_platform.serving.console.layout import positions

SIZE = (100.0, 30.0)


def boxes(names: list[str]) -> dict[str, tuple[float, float]]:
    return dict.fromkeys(names, SIZE)


numbers = st.integers(0, 14)
graphs = st.lists(st.tuples(numbers, numbers), max_size=40)


@given(graphs)
def test_data_flows_to_the_right(pairs: list[tuple[int, int]]) -> None:
    edges = [(f"n{min(pair):02}", f"n{max(pair):02}") for pair in pairs if pair[0] != pair[1]]
    placed = positions(boxes([f"n{n:02}" for n in range(15)]), edges)
    assert all(placed[source][0] < placed[target][0] for source, target in edges)


@given(graphs)
def test_no_two_boxes_overlap_even_where_lineage_goes_in_circles(pairs: list[tuple[int, int]]) -> None:
    edges = [(f"n{a:02}", f"n{b:02}") for a, b in pairs]
    placed = positions(boxes([f"n{n:02}" for n in range(15)]), edges)
    assert len(placed) == 15
    for one, other in combinations(placed.values(), 2):
        assert abs(one[0] - other[0]) >= SIZE[0] or abs(one[1] - other[1]) >= SIZE[1]


def test_a_crossing_that_can_be_avoided_is_avoided() -> None:
    placed = positions(boxes(["a", "b", "x", "y"]), [("a", "y"), ("b", "x")])
    assert (placed["a"][1] < placed["b"][1]) == (placed["y"][1] < placed["x"][1])


def test_the_same_graph_is_drawn_the_same() -> None:
    edges = [("a", "c"), ("b", "c"), ("c", "d"), ("a", "d")]
    assert positions(boxes(list("abcd")), edges) == positions(boxes(list("dcba")), edges[::-1])
