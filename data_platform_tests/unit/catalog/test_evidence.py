"""Answers of the catalog that claim no more and no less than what events said."""

from __future__ import annotations

from typing import Any

import pytest

from data_platform.catalog.coverage import column_coverage
from data_platform.catalog.entries import Entries
from data_platform.catalog.impact import impact_of
from data_platform.catalog.intake import Intake
from data_platform.catalog.naming import display, find
from data_platform.catalog.trace import UnknownId, trace
from data_platform.metastore.engine import Metastore
from data_platform_tests.unit.catalog.sending import (
    dataset,
    dataset_event,
    facet,
    run_event,
    run_id,
    schema,
    texts,
    traced,
)


def filtered(by: tuple[str, str], **columns: list[tuple[Any, ...]]) -> dict[str, Any]:
    """Lineage of columns, with a filter on the rows by a column of a dataset."""
    how = {"namespace": "data_platform", "name": by[0], "field": by[1]}
    return {**traced(**columns), "dataset": [{**how, "transformations": [{"type": "INDIRECT", "subtype": "FILTER"}]}]}


def hits(metastore: Metastore, name: str) -> dict[str, tuple[tuple[str, ...], str]]:
    found = impact_of(metastore.catalog, find(metastore.catalog, name)).hits
    return {display(hit.dataset): (hit.columns, hit.kind) for hit in found}


def test_what_decides_the_rows_hits_all_columns_even_where_one_is_made_of_it(
    intake: Intake, metastore: Metastore
) -> None:
    read = "raw.shop.orders"
    lineage = filtered((read, "status"), state=[(read, "status")], amount=[(read, "amount")], orders=[])
    copied = traced(state=[("served.shop.daily", "state")], amount=[("served.shop.daily", "amount")])
    counted = traced(days=[])
    intake.take(
        texts(
            run_event(run=1, job="daily", inputs=[dataset(read)], outputs=[dataset("served.shop.daily", schema=schema("state", "amount", "orders"), columnLineage=lineage)]),
            run_event(run=2, job="copy", inputs=[dataset("served.shop.daily")], outputs=[dataset("copy", columnLineage=copied)]),
            run_event(run=3, job="count", inputs=[dataset("served.shop.daily")], outputs=[dataset("days", columnLineage=counted)]),
        )
    )  # fmt: skip
    assert hits(metastore, f"{read}.status") == {
        "served.shop.daily": (("amount", "orders", "state"), "rows"), "copy": ((), "rows"), "days": ((), "rows"),
    }  # fmt: skip
    assert hits(metastore, f"{read}.amount") == {
        "served.shop.daily": (("amount",), "direct"), "copy": (("amount",), "direct"),
    }  # fmt: skip


def runs_of(metastore: Metastore, name: str) -> list[tuple[str, str]]:
    entry = Entries(metastore=metastore).of(find(metastore.catalog, name).dataset)
    return [(run.state, run.run_id) for run in entry.runs]


def test_the_runs_of_a_dataset_are_those_that_wrote_it_and_failures_that_wrote_nothing(
    intake: Intake, metastore: Metastore
) -> None:
    once, often = dataset("wide"), dataset("narrow")
    intake.take(
        texts(
            run_event(run=1, job="j", outputs=[once, often], at="2026-03-01T10:00:00Z"),
            *(run_event(run=n, job="j", outputs=[often], at=f"2026-03-02T10:00:{n:02}Z") for n in range(10, 40)),
            run_event("FAIL", run=50, job="j", outputs=[often], at="2026-03-03T10:00:00Z"),
            run_event("FAIL", run=51, job="j", at="2026-03-03T11:00:00Z"),
            run_event("COMPLETE", run=52, job="j", at="2026-03-03T12:00:00Z"),
            run_event("ABORT", run=53, job="other", at="2026-03-03T12:00:00Z"),
        )
    )
    assert runs_of(metastore, "wide") == [("failed", run_id(51)), ("succeeded", run_id(1))]
    newest = [("failed", run_id(51)), ("failed", run_id(50)), ("succeeded", run_id(39))]
    assert (runs_of(metastore, "narrow")[:3], len(runs_of(metastore, "narrow"))) == (newest, 20)


def test_a_column_is_traced_only_to_a_column_that_is_there(intake: Intake, metastore: Metastore) -> None:
    lineage = traced(
        good=[("raw.shop.orders", "amount")],
        batch=[("raw.shop.orders", "_batch_id")],
        typo=[("raw.shop.orders", "does_not_exist")],
        nowhere=[("raw.nowhere.nothing", "x")],
        counted=[],
    )
    for column, namespace, source in (
        ("outside", "kafka://k", "topic"),
        ("missing", "pg://p", "db.t"),
        ("there", "pg://p", "db.t"),
    ):
        lineage["fields"][column] = {"inputFields": [{"namespace": namespace, "name": source, "field": column}]}
    lineage["dataset"] = [{"namespace": "data_platform", "name": "raw.nowhere.nothing", "field": "y"}]
    intake.take(
        texts(
            dataset_event(dataset("raw.shop.orders", schema=schema("amount"))),
            dataset_event(dataset("db.t", "pg://p", schema=schema("there"))),
            run_event(outputs=[dataset("served.shop.x", schema=schema(*lineage["fields"]), columnLineage=lineage)]),
        )
    )  # fmt: skip
    (coverage,) = column_coverage(metastore.catalog)
    untraced = {name.rpartition(".")[2] for name in coverage.untraced}
    assert untraced == {"typo", "nowhere", "counted", "missing"}
    assert (coverage.columns, coverage.traced) == (8, 4)


def test_datasets_without_known_columns_are_listed_and_nothing_to_trace_is_no_share(
    intake: Intake, metastore: Metastore
) -> None:
    assert column_coverage(metastore.catalog) == ()
    intake.take(texts(run_event(outputs=[dataset("served.shop.dark")])))
    (coverage,) = column_coverage(metastore.catalog)
    assert (coverage.domain, coverage.columns, coverage.ratio, coverage.undescribed) == (
        "shop", 0, None, ("served.shop.dark",),
    )  # fmt: skip
    assert not coverage.is_full


def test_an_entry_says_how_many_columns_are_left_out(intake: Intake, metastore: Metastore) -> None:
    names = [f"column_{number}" for number in range(10_003)]
    intake.take(texts(dataset_event(dataset("wide", schema=schema(*names, "column_0"))), dataset_event(dataset("narrow", schema=schema("a")))))  # fmt: skip
    entries = Entries(metastore=metastore)
    wide, narrow = (entries.of(find(metastore.catalog, name).dataset) for name in ("wide", "narrow"))
    assert (len(wide.columns), wide.columns_left_out, narrow.columns_left_out) == (10_000, 3, 0)


KEYS = [
    ("s3://a/b", "c"),
    ("s3://a", "b/c"),
    ("s3:", "/a/b/c"),
    ("s3://a%2Fb", "c"),
    ("https://host/x%", "y"),
    ("", "/a"),
    ("raw", "shop/orders"),
    ("data_platform", "raw.shop.orders"),
    ("data_platform", "s3://a/b/c"),
    ("file", "/data/x.csv"),
    ("file:///data", "x.csv"),
]


def test_every_dataset_has_an_address_of_its_own(intake: Intake, metastore: Metastore) -> None:
    intake.take(texts(*(dataset_event(dataset(name, namespace)) for namespace, name in KEYS)))
    lines = [metastore.catalog.reads.dataset(namespace, name=name) for namespace, name in KEYS]
    shown = [display(line) for line in lines if line is not None]
    assert len(set(shown)) == len(KEYS)
    for text, line in zip(shown, lines, strict=True):
        assert find(metastore.catalog, text).dataset == line
    assert shown[:2] == ["s3://a%2Fb/c", "s3://a/b/c"]
    assert shown[7] == "raw.shop.orders"
    assert shown[9] == "file//data/x.csv"


@pytest.mark.parametrize("digits", ["9" * 23, str(1 << 63), "9" * 5_000])
def test_a_version_that_no_ledger_can_hold_is_no_version(intake: Intake, metastore: Metastore, digits: str) -> None:
    with pytest.raises(UnknownId, match="nothing has the id"):
        trace(metastore, f"raw.shop.orders@{digits}")
    written = dataset("raw.shop.orders", version=facet(datasetVersion=digits))
    intake.take(texts(run_event(run=7, job="spark", outputs=[written])))
    found = trace(metastore, run_id(7))
    assert (found.versions, [run.job_name for run, _ in found.foreign]) == ((), ["spark"])
