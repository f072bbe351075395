"""How things stand, over HTTP: every number is one that was computed by hand from the facts of `operations_facts`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families as plain_families
from starlette.testclient import TestClient

from data_platform.metastore.runs import RunEntry
from data_platform.metastore.tables import RunState
from data_platform.serving.app import platform_app
from data_platform_tests.integration.serving.conftest import ran_once
from data_platform_tests.integration.serving.operations_facts import OBJECTIVE, RUN, TRACE, in_trouble

OPEN_METRICS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"


@pytest.fixture(scope="module")
def duty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    kit = ran_once(tmp_path_factory.mktemp("duty"))
    now = in_trouble(kit)
    traced = RunEntry(run_id="traced", dataset="served.shop.days", started_at=now, ended_at=now, seconds=9.0,
                      state=RunState.FAILED, traceparent=f"00-{'c' * 32}-{'d' * 16}-01")  # fmt: skip
    kit.platform.metastore.runs.record([traced])
    with TestClient(platform_app(kit.platform), base_url="http://localhost") as client:
        yield client
    kit.close()


def asked(duty: TestClient, path: str, **query: object) -> Any:
    answer = duty.get(f"/api/v1{path}", params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


def all_items(duty: TestClient, path: str, **query: object) -> list[Any]:
    """Everything, one item a page."""
    found, page = [], asked(duty, path, limit=1, **query)
    while page["cursor"]:
        assert len(page["items"]) == 1
        found += page["items"]
        page = asked(duty, path, limit=1, cursor=page["cursor"], **query)
    return [*found, *page["items"]]


def test_a_connector_is_told_with_its_beat_its_backlog_and_what_is_expected(duty: TestClient) -> None:
    (one,) = all_items(duty, "/connectors")
    assert (one["dataset"], one["name"], one["kind"]) == ("raw.shop.orders", "orders", "file_drop")
    assert {"is_live", "is_moving", "last_event_at", "cadence", "backlog", "state", "beat_at"} <= set(one)
    assert one["beat_at"] is not None


def test_incidents_are_told_page_by_page_the_last_opened_first(duty: TestClient) -> None:
    assert [one["incident_id"] for one in all_items(duty, "/incidents", state="all")] == ["lost", "over"]
    assert [one["incident_id"] for one in all_items(duty, "/incidents")] == ["lost"]


def test_an_incident_leads_to_the_run_and_the_trace_behind_it(duty: TestClient) -> None:
    found = asked(duty, "/incidents/lost")
    assert (found["incident"]["cause"], found["run_id"]) == ("raw.shop.orders/orders", RUN)
    assert found["trace_id"] == TRACE
    assert [one["alert"] for one in found["symptoms"]] == ["connector_lost", "run_failed"]
    assert [one["kind"] for one in found["notifications"]] == ["opened", "escalated"]
    assert [one["kind"] for one in found["history"]] == ["opened"]


def test_an_incident_that_is_not_there_is_a_problem(duty: TestClient) -> None:
    answer = duty.get("/api/v1/incidents/none")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_objectives_are_told_by_id_with_their_budget(duty: TestClient) -> None:
    found = all_items(duty, "/objectives")
    assert [one["objective"] for one in found] == sorted(one["objective"] for one in found)
    burning = next(one for one in found if one["objective"] == OBJECTIVE)
    assert (burning["state"], burning["target"]) == ("burning", 0.9)
    assert burning["budget_left"] == pytest.approx(1 - 30 / 35)


def test_costs_are_text_and_add_up(duty: TestClient) -> None:
    whole = asked(duty, "/costs", month="2026-03", by="dataset")
    items = all_items(duty, "/costs", month="2026-03", by="dataset")
    assert {"raw.shop.orders", "curated.shop.orders"} <= {one["name"] for one in items}
    assert sum(float(one["total"]) for one in items) == pytest.approx(float(whole["whole"]["total"]))
    assert isinstance(whole["whole"]["total"], str)


@pytest.mark.parametrize("query", [{"month": "2026-13"}, {"month": "2099-01"}, {"by": "colour"}])
def test_costs_that_nobody_can_tell_are_a_problem(duty: TestClient, query: dict[str, str]) -> None:
    answer = duty.get("/api/v1/costs", params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


@pytest.mark.parametrize("path", ["/connectors", "/incidents", "/objectives", "/costs"])
def test_a_cursor_of_another_address_is_a_problem(duty: TestClient, path: str) -> None:
    assert duty.get(f"/api/v1{path}", params={"cursor": "WzEuNSwgMl0"}).status_code == 400


def test_metrics_have_exemplars_only_in_the_format_that_knows_them(duty: TestClient) -> None:
    plain, open_ = duty.get("/metrics"), duty.get("/metrics", headers={"accept": OPEN_METRICS})
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert open_.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert list(plain_families(plain.text))
    told = [one.exemplar for family in open_families(open_.text) for one in family.samples if one.exemplar]
    assert {"trace_id": "c" * 32} in [one.labels for one in told]
    assert "trace_id" not in plain.text


def test_metrics_are_kept_by_nobody_and_given_to_this_machine_alone(duty: TestClient) -> None:
    answer = duty.get("/metrics")
    assert (answer.headers["cache-control"], answer.headers["vary"]) == ("no-store", "Accept")
    assert duty.get("/metrics", headers={"host": "evil.example"}).status_code == 400
