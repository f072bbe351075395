"""Whatever is sent to the API, it never answers with a server error."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

pytest.importorskip("schemathesis", reason="needs schemathesis: pip install 'data-platform[dev]'")

import schemathesis

from data_platform.serving.app import platform_app
from data_platform_tests.integration.serving.conftest import Shop

HOST = {"host": "localhost"}
ADDRESSES = ("POST /api/v1/lineage", "POST /api/v1/lineage/batch", "GET /api/v1/catalog/datasets",
             "GET /api/v1/catalog/search", "GET /api/v1/catalog/datasets/{key}", "GET /api/v1/catalog/lineage/{key}",
             "GET /api/v1/catalog/impact/{key}", "GET /api/v1/catalog/history/{key}",
             "GET /api/v1/catalog/coverage")  # fmt: skip


@pytest.fixture(scope="module")
def operations(shop: Shop) -> dict[str, Any]:
    app = platform_app(shop.kit.platform)
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, headers=HOST)
    found = [result.ok() for result in schema.get_all_operations()]
    return {f"{one.method.upper()} {one.full_path}": one for one in found}


def test_every_address_is_described_and_tried_below(operations: dict[str, Any]) -> None:
    assert set(operations) == set(ADDRESSES)


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_request_ends_in_a_server_error(operations: dict[str, Any], address: str) -> None:
    @settings(
        max_examples=40,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @given(case=operations[address].as_strategy())
    def send(case: Any) -> None:
        answer = case.call(headers=HOST)
        assert answer.status_code < 500, answer.text

    send()
