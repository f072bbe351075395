"""What real runs say of themselves in the outbox. That every event is valid is held by the kit when it closes."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from data_platform.cli.query import OperatorNote, leave_line, parse
from data_platform.cli.reading import relations_of
from data_platform.publication.publish import Publisher
from data_platform_tests.kit import Kit, at, csv_text, dataset

COLUMNS = ["order_id", "amount", "note", "at"]
SECRET = "SECRET-4711"


@pytest.fixture
def shop(kit: Kit) -> Kit:
    kit.raw("orders", ["order_id string key", "amount int", "note string internal", "at timestamp"], watermark="at")
    kit.curated(
        "orders",
        ["order_id string key", "amount int min=0", "at timestamp", "day date partition"],
        "SELECT order_id, amount, at, CAST(at AT TIME ZONE 'UTC' AS DATE) AS day FROM raw.shop.orders",
        materialization="admit",
        dedupe_key=["order_id"],
        tier="gold",
    )
    kit.served(
        "daily",
        ["day date key", "total int", "orders int"],
        "SELECT day, CAST(sum(amount) AS BIGINT) AS total, count(*) AS orders FROM curated.shop.orders GROUP BY day",
        materialization="table",
    )
    rows = [["a", 1, SECRET, at("2026-03-01")], ["b", 5, "", at("2026-03-02")], ["c", -3, "", at("2026-03-02")]]
    kit.drop("orders/a.csv", csv_text(COLUMNS, rows))
    return kit


def events(kit: Kit) -> list[dict[str, Any]]:
    return [json.loads(entry.payload) for entry in kit.platform.metastore.outbox.after(0, limit=1_000)]


def told(kit: Kit) -> list[tuple[str, str]]:
    return [(e["eventType"], e["job"]["name"]) for e in events(kit) if "run" in e]


def last(kit: Kit, kind: str, job: str) -> dict[str, Any]:
    return [e for e in events(kit) if e.get("eventType") == kind and e["job"]["name"] == job][-1]


def test_a_batch_is_a_run_from_its_source_to_raw(shop: Kit) -> None:
    shop.ingest("orders")
    assert told(shop) == [("START", "raw.shop.orders"), ("COMPLETE", "raw.shop.orders")]
    start, complete = events(shop)
    assert start["outputs"] == []
    assert start["run"]["runId"] == complete["run"]["runId"]
    (source,), (raw,) = complete["inputs"], complete["outputs"]
    assert (source["namespace"], source["name"]) == ("file", "orders")
    assert [field["name"] for field in source["facets"]["schema"]["fields"]] == COLUMNS
    fields = raw["facets"]["columnLineage"]["fields"]
    assert {
        name: [(f["namespace"], f["name"], f["field"]) for f in said["inputFields"]] for name, said in fields.items()
    } == {name: [("file", "orders", name)] for name in COLUMNS}
    assert raw["outputFacets"]["outputStatistics"]["rowCount"] == 3
    assert raw["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "CREATE"
    assert {"key": "classification", "value": "internal", "source": "CONTRACT", "field": "note"}.items() <= {
        k: v for tag in raw["facets"]["tags"]["tags"] if tag.get("field") == "note" for k, v in tag.items()
    }.items()


def test_a_step_names_versions_sizes_range_and_what_became_of_its_output(shop: Kit) -> None:
    shop.ingest("orders")
    shop.materialize("curated.orders", "2026-03-01", "2026-03-02")
    shop.materialize("served.daily")
    shop.materialize("served.daily")
    admitted = last(shop, "COMPLETE", "curated.shop.orders")
    assert admitted["run"]["facets"]["nominalTime"]["nominalStartTime"] == "2026-03-01T00:00:00.000000Z"
    assert admitted["run"]["facets"]["nominalTime"]["nominalEndTime"] == "2026-03-03T00:00:00.000000Z"
    (raw,), (curated,) = admitted["inputs"], admitted["outputs"]
    assert raw["facets"]["version"]["datasetVersion"] == "1"
    assert raw["inputFacets"]["inputStatistics"]["rowCount"] == 3
    assert curated["facets"]["dataQualityMetrics"]["rowCount"] == 2  # one is quarantined
    assert curated["facets"]["dataQualityMetrics"]["columnMetrics"]["amount"]["nullCount"] == 0
    assert {"key": "tier", "value": "gold", "source": "CONTRACT"} in curated["facets"]["tags"]["tags"]
    again = last(shop, "COMPLETE", "served.shop.daily")["outputs"][0]["facets"]
    assert again["lifecycleStateChange"]["lifecycleStateChange"] == "OVERWRITE"
    assert again["version"]["datasetVersion"] == "2"
    code = last(shop, "START", "served.shop.daily")["job"]["facets"]["sourceCodeLocation"]
    assert (code["type"], code["path"]) == ("file", "shop/served/daily.sql")
    assert str(shop.folder) not in json.dumps(code)


def test_a_start_names_its_inputs_and_no_output(shop: Kit) -> None:
    shop.ingest("orders")
    shop.materialize("curated.orders", "2026-03-01", "2026-03-02")
    start = last(shop, "START", "curated.shop.orders")
    assert [(i["namespace"], i["name"]) for i in start["inputs"]] == [("data_platform", "raw.shop.orders")]
    assert start["outputs"] == []


def test_an_error_of_the_engine_leaves_no_value_of_the_data_in_any_event(shop: Kit) -> None:
    shop.served(
        "broken",
        ["note int"],
        "SELECT CAST(note AS INTEGER) AS note FROM raw.shop.orders",
        materialization="table",
    )
    shop.ingest("orders")
    with pytest.raises(Exception, match=SECRET):
        shop.materialize("served.broken")
    failed = last(shop, "FAIL", "served.shop.broken")
    assert failed["outputs"] == []
    assert failed["run"]["facets"]["errorMessage"]["message"] == "ConversionException"
    assert all(SECRET not in json.dumps(event) for event in events(shop))
    error = shop.platform.metastore.runs.recent(limit=1)[0].error
    assert error == "ConversionException: a value of column note; its text may hold data and is not kept"


def test_a_blocked_publish_tells_its_first_line(shop: Kit) -> None:
    rule = {"type": "library", "name": "many", "metric": "rowCount", "mustBeGreaterThan": 100, "severity": "error"}
    shop.served(
        "daily",
        ["day date key"],
        "SELECT DISTINCT day FROM curated.shop.orders",
        materialization="table",
        quality=[rule],
    )
    shop.ingest("orders")
    shop.materialize("curated.orders", "2026-03-01", "2026-03-02")
    with pytest.raises(Exception, match="nothing was published"):
        shop.materialize("served.daily")
    message = last(shop, "FAIL", "served.shop.daily")["run"]["facets"]["errorMessage"]["message"]
    assert message.startswith("PublishBlocked: served.shop.daily: 1 blocking checks did not pass")


class Stopped(Publisher):
    """A publisher at whose moment somebody stops the process."""

    def publish(self, *_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt


def test_a_run_that_somebody_stops_is_aborted(shop: Kit) -> None:
    shop.ingest("orders")
    platform = shop.platform
    stopped = Stopped(recorder=platform.recorder, clock=platform.clock)
    platform.__dict__["materializer"] = replace(platform.materializer, publisher=stopped)
    with pytest.raises(KeyboardInterrupt):
        shop.materialize("curated.orders", "2026-03-01", "2026-03-02")
    aborted = last(shop, "ABORT", "curated.shop.orders")
    assert aborted["run"]["facets"]["errorMessage"]["message"] == "KeyboardInterrupt"
    assert aborted["outputs"] == []


@pytest.mark.parametrize(
    ("error", "kind"), [(None, "COMPLETE"), (ValueError(SECRET), "FAIL"), (KeyboardInterrupt(), "ABORT")]
)
def test_what_was_started_is_the_parent_and_has_its_own_beginning_and_end(
    shop: Kit, error: BaseException | None, kind: str
) -> None:
    run = shop.platform.run(job="nightly")

    expected = pytest.raises(type(error)) if error is not None else nullcontext()
    with expected, shop.platform.recorder.launch(run):
        shop.platform.ingester.ingest(shop.entry("orders"), run)
        if error is not None:
            raise error
    assert told(shop) == [
        ("START", "nightly"),
        ("START", "raw.shop.orders"),
        ("COMPLETE", "raw.shop.orders"),
        (kind, "nightly"),
    ]
    ends = last(shop, kind, "nightly")
    parent = last(shop, "COMPLETE", "raw.shop.orders")["run"]["facets"]["parent"]
    assert parent["run"]["runId"] == ends["run"]["runId"] == run.id
    assert parent["job"] == {"facets": {}, "namespace": "data_platform", "name": "nightly"}
    assert SECRET not in json.dumps(ends)


def test_columns_that_a_minor_version_adds_are_told(shop: Kit) -> None:
    shop.ingest("orders")
    shop.materialize("curated.orders", "2026-03-01", "2026-03-02")
    shop.materialize("served.daily")
    shop.served(
        "daily",
        ["day date key", "total int", "orders int", "most int"],
        "SELECT day, CAST(sum(amount) AS BIGINT) AS total, count(*) AS orders, max(amount) AS most "
        "FROM curated.shop.orders GROUP BY day",
        materialization="table",
        version="1.1.0",
    )
    shop.materialize("served.daily")
    (altered,) = [e["dataset"] for e in events(shop) if "dataset" in e]
    assert altered["name"] == "served.shop.daily"
    assert altered["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "ALTER"
    assert [f["name"] for f in altered["facets"]["schema"]["fields"]] == ["day", "total", "orders", "most"]


def test_contracts_that_never_ran_are_told_once_for_each_of_their_states(shop: Kit) -> None:
    register = shop.platform.recorder.register
    assert (register(), register()) == (6, 0)  # three datasets, three jobs: one ingests, two select
    once = events(shop)
    assert len(once) == 6
    jobs = {e["job"]["name"]: e for e in once if "job" in e}
    assert [i["name"] for i in jobs["served.shop.daily"]["inputs"]] == ["curated.shop.orders"]
    assert [(i["namespace"], i["name"]) for i in jobs["raw.shop.orders"]["inputs"]] == [("file", "orders")]
    datasets = {e["dataset"]["name"]: e["dataset"]["facets"] for e in once if "dataset" in e}
    assert set(datasets["served.shop.daily"]["columnLineage"]["fields"]) == {"day", "orders", "total"}
    shop.served("daily", ["day date key"], "SELECT DISTINCT day FROM curated.shop.orders", materialization="table")
    shop.platform.recorder.register()
    assert len(events(shop)) == 8


def test_a_batch_that_cannot_be_committed_is_told(shop: Kit) -> None:
    class Broken(type(shop.platform.engine)):  # type: ignore[misc]
        def session(self, *_: Any, **__: Any) -> Any:
            raise MemoryError(SECRET)

    platform = shop.platform
    committer = replace(platform.ingester.committer, engine=object.__new__(Broken))
    platform.__dict__["ingester"] = replace(platform.ingester, committer=committer)
    with pytest.raises(MemoryError):
        shop.ingest("orders")
    assert told(shop) == [("START", "raw.shop.orders"), ("FAIL", "raw.shop.orders")]
    failed = last(shop, "FAIL", "raw.shop.orders")
    assert failed["run"]["facets"]["errorMessage"]["message"] == "MemoryError"
    assert [i["name"] for i in failed["inputs"]] == ["orders"]


def test_an_operators_read_names_the_tables_and_no_value_that_was_looked_for(shop: Kit) -> None:
    shop.ingest("orders")
    parsed = parse(f"SELECT count(*) AS n FROM raw.shop.orders WHERE note = '{SECRET}' AND amount = 471108")
    leave_line(shop.platform, parsed, relations_of(shop.platform, parsed, None), OperatorNote("said", 1))
    read = last(shop, "COMPLETE", "query")
    assert [(i["name"], i["facets"]["version"]["datasetVersion"]) for i in read["inputs"]] == [("raw.shop.orders", "1")]
    assert (read["outputs"], read["job"]["facets"]["jobType"]["jobType"]) == ([], "QUERY")
    assert SECRET not in json.dumps(read)
    assert "471108" not in json.dumps(read)
    (line,) = shop.platform.metastore.operator_log.recent()
    assert line.tables == {"raw.shop.orders": 1}


def test_the_warehouse_file_declares_that_it_copies(shop: Kit) -> None:
    shop.ingest("orders")
    shop.materialize("curated.orders", "2026-03-01", "2026-03-02")
    shop.materialize("served.daily")
    platform = shop.platform
    built = platform.warehouse.build([platform.project.dataset(dataset("served.daily")).contract])
    platform.recorder.exported(platform.run(job="nightly"), built.versions, built.rows)
    complete = last(shop, "COMPLETE", "warehouse.served")
    (table,) = complete["outputs"]
    assert [i["name"] for i in complete["inputs"]] == ["served.shop.daily"]
    assert (table["name"], table["outputFacets"]["outputStatistics"]["rowCount"]) == ("warehouse.shop.daily", 2)
    total = table["facets"]["columnLineage"]["fields"]["total"]["inputFields"]
    assert [(f["name"], f["field"], f["transformations"][0]["subtype"]) for f in total] == [
        ("served.shop.daily", "total", "IDENTITY")
    ]
