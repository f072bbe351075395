"""How long, how odd and how many things may be that producers send."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from data_platform.catalog import gathering
from data_platform.catalog.coverage import column_coverage
from data_platform.catalog.event import Event, Refused, Taken
from data_platform.catalog.gathering import gather
from data_platform.catalog.intake import Intake
from data_platform.catalog.naming import UnknownDataset, display, find
from data_platform.catalog.reading import read_event
from data_platform.catalog.walks import Walks
from data_platform.metastore.engine import Metastore
from data_platform_tests.unit.catalog.estate import shop
from data_platform_tests.unit.catalog.sending import dataset, facet, run_event, schema, texts, traced


def noise(characters: int, seed: int = 1, letters: str = "abcdefghijklmnopqrstuvwxyz0123456789") -> str:
    """Text that no database packs into less."""
    return "".join(random.Random(seed).choices(letters, k=characters))


GREEK = "".join(map(chr, range(0x391, 0x3A2)))
CHESS = "".join(map(chr, range(0x1FA00, 0x1FA50)))  # four bytes each


@pytest.mark.parametrize("letters", ["abcdefghij0123456789", GREEK, CHESS])
def test_the_longest_names_and_columns_fit_into_both_databases(
    intake: Intake, metastore: Metastore, letters: str
) -> None:
    width = len(letters[0].encode())
    longest = [noise(1_300 // width, seed, letters) for seed in range(4)]
    columns = [noise(400, seed, letters) for seed in range(2)]
    lineage = facet(
        fields={
            columns[0]: {
                "inputFields": [
                    {
                        "namespace": longest[0],
                        "name": longest[1],
                        "field": columns[1],
                        "transformations": [{"type": "INDIRECT", "subtype": noise(99, 7, letters)}],
                    }
                ]
            }
        }
    )
    output = dataset(longest[2], longest[3], schema=schema(columns[0]), columnLineage=lineage)
    event = run_event(job=longest[2], namespace=longest[3], inputs=[dataset(longest[1], longest[0])], outputs=[output])
    (answer,) = intake.take(texts(event))
    assert isinstance(answer, Taken)
    line = metastore.catalog.reads.dataset(longest[3], name=longest[2])
    assert line is not None
    (edge,) = metastore.catalog.graph.column_edges([line.id], direction="up")
    assert [edge.dst_column] == [column.name for column in metastore.catalog.reads.columns(line.id)]
    assert columns[1].startswith(edge.src_column)
    too_long = read_event(json.dumps(run_event(inputs=[dataset(longest[0] + letters[0] * 4)])))
    assert isinstance(too_long, Refused)
    assert too_long.code == "TOO_LONG"


def test_kinds_of_transformations_that_only_differ_in_what_no_database_holds_are_one(
    intake: Intake, metastore: Metastore
) -> None:
    source = {"namespace": "data_platform", "name": "a", "field": "x"}
    described = {**source, "transformations": [{"type": "DIRECT", "subtype": "\x00"}]}
    fields = {
        "one": {"inputFields": [source, described], "transformationType": "\\x00"},
        "two": {"inputFields": [source, described], "transformationType": "\x00"},
        "three": {"inputFields": [source], "transformationType": noise(9_000)},
    }
    (answer,) = intake.take(texts(run_event(outputs=[dataset("b", columnLineage=facet(fields=fields))])))
    assert isinstance(answer, Taken)
    line = find(metastore.catalog, "b").dataset
    edges = metastore.catalog.graph.column_edges([line.id], direction="up")
    assert {(edge.dst_column, edge.subtype) for edge in edges} == {
        ("one", "\\x00"), ("two", "\\x00"), ("three", noise(9_000)[:60]),
    }  # fmt: skip
    assert len(edges) == 3


def test_versions_that_only_differ_in_what_no_database_holds_are_one(intake: Intake, metastore: Metastore) -> None:
    named = [dataset("b", version=facet(datasetVersion=text)) for text in ("\x00", "\\x00")]
    intake.take(texts(run_event(run=1, outputs=named)))
    (line,) = metastore.catalog.reads.versions(find(metastore.catalog, "b").dataset.id)
    assert line.version == "\\x00"


def test_a_large_facet_does_not_stay_in_memory() -> None:
    columns = {f"column_{number}": [("a", noise(60, number))] for number in range(400)}

    def remembered(**its: list[tuple[Any, ...]]) -> int:
        event = read_event(json.dumps(run_event(outputs=[dataset("b", columnLineage=traced(**its))])))
        assert isinstance(event, Event)
        assert ("data_platform", "a") in gather([event]).datasets
        return gathering._keys_in.cache_info().currsize

    gathering._keys_in.cache_clear()
    assert remembered(one=columns["column_1"]) == 1
    assert remembered(**columns) == 1


def test_a_dataset_with_a_sharp_in_its_name_is_found_by_the_name_that_is_shown(
    intake: Intake, metastore: Metastore
) -> None:
    sheet = dataset("book.xlsx#Sheet1", "file", schema=schema("amount"))
    intake.take(texts(run_event(inputs=[sheet, dataset("raw.shop.orders", schema=schema("a#b"))])))
    store = metastore.catalog
    found = find(store, "file/book.xlsx#Sheet1")
    assert (display(found.dataset), found.column) == ("file/book.xlsx#Sheet1", None)
    assert find(store, display(found.dataset)) == found
    assert find(store, "file/book.xlsx#Sheet1#amount").column == "amount"
    assert find(store, "file/book.xlsx#Sheet1", column="amount").column == "amount"
    assert find(store, "raw.shop.orders", column="a#b").column == "a#b"
    intake.take(texts(run_event(run=2, inputs=[dataset("book.xlsx", "file")])))
    assert find(store, "file/book.xlsx#Sheet1.amount").dataset.name == "book.xlsx#Sheet1"


def test_a_name_of_thousands_of_marks_is_unknown_after_few_questions(metastore: Metastore) -> None:
    with pytest.raises(UnknownDataset):
        find(metastore.catalog, "/.#" * 150)


def test_a_cut_walk_over_columns_shows_what_fits_and_no_edge_that_leads_out_of_it(
    intake: Intake, metastore: Metastore
) -> None:
    wide = traced(total=[("a", f"part_{number:02}") for number in range(30)])
    narrow = traced(total=[("b", "total")])
    intake.take(
        texts(
            run_event(run=1, job="one", outputs=[dataset("b", columnLineage=wide)]),
            run_event(run=2, job="two", outputs=[dataset("c", columnLineage=narrow)]),
        )
    )
    start = (find(metastore.catalog, "c").dataset.id, "total")
    walk = Walks(store=metastore.catalog).columns(start, up=5, limit=10)
    assert (len(walk.distances), walk.is_cut) == (10, True)
    assert len(walk.edges) == 9
    ends = {end for edge in walk.edges for end in ((edge.src_id, edge.src_column), (edge.dst_id, edge.dst_column))}
    assert ends == walk.distances.keys()
    whole = Walks(store=metastore.catalog).columns(start, up=5, limit=32)
    assert (len(whole.distances), len(whole.edges), whole.is_cut) == (32, 31, False)


def test_the_coverage_is_computed_once_for_each_state_of_the_catalog(intake: Intake, metastore: Metastore) -> None:
    intake.take(shop())
    first = column_coverage(metastore.catalog)
    assert column_coverage(metastore.catalog) is first
    assert column_coverage(metastore.catalog, layer="raw") is not first
    intake.take(texts(run_event(run=77, outputs=[dataset("served.shop.other", schema=schema("untold"))])))
    (after,) = column_coverage(metastore.catalog)
    assert "served.shop.other.untold" in after.untraced
