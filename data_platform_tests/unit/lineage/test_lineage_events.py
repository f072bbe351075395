from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from data_platform.lineage import events
from data_platform.lineage.event_text import to_json
from data_platform.lineage.facts import (
    Assertion,
    ColumnLineage,
    ContractFacts,
    DatasetFacts,
    Edge,
    Field,
    Influence,
    Location,
    ParentRun,
    RunFacts,
    SourceCode,
    SourceColumn,
    Statistics,
    Tag,
)
from data_platform.lineage.outbox import outbox_entry
from data_platform.lineage.own_facets import schema_file
from data_platform_tests.openlineage_check import InvalidEvent, event_check, facet_maps

NOW = datetime(2026, 3, 2, 4, 5, 6, 789000, tzinfo=UTC)
DAY = datetime(2026, 3, 1, tzinfo=UTC)
NAMESPACE = "data-platform://store"

RAW = DatasetFacts(
    name="raw.commerce.orders",
    namespace=NAMESPACE,
    fields=(Field(name="order_id", type="integer"), Field(name="amount", type="decimal(12,2)", description="Gross")),
    version=41,
    owners=("team:commerce",),
    contract=ContractFacts(id="raw.commerce.orders", version="1.0.0", sha256="ab" * 32),
)
ORDERS = DatasetFacts(
    name="curated.commerce.orders",
    namespace=NAMESPACE,
    fields=(Field(name="order_id", type="integer"), Field(name="one", type="integer")),
    version=7,
    owners=("team:commerce",),
    contract=ContractFacts(id="curated.commerce.orders", version="1.2.0", sha256="cd" * 32),
    assertions=(
        Assertion(rule="order_id_not_null", success=True, column="order_id", severity="quarantine"),
        Assertion(rule="row_count", success=False),
    ),
    documentation="Orders as they stand.",
    tags=(Tag(key="sales"), Tag(key="classification", value="internal", column="order_id")),
    statistics=Statistics(rows=100, size_bytes=2**33, files=2),
    total=Statistics(rows=250, size_bytes=2**34, files=5, null_counts=(("order_id", 0),)),
    lifecycle="OVERWRITE",
    location=Location(store="s3://lake/shop", namespace="s3://lake", name="shop/tables/curated/commerce/orders"),
    storage=("delta", "parquet"),
    column_lineage=ColumnLineage(
        edges={
            "order_id": frozenset({Edge(SourceColumn("raw.commerce.orders", "order_id"), Influence.IDENTITY)}),
            "one": frozenset(),
        },
        rows=frozenset(
            {
                Edge(SourceColumn("raw.commerce.orders", "order_id"), Influence.GROUP_BY),
                Edge(SourceColumn("orders", "amount", "kafka://broker:9092"), Influence.FILTER),
            }
        ),
    ),
)
RUN = RunFacts(
    run_id="0a4fdc0e-6c5b-4a86-b0a4-8c6c3b8ed5f1",
    namespace=NAMESPACE,
    job="curated/commerce/orders",
    job_type="admit",
    nominal_start=DAY,
    nominal_end=DAY + timedelta(days=1),
    engine_version="2.0.0",
    sql="SELECT order_id, 1 AS one FROM raw.commerce.orders",
    owners=("team:commerce",),
    documentation="Makes the orders.",
    source_code=SourceCode(
        url="https://example.com/shop/blob/abc/orders.sql",
        path="orders.sql",
        repository="https://example.com/shop.git",
        version="abc",
        branch="main",
    ),
    parent=ParentRun(run_id="1b4fdc0e-6c5b-4a86-b0a4-8c6c3b8ed5f1", namespace="dagster", job="daily"),
)
SMALL_RUN = RunFacts(run_id="manual", namespace=NAMESPACE, job="served/commerce/daily", job_type="table")
EVENTS: dict[str, Any] = {
    "a start": events.start(RUN, at=NOW, inputs=[RAW]),
    "a completion": events.complete(RUN, at=NOW, inputs=[RAW], outputs=[ORDERS]),
    "a failure": events.fail(RUN, at=NOW, inputs=[RAW], error="PublishBlocked: order_id_not_null"),
    "an end by somebody's hand": events.abort(RUN, at=NOW, inputs=[RAW], error="KeyboardInterrupt"),
    "a dataset that never ran": events.dataset_event(ORDERS, at=NOW),
    "a job that never ran": events.job_event(RUN, at=NOW, inputs=[RAW], outputs=[ORDERS]),
    "a start without anything": events.start(SMALL_RUN, at=NOW),
    "a completion without facts": events.complete(
        SMALL_RUN, at=NOW, outputs=[DatasetFacts(name="served.commerce.daily", namespace=NAMESPACE)]
    ),
}


def parsed(event: Any) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(to_json(event))
    return value


@pytest.mark.parametrize("name", EVENTS)
def test_events_and_each_of_their_facets_are_valid_against_the_published_schemas(name: str) -> None:
    event_check().check(parsed(EVENTS[name]))


def test_a_broken_facet_does_not_pass_the_validation_used_here() -> None:
    check = event_check()
    event = parsed(EVENTS["a completion"])
    event["outputs"][0]["facets"]["dataPlatform_contract"]["contractSha256"] = "no digest"
    with pytest.raises(InvalidEvent, match="contractSha256"):
        check.check(event)


def test_a_facet_under_a_wrong_name_does_not_pass_the_validation_used_here() -> None:
    check = event_check()
    event = parsed(EVENTS["a completion"])
    facets = event["outputs"][0]["facets"]
    facets["schemata"] = facets.pop("schema")
    with pytest.raises(InvalidEvent, match="schemata"):
        check.check(event)


def test_the_platforms_own_facets_name_schemas_that_are_in_the_package() -> None:
    event = parsed(EVENTS["a completion"])
    own = [f for facets in facet_maps(event) for key, f in facets.items() if key.startswith("dataPlatform_")]
    assert len(own) == 3  # the event, the contract of the input and that of the output
    for facet in own:
        document, _, pointer = facet["_schemaURL"].partition("#/$defs/")
        file = schema_file(facet["_schemaURL"])
        assert file is not None
        schema = json.loads(file.read_text())
        assert schema["$id"] == document
        assert pointer in schema["$defs"]
    assert schema_file("https://openlineage.io/spec/facets/1-2-0/SchemaDatasetFacet.json") is None
    assert schema_file("https://github.com/data-platform/data-platform/schemas/1-0-0/../facts.py") is None


def test_every_event_carries_its_own_id() -> None:
    for name, event_type in (("a start", "START"), ("a completion", "COMPLETE"), ("a failure", "FAIL")):
        assert parsed(EVENTS[name])["run"]["facets"]["dataPlatform_event"]["eventId"] == RUN.event_id(event_type)
    alone = parsed(EVENTS["a dataset that never ran"])["dataset"]["facets"]["dataPlatform_event"]["eventId"]
    assert alone == events.dataset_event_id(ORDERS)


def test_an_abort_tells_why_and_names_no_outputs() -> None:
    event = parsed(EVENTS["an end by somebody's hand"])
    assert (event["eventType"], event["outputs"]) == ("ABORT", [])
    assert event["run"]["facets"]["errorMessage"]["message"] == "KeyboardInterrupt"


def test_column_lineage_tells_direct_from_indirect_and_what_bears_on_every_row() -> None:
    facet = parsed(EVENTS["a completion"])["outputs"][0]["facets"]["columnLineage"]
    assert facet["fields"]["order_id"]["inputFields"] == [
        {
            "namespace": NAMESPACE,
            "name": "raw.commerce.orders",
            "field": "order_id",
            "transformations": [{"type": "DIRECT", "subtype": "IDENTITY"}],
        }
    ]
    assert [(f["namespace"], f["field"], f["transformations"]) for f in facet["dataset"]] == [
        ("kafka://broker:9092", "amount", [{"type": "INDIRECT", "subtype": "FILTER"}]),
        (NAMESPACE, "order_id", [{"type": "INDIRECT", "subtype": "GROUP_BY"}]),
    ]


def test_an_output_names_place_words_metrics_and_what_became_of_it() -> None:
    facets = parsed(EVENTS["a completion"])["outputs"][0]["facets"]
    assert facets["storage"]["storageLayer"] == "delta"
    assert facets["catalog"]["warehouseUri"] == facets["dataSource"]["uri"] == "s3://lake/shop"
    (same,) = facets["symlinks"]["identifiers"]
    assert (same["namespace"], same["name"]) == ("s3://lake", "shop/tables/curated/commerce/orders")
    assert facets["documentation"]["description"] == "Orders as they stand."
    assert [(t["key"], t["value"], t.get("field")) for t in facets["tags"]["tags"]] == [
        ("sales", "true", None),
        ("classification", "internal", "order_id"),
    ]
    assert facets["lifecycleStateChange"]["lifecycleStateChange"] == "OVERWRITE"
    metrics = facets["dataQualityMetrics"]
    assert (metrics["rowCount"], metrics["fileCount"]) == (250, 5)
    assert metrics["columnMetrics"]["order_id"]["nullCount"] == 0


def test_a_start_and_a_failure_name_no_outputs() -> None:
    assert parsed(EVENTS["a start"])["outputs"] == []
    assert parsed(EVENTS["a failure"])["outputs"] == []


def test_a_completion_names_versions_statistics_verdicts_contract_and_columns() -> None:
    event = parsed(EVENTS["a completion"])
    (output,) = event["outputs"]
    facets = output["facets"]
    assert (output["namespace"], output["name"]) == (NAMESPACE, "curated.commerce.orders")
    assert facets["version"]["datasetVersion"] == "7"
    assert event["inputs"][0]["facets"]["version"]["datasetVersion"] == "41"
    assert [(f["name"], f["type"], f["ordinal_position"]) for f in facets["schema"]["fields"]] == [
        ("order_id", "integer", 1),
        ("one", "integer", 2),
    ]
    statistics = output["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["size"], statistics["fileCount"]) == (100, 8589934592, 2)
    verdicts = [(a["assertion"], a["success"], a.get("column")) for a in facets["dataQualityAssertions"]["assertions"]]
    assert verdicts == [("order_id_not_null", True, "order_id"), ("row_count", False, None)]
    contract = facets["dataPlatform_contract"]
    assert (contract["contractId"], contract["contractVersion"]) == ("curated.commerce.orders", "1.2.0")
    assert contract["contractSha256"] == "cd" * 32
    assert list(facets["columnLineage"]["fields"]) == ["one", "order_id"]
    assert facets["columnLineage"]["fields"]["one"]["inputFields"] == []
    (source,) = facets["columnLineage"]["fields"]["order_id"]["inputFields"]
    assert (source["namespace"], source["name"], source["field"]) == (NAMESPACE, "raw.commerce.orders", "order_id")


def test_an_event_names_its_range_engine_select_owner_and_parent() -> None:
    event = parsed(EVENTS["a start"])
    run, job = event["run"]["facets"], event["job"]["facets"]
    assert event["eventTime"] == "2026-03-02T04:05:06.789000Z"
    assert run["nominalTime"]["nominalStartTime"] == "2026-03-01T00:00:00.000000Z"
    assert run["nominalTime"]["nominalEndTime"] == "2026-03-02T00:00:00.000000Z"
    assert (run["processing_engine"]["name"], run["processing_engine"]["version"]) == ("duckdb", "2.0.0")
    assert run["parent"]["run"]["runId"] == "1b4fdc0e-6c5b-4a86-b0a4-8c6c3b8ed5f1"
    assert job["sql"]["query"] == RUN.sql
    assert job["ownership"]["owners"][0]["name"] == "team:commerce"
    assert (job["jobType"]["processingType"], job["jobType"]["jobType"]) == ("BATCH", "ADMIT")


def test_a_failure_tells_the_error_and_keeps_the_other_facets() -> None:
    facets = parsed(EVENTS["a failure"])["run"]["facets"]
    assert facets["errorMessage"]["message"] == "PublishBlocked: order_id_not_null"
    assert "nominalTime" in facets


def test_every_producer_in_an_event_is_the_platform() -> None:
    event = parsed(EVENTS["a completion"])
    producers = {facet["_producer"] for facet_map in facet_maps(event) for facet in facet_map.values()}
    assert producers | {event["producer"]} == {"https://github.com/data-platform/data-platform"}


def test_the_same_facts_at_the_same_moment_are_the_same_text() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5)))
    again = events.complete(RUN, at=elsewhere, inputs=[RAW], outputs=[ORDERS])
    assert to_json(again) == to_json(EVENTS["a completion"])


def test_a_run_over_two_datasets_is_two_runs_for_openlineage() -> None:
    other = RunFacts(run_id=RUN.run_id, namespace=NAMESPACE, job="served/commerce/daily", job_type="table")
    assert UUID(RUN.uuid).version == 5
    assert RUN.uuid != other.uuid
    assert parsed(EVENTS["a start"])["run"]["runId"] == parsed(EVENTS["a completion"])["run"]["runId"] == RUN.uuid


def test_an_outbox_line_is_the_same_for_the_same_event_and_another_for_each_type() -> None:
    entries = [outbox_entry(RUN, EVENTS[name], at=NOW) for name in ("a start", "a completion", "a failure")]
    assert len({entry.event_id for entry in entries}) == 3
    assert entries[0] == outbox_entry(RUN, events.start(RUN, at=NOW, inputs=[RAW]), at=NOW)
    assert entries[0].run_id == RUN.run_id
    assert json.loads(entries[1].payload)["eventType"] == "COMPLETE"


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        events.start(RUN, at=datetime(2026, 3, 1))


def test_the_facts_load_neither_openlineage_nor_sqlglot() -> None:
    code = "import sys, data_platform.lineage.facts; print([n for n in ('openlineage', 'sqlglot') if n in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
