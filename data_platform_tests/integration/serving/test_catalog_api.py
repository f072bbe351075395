"""The catalog over HTTP."""

from __future__ import annotations

import gzip
import json
from typing import Any

import click
import pytest

from data_platform.cli.commands.catalog import lineage
from data_platform_tests.integration.serving.conftest import Shop

EVENT: dict[str, Any] = {
    "eventType": "COMPLETE",
    "eventTime": "2026-03-20T12:00:00Z",
    "producer": "https://example.com/spark",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    "run": {"runId": "01938a6c-2a4c-7000-8000-000000000001"},
    "job": {"namespace": "spark", "name": "export"},
    "inputs": [{"namespace": "data_platform", "name": "served.shop.totals"}],
    "outputs": [{"namespace": "s3://lake", "name": "exports/totals"}],
}


def event(number: int, **changed: Any) -> dict[str, Any]:
    run = {"runId": f"01938a6c-2a4c-7000-8000-{number:012}"}
    return {**EVENT, "run": run, **changed}


def test_a_dataset_is_told_with_its_columns_and_where_they_come_from(shop: Shop) -> None:
    found = shop.get("/catalog/datasets/served.shop.totals").json()
    assert (found["name"], found["owners"]) == ("served.shop.totals", ["Shop"])
    assert [column["name"] for column in found["columns"]] == ["day", "revenue"]
    direct = [s for s in found["sources"]["revenue"] if s["kind"] == "direct"]
    assert [(s["dataset"], s["column"]) for s in direct] == [("curated.shop.orders", "amount")]


def test_search_finds_a_dataset_by_a_column(shop: Shop) -> None:
    assert [hit["key"] for hit in shop.get("/catalog/search", q="column:revenue").json()["items"]] == [
        "served.shop.totals",
        "warehouse.shop.totals",
    ]


def test_lineage_leads_from_the_served_column_to_the_raw_one(shop: Shop) -> None:
    found = shop.get("/catalog/lineage/served.shop.totals", column="revenue", direction="up", depth=2).json()
    ends = {(e["source"]["dataset"], e["source"]["column"]) for e in found["edges"] if e["kind"] == "direct"}
    assert {("curated.shop.orders", "amount"), ("raw.shop.orders", "amount")} <= ends


def test_impact_names_everything_downstream_with_its_owner(shop: Shop) -> None:
    found = shop.get("/catalog/impact/raw.shop.orders", column="amount").json()
    hits = {hit["key"]: hit for hit in found["items"]}
    assert {"curated.shop.orders", "served.shop.totals"} <= hits.keys()
    assert "revenue" in hits["served.shop.totals"]["columns"]
    assert hits["served.shop.totals"]["kind"] == "rows"  # orders with a negative amount are set aside
    assert hits["served.shop.totals"]["computed"] == ["revenue"]
    assert found["owners"] == ["Shop"]


def test_pages_follow_each_other_without_gap_or_repeat(shop: Shop) -> None:
    whole = [item["key"] for item in shop.get("/catalog/datasets", limit=200).json()["items"]]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = shop.get("/catalog/datasets", **query).json()
        seen += [item["key"] for item in page["items"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert seen == whole
    assert len(whole) == len(set(whole)) > 2


def test_as_many_steps_may_be_asked_for_as_at_the_command_line(shop: Shop) -> None:
    (asked,) = (one for one in lineage.params if one.name == "depth")
    assert isinstance(asked.type, click.IntRange)
    address = "/api/v1/catalog/lineage/{key}"
    told = shop.client.get("/api/v1/openapi.json").json()["paths"][address]["get"]["parameters"]
    (depth,) = (one["schema"] for one in told if one["name"] == "depth")
    assert (depth["minimum"], depth["maximum"]) == (asked.type.min, asked.type.max)


def test_what_was_not_changed_is_not_sent_again(shop: Shop) -> None:
    first = shop.get("/catalog/datasets/served.shop.totals")
    again = shop.client.get(
        "/api/v1/catalog/datasets/served.shop.totals", headers={"if-none-match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


def test_an_unknown_dataset_is_a_problem_that_says_what_comes_near(shop: Shop) -> None:
    answer = shop.get("/catalog/datasets/served.shop.total")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "served.shop.totals" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/catalog/datasets", "/catalog/search?q=a"])
def test_a_cursor_that_no_page_gave_is_refused(shop: Shop, path: str) -> None:
    joint = "&" if "?" in path else "?"
    assert shop.client.get(f"/api/v1{path}{joint}cursor=nonsense").status_code == 400


def test_a_request_for_another_host_is_refused(shop: Shop) -> None:
    assert shop.client.get("/", headers={"host": "evil.example"}).status_code == 400


def test_an_event_is_taken_once_and_its_datasets_are_known(shop: Shop) -> None:
    first = shop.client.post("/api/v1/lineage", json=event(1))
    again = shop.client.post("/api/v1/lineage", json=event(1))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["eventId"] == again.json()["eventId"]
    assert again.json()["isRepeat"] is True
    hits = shop.get("/catalog/impact/served.shop.totals").json()["items"]
    assert "s3://lake/exports/totals" in [hit["key"] for hit in hits]


def test_a_packed_event_is_taken(shop: Shop) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    packed = gzip.compress(json.dumps(event(2)).encode())
    assert shop.client.post("/api/v1/lineage", content=packed, headers=headers).status_code == 201


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        (json.dumps({k: v for k, v in EVENT.items() if k != "eventTime"}), "/eventTime"),
        (json.dumps({**EVENT, "eventTime": "yesterday"}), "/eventTime"),
        (json.dumps({**EVENT, "run": {"runId": 7}}), "/run/runId"),
        ("{", ""),
        ("[]", ""),
    ],
)
def test_a_bad_event_is_refused_with_its_place_and_kept(shop: Shop, content: str, pointer: str) -> None:
    before = shop.kit.platform.metastore.catalog.events.counts()[1]
    answer = shop.client.post("/api/v1/lineage", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["pointer"] == pointer
    assert answer.json()["code"]
    assert shop.kit.platform.metastore.catalog.events.counts()[1] == before + 1


def test_of_a_batch_the_good_events_are_taken_and_the_bad_ones_named(shop: Shop) -> None:
    answer = shop.client.post("/api/v1/lineage/batch", json=[event(3), {"no": "event"}, event(4)])
    assert answer.status_code == 207
    assert answer.json()["summary"] == {
        "received": 3,
        "successful": 2,
        "failed": 1,
        "retriable": 0,
        "non_retriable": 1,
    }
    assert [failed["index"] for failed in answer.json()["failed_events"]] == [1]


def test_a_batch_of_lines_is_taken(shop: Shop) -> None:
    lines = "\n".join(json.dumps(event(number)) for number in (5, 6))
    answer = shop.client.post("/api/v1/lineage/batch", content=lines, headers={"content-type": "application/x-ndjson"})
    assert (answer.status_code, answer.json()["status"]) == (200, "success")


def test_events_of_a_batch_are_kept_as_they_came(shop: Shop) -> None:
    text = json.dumps(event(7, producer="https://example.com/verbatim"), indent=1)
    body = f"[ {text} ,{json.dumps(event(8))}]"
    answer = shop.client.post("/api/v1/lineage/batch", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200
    events = shop.kit.platform.metastore.catalog.events
    kept = [line.payload for line in events.of_runs(["01938a6c-2a4c-7000-8000-000000000007"])]
    assert kept == [text]


@pytest.mark.parametrize("body", ["[1,]", "[1 2]", "[1", "{}", "[1] 2", "nothing"])
def test_what_is_no_array_is_refused_whole(shop: Shop, body: str) -> None:
    answer = shop.client.post("/api/v1/lineage/batch", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_form_of_a_web_page_cannot_send_events(shop: Shop) -> None:
    answer = shop.client.post("/api/v1/lineage", content=json.dumps(event(9)), headers={"content-type": "text/plain"})
    assert answer.status_code == 415


def test_refused_texts_can_be_looked_at_page_by_page(shop: Shop) -> None:
    for number in range(5):
        shop.client.post("/api/v1/lineage", json={"refused": number})
    first = shop.get("/lineage/refused", limit=2).json()
    assert [json.loads(item["payload"]) for item in first["items"]] == [{"refused": 4}, {"refused": 3}]
    assert {"error", "pointer", "detail", "received_at", "times"} <= first["items"][0].keys()

    shop.client.post("/api/v1/lineage", json={"refused": 1})  # comes again, and a new one comes too
    shop.client.post("/api/v1/lineage", json={"refused": 5})
    seen = [item["payload"] for item in first["items"]]
    cursor = first["cursor"]
    while cursor is not None:
        page = shop.get("/lineage/refused", limit=2, cursor=cursor).json()
        seen += [item["payload"] for item in page["items"]]
        cursor = page["cursor"]
    ours = [json.loads(text)["refused"] for text in seen if text.startswith('{"refused"')]
    assert ours == [4, 3, 2, 1, 0]
    again = {item["payload"]: item["times"] for item in shop.get("/lineage/refused", limit=200).json()["items"]}
    assert again['{"refused":1}'] == 2


def test_a_long_refused_text_is_listed_by_its_beginning_and_told_whole_alone(shop: Shop) -> None:
    text = json.dumps({"long": "é" * 20_000}, ensure_ascii=False)
    headers = {"content-type": "application/json"}
    assert shop.client.post("/api/v1/lineage", content=text.encode(), headers=headers).status_code == 422
    item = shop.get("/lineage/refused", limit=1).json()["items"][0]
    assert item["isCut"] is True
    assert len(item["payload"]) < 5_000
    assert text.startswith(item["payload"])
    assert shop.get(f"/lineage/refused/{item['digest']}").json()["payload"] == text
    assert shop.get("/lineage/refused/none").status_code == 404
