from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from data_platform.catalog.intake import Intake
from data_platform.catalog.trace import UnknownId, trace
from data_platform.lineage.facts import RunFacts
from data_platform.lineage.names import PRODUCER
from data_platform.metastore.batches import BatchEntry, FileEntry
from data_platform.metastore.engine import Metastore
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.tables import FileOutcome, RunState
from data_platform_tests.unit.catalog.sending import dataset, facet, run_event, run_id, texts

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def land(metastore: Metastore, number: int, version: int) -> None:
    batch = BatchEntry(
        dataset="raw.shop.orders", source="files", number=number, batch_id=f"files/{number}", manifest_sha256="x",
        received_at=NOON + timedelta(minutes=number), contract_version="1.0.0", source_rows=3, raw_rows=3,
        rejected_rows=0, raw_version=version, rejected_version=version, run_id=f"ingest-{number}", recorded_at=NOON,
    )  # fmt: skip
    file = FileEntry(
        dataset="raw.shop.orders", batch_id=batch.batch_id, position=0, name=f"day-{number}.csv", sha256="y",
        outcome=FileOutcome.READ, source_rows=3, raw_rows=3,
    )  # fmt: skip
    metastore.batches.record(batch, files=[file])


def ran(metastore: Metastore, run: str, name: str, version: int | None, **inputs: int) -> None:
    state = RunState.SUCCEEDED if version is not None else RunState.FAILED
    read = {key.replace("__", "."): value for key, value in inputs.items()}
    entry = RunEntry(
        run_id=run, dataset=name, started_at=NOON, ended_at=NOON, state=state, inputs=read, output_version=version
    )
    metastore.runs.record([entry])


@pytest.fixture
def ledger(metastore: Metastore) -> Metastore:
    for number in (1, 2, 3):
        land(metastore, number, version=number)
    ran(metastore, "run-a", "curated.shop.orders", 1, raw__shop__orders=1)
    ran(metastore, "run-a", "served.shop.revenue", 1, curated__shop__orders=1)
    ran(metastore, "run-b", "curated.shop.orders", 2, raw__shop__orders=3)
    ran(metastore, "run-b", "served.shop.revenue", 2, curated__shop__orders=2)
    ran(metastore, "run-c", "served.shop.revenue", None, curated__shop__orders=2)
    return metastore


def versions(metastore: Metastore, text: str) -> list[tuple[int, str, int]]:
    return [(step.distance, step.table, step.version) for step in trace(metastore, text).versions]


def batches(metastore: Metastore, text: str) -> list[tuple[str, list[str]]]:
    return [(step.batch.batch_id, [file.name for file in step.files]) for step in trace(metastore, text).batches]


def test_a_served_version_leads_back_to_the_batches_that_it_was_the_first_to_see(ledger: Metastore) -> None:
    assert versions(ledger, "served.shop.revenue@2") == [
        (-2, "raw.shop.orders", 3), (-1, "curated.shop.orders", 2), (0, "served.shop.revenue", 2),
    ]  # fmt: skip
    assert batches(ledger, "served.shop.revenue@2") == [("files/2", ["day-2.csv"]), ("files/3", ["day-3.csv"])]
    assert batches(ledger, "served/shop/revenue@1") == [("files/1", ["day-1.csv"])]


def test_a_batch_leads_to_the_first_versions_that_hold_it(ledger: Metastore) -> None:
    assert versions(ledger, "files/2") == [
        (0, "raw.shop.orders", 2), (1, "curated.shop.orders", 2), (2, "served.shop.revenue", 2),
    ]  # fmt: skip
    assert batches(ledger, "files/2") == [("files/2", ["day-2.csv"])]


def test_a_run_leads_both_ways_and_a_failed_one_is_shown(ledger: Metastore) -> None:
    assert [table for _, table, _ in versions(ledger, "run-a")] == [
        "raw.shop.orders", "curated.shop.orders", "served.shop.revenue",
    ]  # fmt: skip
    (failed,) = trace(ledger, "run-c").versions
    assert failed.run is not None
    assert (failed.table, failed.run.state) == ("served.shop.revenue", RunState.FAILED)


def test_an_event_leads_to_its_run_and_on_into_the_ledger(ledger: Metastore, intake: Intake) -> None:
    output = dataset("curated.shop.orders", version=facet(datasetVersion="2"))
    said = {"dataPlatform_event": facet(eventId="event-1")}
    foreign = run_event(run=9, job="spark", inputs=[dataset("x", "s3://a")], outputs=[dataset("y", "s3://a")])
    ours = run_event(run=5, job="curated.shop.orders", outputs=[output], run_facets=said) | {"producer": PRODUCER}
    intake.take(texts(ours, foreign))
    found = trace(ledger, "event-1")
    assert found.kind == "event"
    assert [event.event_id for event in found.events] == ["event-1"]
    assert [(step.table, step.version) for step in found.versions] == [
        ("raw.shop.orders", 3), ("curated.shop.orders", 2), ("served.shop.revenue", 2),
    ]  # fmt: skip
    ((run, written),) = trace(ledger, run_id(9)).foreign
    assert (run.job_name, run.state, [one.name for one in written]) == ("spark", "succeeded", ["y"])


def in_lineage(run: str, job: str, kind: str = "COMPLETE", *, second: int = 0) -> dict[str, Any]:
    """An event of a run of the platform, with the id that the run has in OpenLineage."""
    event = run_event(kind, job=job, at=f"2026-03-01T10:00:{second:02}Z")
    event["run"]["runId"] = RunFacts(run_id=run, namespace="data_platform", job=job, job_type="").uuid
    return event


def told(metastore: Metastore, text: str) -> list[tuple[str | None, str | None]]:
    return [(event.job_name, event.event_type) for event in trace(metastore, text).events]


def test_the_events_of_every_run_in_the_chain_come_with_it(ledger: Metastore, intake: Intake) -> None:
    landed = in_lineage("ingest-2/files/2", "raw.shop.orders", second=1)
    began = in_lineage("run-b", "curated.shop.orders", "START", second=2)
    cleaned = in_lineage("run-b", "curated.shop.orders", second=3)
    served = in_lineage("run-b", "served.shop.revenue", second=4)
    failed = in_lineage("run-c", "served.shop.revenue", "FAIL", second=5)
    other = in_lineage("run-a", "curated.shop.orders", second=6)
    intake.take(texts(served, failed, other, cleaned, landed, began))
    chain = [
        ("raw.shop.orders", "COMPLETE"), ("curated.shop.orders", "START"), ("curated.shop.orders", "COMPLETE"),
        ("served.shop.revenue", "COMPLETE"),
    ]  # fmt: skip
    assert told(ledger, "served.shop.revenue@2") == chain
    assert told(ledger, "files/2") == chain
    assert told(ledger, "run-b") == chain
    assert told(ledger, "run-c") == [("served.shop.revenue", "FAIL")]


@pytest.mark.parametrize("text", ["nothing", "files/99", "served.shop.revenue@99", "@", "a@-1", "", "x/y/z@²"])
def test_an_id_that_nothing_has_is_told_so(ledger: Metastore, text: str) -> None:
    with pytest.raises(UnknownId, match="nothing has the id"):
        trace(ledger, text)
