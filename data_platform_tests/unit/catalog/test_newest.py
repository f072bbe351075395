"""Which of two facts is the newer one, and what becomes of the older."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from data_platform.catalog.event import Refused, Taken
from data_platform.catalog.history import history_of
from data_platform.catalog.intake import Intake
from data_platform.metastore.catalog_reads import DatasetLine
from data_platform.metastore.engine import Metastore
from data_platform_tests.unit.catalog.estate import owned
from data_platform_tests.unit.catalog.sending import dataset, dataset_event, facet, run_event, schema, texts


def the(metastore: Metastore, name: str) -> DatasetLine:
    found = metastore.catalog.reads.dataset("data_platform", name=name)
    assert found is not None
    return found


def test_of_a_table_that_a_run_reads_and_writes_what_it_wrote_counts(intake: Intake, metastore: Metastore) -> None:
    read = dataset("curated.shop.b", schema=schema("id"), version=facet(datasetVersion="4"))
    written = dataset("curated.shop.b", schema=schema("id", "added"), version=facet(datasetVersion="5"))
    intake.take(texts(run_event(inputs=[read], outputs=[written])))
    line = the(metastore, "curated.shop.b")
    assert [column.name for column in metastore.catalog.reads.columns(line.id)] == ["id", "added"]
    bodies = {
        one.name: json.loads(one.body or "") for one in metastore.catalog.reads.facets("dataset", subject_id=line.id)
    }
    assert bodies["version"]["datasetVersion"] == "5"
    (told,) = history_of(metastore.catalog, line.id).schemas
    assert (told.added, told.is_current) == (("id", "added"), True)


def test_a_schema_and_a_contract_that_come_back_end_the_history(intake: Intake, metastore: Metastore) -> None:
    def at(day: int, column: str, version: str) -> dict[str, Any]:
        about = dataset("a.b.c", schema=schema("id", column), **owned("x", version))
        return dataset_event(about, at=f"2026-03-{day:02}T00:00:00Z")

    told = [at(1, "old", "1.0.0"), at(2, "new", "2.0.0"), at(3, "old", "1.0.0"), at(4, "old", "1.0.0")]
    intake.take(texts(*reversed(told)))
    history = history_of(metastore.catalog, the(metastore, "a.b.c").id)
    assert [(one.at.day, one.added, one.removed, one.is_current) for one in history.schemas] == [
        (4, ("old",), ("new",), True),  # the newest event that says it
        (2, ("new",), ("old",), False),
        (1, ("id", "old"), (), False),
    ]
    assert [one.version for one in history.contracts] == ["1.0.0", "2.0.0", "1.0.0"]


def test_a_dataset_whose_schema_was_deleted_has_no_current_one(intake: Intake, metastore: Metastore) -> None:
    first = dataset_event(dataset("a.b.c", schema=schema("id")))
    gone = dataset_event(dataset("a.b.c", schema=facet(_deleted=True)), at="2026-03-02T00:00:00Z")
    intake.take(texts(first, gone))
    assert [one.is_current for one in history_of(metastore.catalog, the(metastore, "a.b.c").id).schemas] == [False]


def test_an_event_more_than_a_day_ahead_of_the_clock_is_refused(intake: Intake, metastore: Metastore) -> None:
    now = intake.clock.now()
    assert now == datetime.fromisoformat("2026-03-31T12:00:00Z")
    near = dataset_event(dataset("a.b.c", schema=schema("id")), at="2026-04-01T12:00:00Z")
    far = dataset_event(dataset("a.b.c", schema=schema("pinned")), at="2026-04-01T12:00:00.000001Z")
    taken, refused = intake.take(texts(near, far))
    assert isinstance(taken, Taken)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.pointer) == ("IN_FUTURE", "/eventTime")
    assert [one.error for one in metastore.catalog.events.refused()] == ["IN_FUTURE"]
    assert [column.name for column in metastore.catalog.reads.columns(the(metastore, "a.b.c").id)] == ["id"]


def test_what_events_said_stays_when_their_texts_are_forgotten(intake: Intake, metastore: Metastore) -> None:
    intake.take([*texts(run_event(run=1, outputs=[dataset("b")]), run_event(run=2, inputs=[dataset("b")])), "no event"])
    later = datetime.fromisoformat("2026-04-30T00:00:00Z")
    assert metastore.prune(intake.clock.now())["catalog_events"] == 0
    before = metastore.catalog.events.newest()
    forgotten = metastore.prune(later)
    assert (forgotten["catalog_events"], forgotten["catalog_refused"]) == (1, 1)
    assert metastore.catalog.events.counts() == (1, 0)
    assert metastore.catalog.events.newest() == before
    assert (the(metastore, "b").writes, the(metastore, "b").reads) == (1, 1)
    intake.take(texts(run_event(run=1, outputs=[dataset("b")])))  # taken again, it changes nothing
    assert (the(metastore, "b").writes, the(metastore, "b").reads) == (1, 1)
    assert metastore.catalog.events.newest() > before
