from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_platform.catalog.coverage import column_coverage
from data_platform.catalog.entries import Entries
from data_platform.catalog.history import history_of
from data_platform.catalog.impact import impact_of
from data_platform.catalog.intake import Intake
from data_platform.catalog.naming import UnknownDataset, display, find
from data_platform.catalog.search import Search
from data_platform.catalog.walks import Walks
from data_platform.errors import ConfigurationError
from data_platform.metastore.engine import Metastore
from data_platform_tests.unit.catalog.estate import KAFKA, owned, shop
from data_platform_tests.unit.catalog.sending import dataset, dataset_event, facet, run_event, schema, texts, traced


@pytest.fixture
def catalog(intake: Intake, metastore: Metastore) -> Metastore:
    intake.take(shop())
    return metastore


def found(metastore: Metastore, text: str, **more: Any) -> list[str]:
    return [display(hit.dataset) for hit in Search(store=metastore.catalog).find(text, **more).hits]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("revenue", "served.shop.revenue"),
        ("customers", "served.shop.revenue"),  # a column's description
        ("money paid", "served.shop.revenue"),
        ("gold", "served.shop.revenue"),
        ("owner:finance", "served.shop.revenue"),
        ("order_id", "curated.shop.orders"),  # the same columns as raw, but read by more
        ("kafka", f"{KAFKA}/orders"),
        ("REV", "served.shop.revenue"),
        ("column:revenue", "served.shop.revenue"),
    ],
)
def test_words_find_datasets_by_every_part_of_them(catalog: Metastore, text: str, first: str) -> None:
    assert first in found(catalog, text)[:2]


def test_every_word_must_be_there_and_only_the_last_counts_as_begun(catalog: Metastore) -> None:
    assert found(catalog, "revenue kafka") == []
    assert found(catalog, "reve shop") == []
    assert found(catalog, "shop reve")[0] == "served.shop.revenue"
    assert found(catalog, "reve ") == []
    assert found(catalog, "owner:gold") == []
    assert found(catalog, "  ") == []


NASTY = [
    '"',
    "'",
    "*",
    "NEAR(a b)",
    "a OR b",
    "name:",
    ":*",
    "&|!()",
    "a' :* | 'b",
    "x AND",
    "^a",
    "{name} : a",
    "\x00",
    "\\",
    "-a",
    "%",
]


@pytest.mark.parametrize("text", NASTY)
def test_nothing_that_is_typed_is_taken_for_syntax(catalog: Metastore, text: str) -> None:
    assert isinstance(found(catalog, text), list)
    assert found(catalog, f"revenue {text} zzz") == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=30))
def test_any_text_can_be_searched(catalog: Metastore, text: str) -> None:
    found(catalog, text)


def test_pages_bring_each_dataset_once_whatever_comes_in_between(intake: Intake, metastore: Metastore) -> None:
    names = [f"served.shop.part_{number:02}" for number in range(25)]
    intake.take(texts(*(dataset_event(dataset(name, schema=schema("id"))) for name in names)))
    search, cursor, seen = Search(store=metastore.catalog), None, []
    while True:
        page = search.find("part", limit=10, cursor=cursor)
        seen += [display(hit.dataset) for hit in page.hits]
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == names  # equally good: by name
    with pytest.raises(ConfigurationError, match="cursor"):
        search.find("part", cursor="nonsense")


def test_a_dataset_that_is_used_more_stands_before_one_that_is_not(intake: Intake, metastore: Metastore) -> None:
    about = [dataset_event(dataset(f"curated.{place}.visits", schema=schema("id"))) for place in ("aaa", "zzz")]
    reading = [
        run_event(
            run=number, job=f"job-{number}", inputs=[dataset("curated.zzz.visits")], outputs=[dataset(f"out-{number}")]
        )
        for number in range(5)
    ]
    intake.take(texts(*about))
    assert found(metastore, "visits") == ["curated.aaa.visits", "curated.zzz.visits"]
    intake.take(texts(*reading))
    assert found(metastore, "visits") == ["curated.zzz.visits", "curated.aaa.visits"]


def test_a_dataset_is_found_by_the_words_that_it_has_now(intake: Intake, metastore: Metastore) -> None:
    intake.take(texts(dataset_event(dataset("a.b.c", documentation=facet(description="walrus")))))
    assert found(metastore, "walrus") == ["a.b.c"]
    later = dataset_event(dataset("a.b.c", documentation=facet(description="otter")), at="2026-03-02T00:00:00Z")
    intake.take(texts(later))
    assert (found(metastore, "walrus"), found(metastore, "otter")) == ([], ["a.b.c"])


def test_datasets_and_columns_are_found_by_the_names_that_people_write(catalog: Metastore) -> None:
    store = catalog.catalog
    assert find(store, "raw.shop.orders").column is None
    assert find(store, "raw/shop/orders").dataset.name == "raw.shop.orders"
    assert find(store, "raw.shop.orders.amount").column == "amount"
    assert find(store, "raw.shop.orders#amount").column == "amount"
    assert find(store, f"{KAFKA}/orders").dataset.namespace == KAFKA
    assert find(store, "s3://lake/bucket/revenue.csv").dataset.name == "bucket/revenue.csv"
    with pytest.raises(UnknownDataset, match="did you mean amount"):
        find(store, "raw.shop.orders.amont")
    with pytest.raises(UnknownDataset, match=r"raw\.shop\.orders"):
        find(store, "raw.shop.order")


def steps(metastore: Metastore, name: str, *, up: int = 0, down: int = 0) -> dict[str, int]:
    walk = Walks(store=metastore.catalog).datasets(find(metastore.catalog, name).dataset.id, up=up, down=down)
    return {display(walk.nodes[one]): step for one, step in walk.distances.items()}


def test_lineage_goes_both_ways_as_deep_as_asked(catalog: Metastore) -> None:
    assert steps(catalog, "curated.shop.orders", up=1, down=1) == {
        "raw.shop.orders": -1, "curated.shop.orders": 0, "served.shop.revenue": 1,
    }  # fmt: skip
    everything = steps(catalog, "curated.shop.orders", up=9, down=9)
    assert everything[f"{KAFKA}/orders"] == -2
    assert everything["s3://lake/bucket/revenue.csv"] == 2


def test_a_walk_through_a_cycle_ends(intake: Intake, metastore: Metastore) -> None:
    intake.take(
        texts(
            run_event(
                run=1, job="one", inputs=[dataset("a")], outputs=[dataset("b", columnLineage=traced(x=[("a", "x")]))]
            ),
            run_event(
                run=2, job="two", inputs=[dataset("b")], outputs=[dataset("a", columnLineage=traced(x=[("b", "x")]))]
            ),
        )
    )
    assert steps(metastore, "a", up=50, down=50) == {"a": 0, "b": -1}
    start = find(metastore.catalog, "a")
    assert Walks(store=metastore.catalog).columns((start.dataset.id, "x"), down=50).distances == {
        (start.dataset.id, "x"): 0, (find(metastore.catalog, "b").dataset.id, "x"): 1,
    }  # fmt: skip
    assert [display(hit.dataset) for hit in impact_of(metastore.catalog, start).hits] == ["b"]


def test_of_a_run_with_several_outputs_the_column_lineage_says_what_went_where(
    intake: Intake, metastore: Metastore
) -> None:
    read = [dataset("a"), dataset("b"), dataset("c")]
    written = [
        dataset("a2", columnLineage=traced(x=[("a", "x")])),
        dataset("b2", columnLineage=traced(x=[("b", "x")], y=[("elsewhere", "y")])),
        dataset("all"),
    ]
    for outputs in (written[:1], written):  # the second event shows that the run writes more than one
        intake.take(texts(run_event(inputs=read, outputs=outputs, at=f"2026-03-01T10:00:0{len(outputs)}Z")))
    made_of = {name: set(steps(metastore, name, up=1)) - {name} for name in ("a2", "b2", "all")}
    assert made_of == {"a2": {"a"}, "b2": {"b", "elsewhere"}, "all": {"a", "b", "c"}}


def test_a_walk_stops_at_its_limit_and_says_so(intake: Intake, metastore: Metastore) -> None:
    runs = [run_event(run=n, job=f"j{n}", inputs=[dataset("a")], outputs=[dataset(f"out-{n:02}")]) for n in range(30)]
    intake.take(texts(*runs))
    walk = Walks(store=metastore.catalog).datasets(find(metastore.catalog, "a").dataset.id, down=3, limit=10)
    assert (len(walk.nodes), len(walk.edges), walk.is_cut) == (10, 9, True)


def test_the_impact_of_a_column_is_the_columns_made_of_it_and_what_it_filters(catalog: Metastore) -> None:
    def hits(name: str) -> dict[str, tuple[tuple[str, ...], str, int]]:
        impact = impact_of(catalog.catalog, find(catalog.catalog, name))
        return {display(hit.dataset): (hit.columns, hit.kind, hit.distance) for hit in impact.hits}

    assert hits("raw.shop.orders.amount") == {
        "curated.shop.orders": (("amount",), "direct", 1),
        "served.shop.revenue": (("revenue",), "direct", 2),
        "s3://lake/bucket/revenue.csv": ((), "unresolved", 3),
    }
    assert hits("curated.shop.orders.status") == {
        "served.shop.revenue": (("day", "orders", "revenue"), "rows", 1),
        "s3://lake/bucket/revenue.csv": ((), "unresolved", 2),
    }
    assert hits("curated.shop.orders.order_id") == {}
    assert set(hits("raw.shop.orders")) == {
        "curated.shop.orders",
        "served.shop.revenue",
        "s3://lake/bucket/revenue.csv",
    }


def test_an_impact_names_owners_contracts_and_the_way_there(catalog: Metastore) -> None:
    impact = impact_of(catalog.catalog, find(catalog.catalog, f"{KAFKA}/orders"))
    assert impact.owners == ("team-finance", "team-ingest", "team-shop")
    by_name = {display(hit.dataset): hit for hit in impact.hits}
    assert by_name["curated.shop.orders"].dataset.contract_version == "2.1.0"
    assert [display(one) for one in by_name["s3://lake/bucket/revenue.csv"].path] == [
        f"{KAFKA}/orders", "raw.shop.orders", "served.shop.revenue", "s3://lake/bucket/revenue.csv",
    ]  # fmt: skip


def test_served_columns_with_a_full_path_to_raw_are_counted(catalog: Metastore, intake: Intake) -> None:
    (coverage,) = column_coverage(catalog.catalog)
    assert (coverage.domain, coverage.columns, coverage.traced) == ("shop", 3, 3)
    broken = dataset(
        "served.shop.other",
        schema=schema("known", "unknown", "from_unknown"),
        columnLineage=traced(known=[("raw.shop.orders", "amount")], from_unknown=[("curated.shop.lost", "x")]),
    )
    intake.take(texts(run_event(run=8, job="other", outputs=[broken])))
    (coverage,) = column_coverage(catalog.catalog)
    assert coverage.untraced == ("served.shop.other.unknown", "served.shop.other.from_unknown")
    assert (coverage.columns, coverage.ratio) == (6, 4 / 6)


def test_the_history_tells_schemas_contracts_and_what_changed(intake: Intake, metastore: Metastore) -> None:
    def at(day: int, fields: list[tuple[str, str]], version: str) -> dict[str, Any]:
        listed = facet(fields=[{"name": name, "type": kind} for name, kind in fields])
        return dataset_event(dataset("a.b.c", schema=listed, **owned("x", version)), at=f"2026-03-0{day}T00:00:00Z")

    told = [
        at(1, [("id", "int"), ("old", "text")], "1.0.0"),
        at(2, [("id", "bigint"), ("new", "text")], "2.0.0"),
        at(3, [("id", "bigint"), ("new", "text")], "2.0.0"),
    ]
    intake.take(texts(*reversed(told)))
    history = history_of(metastore.catalog, find(metastore.catalog, "a.b.c").dataset.id)
    now, before = history.schemas
    assert (now.added, now.removed, now.changed, now.is_current) == (
        ("new",),
        ("old",),
        (("id", "int", "bigint"),),
        True,
    )
    assert (before.added, before.is_current, now.at.day, before.at.day) == (("id", "old"), False, 2, 1)
    assert [change.version for change in history.contracts] == ["2.0.0", "1.0.0"]


def test_an_entry_holds_what_a_page_shows(catalog: Metastore) -> None:
    entry = Entries(metastore=catalog).of(find(catalog.catalog, "served.shop.revenue").dataset)
    made_of = {column: [(s.dataset.name, s.column, s.kind) for s in its] for column, its in entry.sources.items()}
    assert made_of == {
        "": [("curated.shop.orders", "status", "indirect")],
        "day": [("raw.shop.orders", "ordered_at", "direct")],
        "orders": [],  # counted
        "revenue": [("curated.shop.orders", "amount", "direct")],
    }
    assert entry.writers == (("data_platform", "served.shop.revenue"),)
    assert [run.state for run in entry.runs] == ["succeeded"]
    assert entry.facets["documentation"]["description"] == "Revenue of the shop by day"
    assert sorted(display(one) for one in entry.around.nodes.values()) == [
        "curated.shop.orders", "raw.shop.orders", "s3://lake/bucket/revenue.csv", "served.shop.revenue",
    ]  # fmt: skip
    assert entry.ledger is not None
    assert json.dumps(entry.ledger.runs) == "[]"
