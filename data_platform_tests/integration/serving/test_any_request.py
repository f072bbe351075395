"""Whatever is sent to the API, or asked of a page, it never answers with a server error.

Keys, columns and cursors are mostly those that are there, so that requests come past the first question.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

pytest.importorskip("schemathesis", reason="needs schemathesis: pip install 'data-platform[dev]'")

import schemathesis

from data_platform.serving.app import platform_app
from data_platform_tests.integration.serving.conftest import Shop

HOST = {"host": "localhost"}
KEYS = ("raw.shop.orders", "curated.shop.orders", "curated/shop/orders", "served.shop.totals", "warehouse.shop.totals",
        "served.shop.totals.revenue", "served.shop.totals#day", "shop.totals", "s3://lake/none", "#", ".")  # fmt: skip
COLUMNS = ("order_id", "ordered_at", "amount", "day", "revenue", "none", "")
ADDRESSES = ("POST /api/v1/lineage", "POST /api/v1/lineage/batch", "GET /api/v1/lineage/refused",
             "GET /api/v1/lineage/refused/{digest}", "GET /api/v1/catalog/datasets",
             "GET /api/v1/catalog/search", "GET /api/v1/catalog/datasets/{key}", "GET /api/v1/catalog/lineage/{key}",
             "GET /api/v1/catalog/impact/{key}", "GET /api/v1/catalog/history/{key}",
             "GET /api/v1/catalog/coverage", "GET /api/v1/connectors", "GET /api/v1/incidents",
             "GET /api/v1/incidents/{incident_id}", "GET /api/v1/objectives", "GET /api/v1/costs")  # fmt: skip
DEEP = base64.urlsafe_b64encode(b"[" * 5_000).decode()
PAGES = ("/", "/search", "/changes", "/connectors", "/datasets/{key}", "/lineage/{key}", "/graph/{key}", "/on-call",
         "/incidents", "/objectives", "/debug", "/costs")  # fmt: skip
THINGS = ("/incidents/{key}", "/objectives/{key}", "/debug/runs/{key}", "/runbooks/{key}")

any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=6,
)
places = (
    st.tuples(st.floats(), st.just("data_platform"), st.sampled_from(KEYS))
    | st.tuples(st.sampled_from(KEYS) | st.text(max_size=8), st.just("data_platform") | st.text(max_size=8))
    | st.tuples(st.integers(-1, 2**64))
)


def packed(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


cursors = (places | json_values).map(packed) | st.just(DEEP) | any_text
keys = st.sampled_from(KEYS) | any_text.filter(bool)
asked = st.fixed_dictionaries(
    {},
    optional={
        "column": st.sampled_from(COLUMNS) | any_text,
        "cursor": cursors,
        "depth": st.integers(-1, 120) | any_text,
        "direction": st.sampled_from(("both", "up", "down", "aside")),
        "section": st.sampled_from(("impact", "history", "runs", "ledger", "quality", "contract", "none")),
        "page": st.integers(-1, 200_000) | any_text,
        "domain": st.sampled_from(("shop", "none")) | any_text,
        "dataset": st.sampled_from(KEYS) | any_text,
        "state": st.sampled_from(("open", "met", "none")),
        "failed": st.booleans() | any_text,
        "month": st.sampled_from(("2026-03", "2026-02", "2099-01", "2026-13")) | any_text,
        "by": st.sampled_from(("dataset", "owner", "tag:product", "none")) | any_text,
        "q": st.sampled_from(("orders", "column:revenue", "owner:Shop day", " ", '"', ":")) | any_text,
    },
)


@pytest.fixture(scope="module")
def operations(shop: Shop) -> dict[str, Any]:
    app = platform_app(shop.kit.platform)
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, headers=HOST)
    found = [result.ok() for result in schema.get_all_operations()]
    return {f"{one.method.upper()} {one.full_path}": one for one in found}


def often(send: Callable[..., None], examples: int = 40, **drawn: st.SearchStrategy[Any]) -> None:
    given(**drawn)(
        settings(
            max_examples=examples,
            deadline=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        )(send)
    )()


def test_every_address_is_described_and_tried_below(operations: dict[str, Any]) -> None:
    assert set(operations) == set(ADDRESSES)


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_request_ends_in_a_server_error(operations: dict[str, Any], address: str) -> None:
    def send(case: Any) -> None:
        answer = case.call(headers=HOST)
        assert answer.status_code < 500, answer.text

    often(send, case=operations[address].as_strategy())


@pytest.mark.parametrize("address", [one.partition(" ")[2] for one in ADDRESSES if one.startswith("GET")])
def test_no_question_about_what_is_there_ends_in_a_server_error(shop: Shop, address: str) -> None:
    answered = set[int]()

    def send(key: str, query: dict[str, Any]) -> None:
        named = dict.fromkeys(("key", "digest", "incident_id"), quote(key, safe=""))
        answer = shop.client.get(address.format(**named), params=query)
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
        answered.add(answer.status_code)

    often(send, key=keys, query=asked)
    assert (404 if "{digest}" in address or "{incident_id}" in address else 200) in answered


@pytest.mark.parametrize("address", PAGES)
def test_no_page_ends_in_a_server_error(shop: Shop, address: str) -> None:
    answered = set[int]()

    def send(key: str, query: dict[str, Any]) -> None:
        answer = shop.client.get(address.format(key=quote(key, safe="")), params=query)
        assert answer.status_code < 500, answer.text
        assert "content-security-policy" in answer.headers
        answered.add(answer.status_code)

    often(send, 25, key=keys, query=asked)
    assert 200 in answered


@pytest.mark.parametrize("address", THINGS)
def test_no_incident_objective_or_run_ends_in_a_server_error(shop: Shop, address: str) -> None:
    def send(key: str, query: dict[str, Any]) -> None:
        answer = shop.client.get(address.format(key=quote(key, safe="")), params=query)
        assert answer.status_code < 500, answer.text

    often(send, 25, key=keys, query=asked)
