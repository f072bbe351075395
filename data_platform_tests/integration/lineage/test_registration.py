"""What is told of contracts, queries and connectors that need not run: each change once, whoever has to hear it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from starlette.testclient import TestClient

import data_platform
from data_platform.catalog.coverage import column_coverage
from data_platform.contracts.domains import discover
from data_platform.contracts.model import DatasetName
from data_platform.lineage.project_lineage import ProjectLineage
from data_platform.metastore.catalog_reads import DatasetLine
from data_platform.serving.app import platform_app
from data_platform.settings import load_settings
from data_platform.wiring.platform import open_platform
from data_platform_tests.coverage_oracle import coverage
from data_platform_tests.kit import Kit

ORDERS = ("order_id string key", "amount int")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Kit]:
    kit = Kit(tmp_path)
    kit.raw("orders", ORDERS)
    totals(kit, "SELECT CAST(sum(amount) AS BIGINT) AS total FROM raw.shop.orders")
    yield kit
    kit.close()


def totals(kit: Kit, sql: str) -> None:
    kit.served("totals", ["total int"], sql, materialization="table")


def tell(kit: Kit) -> int:
    """How many events were told; they are delivered."""
    kit.clock.advance(timedelta(seconds=1))
    told = kit.platform.registration.tell()
    kit.platform.delivery.once()
    return told


def subjects(kit: Kit, after: int = 0) -> list[str]:
    entries = kit.platform.metastore.outbox.after(after, limit=1_000)
    found = [json.loads(entry.payload) for entry in entries]
    return [f"job {e['job']['name']}" if "job" in e else f"dataset {e['dataset']['name']}" for e in found]


def newest(kit: Kit) -> int:
    return kit.platform.metastore.outbox.newest()


def the(kit: Kit, name: str) -> DatasetLine:
    found = kit.platform.metastore.catalog.reads.dataset("data_platform", name=name)
    assert found is not None
    return found


def columns(kit: Kit, name: str) -> list[str]:
    reads = kit.platform.metastore.catalog.reads
    one = the(kit, name).id
    return [column.name for column in reads.columns(one)]


def inputs(kit: Kit, name: str) -> set[tuple[str, str]]:
    store = kit.platform.metastore.catalog
    edges = store.graph.edges([the(kit, name).id], direction="up")
    lines = store.reads.datasets([source for source, _, _ in edges]).values()
    return {(line.namespace, line.name) for line in lines}


def test_a_project_is_told_once_whatever_process_asks(shop: Kit) -> None:
    assert tell(shop) == 4
    assert tell(shop) == 0
    shop.reopen()
    assert tell(shop) == 0
    assert subjects(shop) == [
        "dataset raw.shop.orders",
        "job raw.shop.orders",
        "dataset served.shop.totals",
        "job served.shop.totals",
    ]


def test_a_connector_that_reads_elsewhere_is_told_though_no_contract_changed(shop: Kit) -> None:
    tell(shop)
    before = newest(shop)
    assert inputs(shop, "raw.shop.orders") == {("file", "orders")}
    shop.raw("orders", ORDERS, connector={"path": "moved/*.csv"})
    assert tell(shop) == 2
    assert subjects(shop, before) == ["dataset raw.shop.orders", "job raw.shop.orders"]
    assert inputs(shop, "raw.shop.orders") == {("file", "moved")}


def test_what_follows_from_the_contract_of_an_input_is_told_of_the_output(shop: Kit) -> None:
    totals(shop, "SELECT * FROM raw.shop.orders")
    tell(shop)
    before = newest(shop)
    shop.raw("orders", (*ORDERS, "total int"))
    tell(shop)
    assert "dataset served.shop.totals" in subjects(shop, before)


def test_a_return_to_an_earlier_state_is_news(shop: Kit) -> None:
    tell(shop)
    shop.raw("orders", (*ORDERS, "note string"))
    assert tell(shop) > 0
    assert columns(shop, "raw.shop.orders") == ["order_id", "amount", "note"]
    shop.raw("orders", ORDERS)
    assert tell(shop) > 0
    assert columns(shop, "raw.shop.orders") == ["order_id", "amount"]


def test_a_metastore_that_is_new_is_told_everything(shop: Kit, tmp_path: Path) -> None:
    tell(shop)
    shop.close()
    shop.settings["metastore_url"] = f"sqlite:///{tmp_path}/elsewhere.db"
    assert tell(shop) == 4
    assert the(shop, "served.shop.totals").contract_id == "served.shop.totals"


def test_a_sink_that_is_added_hears_what_is_forgotten_once_and_the_others_nothing_new(
    shop: Kit, tmp_path: Path
) -> None:
    tell(shop)
    metastore = shop.platform.metastore
    shop.clock.advance(timedelta(days=1))
    assert metastore.prune(shop.clock.now())["outbox"] == 4
    shop.close()
    file = tmp_path / "added.ndjson"
    shop.settings["lineage"] = f"catalog,{file.as_uri()}"
    tell(shop)  # finds the sink to be new
    assert tell(shop) == 4
    assert tell(shop) == 0
    told = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(told) == 4
    with shop.platform.metastore.transaction() as tx:
        rows = tx.connection.exec_driver_sql("SELECT event_id FROM catalog_events").all()
    ids = {
        event["dataset" if "dataset" in event else "job"]["facets"]["dataPlatform_event"]["eventId"] for event in told
    }
    assert {row[0] for row in rows} == ids


def test_the_first_sinks_of_all_are_not_told_twice(shop: Kit) -> None:
    assert [tell(shop) for _ in range(3)] == [4, 0, 0]


def deprecate(kit: Kit, name: str, **says: Any) -> None:
    layer, dataset = name.split(".")
    kit.raw(dataset, ORDERS, deprecation=says)
    file = kit.folder / "domains" / "shop" / layer / f"{dataset}.odcs.yaml"
    file.write_text(file.read_text().replace("status: active", "status: deprecated"))


def test_an_end_and_what_comes_instead_stand_on_the_card_and_on_the_page(shop: Kit) -> None:
    shop.raw("orders_v2", ORDERS)
    deprecate(shop, "raw.orders", sunset="2027-06-30", replacement="raw.shop.orders_v2", note="moved")
    tell(shop)
    line = the(shop, "raw.shop.orders")
    assert (line.status, line.sunset) == ("deprecated", "2027-06-30")
    (facet,) = [one for one in events_of(shop) if one["sunset"]]
    assert (facet["sunset"], facet["replacement"]) == ("2027-06-30", "raw.shop.orders_v2")
    with TestClient(platform_app(shop.platform), base_url="http://localhost") as client:
        page = client.get("/datasets/raw.shop.orders").text
        home = client.get("/").text
    assert "goes on 2027-06-30; use raw.shop.orders_v2" in " ".join(page.split())
    assert "goes on 2027-06-30" in home


def events_of(kit: Kit) -> list[dict[str, Any]]:
    entries = kit.platform.metastore.outbox.after(0, limit=1_000)
    facets = [json.loads(entry.payload).get("dataset", {}).get("facets", {}) for entry in entries]
    found = [one["dataPlatform_contract"] for one in facets if "dataPlatform_contract" in one]
    return [{"sunset": None, "replacement": None, **one} for one in found]


@pytest.mark.parametrize("sql", [None, "SELECT COLUMNS('.*') FROM raw.commerce.orders"], ids=["as it is", "broken"])
def test_the_catalog_traces_the_columns_that_contracts_and_queries_trace(tmp_path: Path, sql: str | None) -> None:
    project = discover([Path(data_platform.__file__).parent / "domains"])
    if sql is not None:
        name = DatasetName.parse("curated.commerce.orders")
        broken = {**project.datasets, name: replace(project.datasets[name], sql_text=sql)}
        project = replace(project, datasets=MappingProxyType(broken))
    with open_platform(load_settings(home=tmp_path, lineage="catalog"), project=project) as platform:
        platform.registration.tell()
        platform.delivery.drain()
        found = column_coverage(platform.metastore.catalog)
    expected = coverage(ProjectLineage(project))
    assert {one.domain: (one.columns, sorted(one.untraced)) for one in found} == {
        one.domain: (one.columns, sorted(one.unresolved)) for one in expected
    }
    assert all(bool(one.untraced) is bool(sql) for one in found)
