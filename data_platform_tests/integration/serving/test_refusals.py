"""What is asked wrongly, or cannot be answered now, is told: programs by a problem document, people by a page."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from data_platform.errors import RetryableError
from data_platform.metastore.catalog_overview import CatalogOverview
from data_platform.metastore.catalog_reads import CatalogReads
from data_platform.serving.app import platform_app
from data_platform_tests.integration.serving.conftest import Shop


def packed(value: str) -> str:
    return base64.urlsafe_b64encode(value.encode()).decode()


WRONG = (
    "x",
    packed("[" * 5_000),
    packed('[1.5, "\\ud800", "a"]'),
    packed('["\\ud800", "a"]'),
    packed('["\\u0000", "a"]'),
)


def policy(answer: Any) -> str:
    return str(answer.headers.get("content-security-policy", ""))


@pytest.mark.parametrize("cursor", WRONG)
@pytest.mark.parametrize("path", ["/catalog/datasets", "/catalog/search?q=a", "/lineage/refused"])
def test_a_cursor_that_no_page_gave_is_a_problem(shop: Shop, path: str, cursor: str) -> None:
    answer = shop.client.get(f"/api/v1{path}", params={"q": "a", "cursor": cursor})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("cursor", WRONG)
@pytest.mark.parametrize("words", ["", "a"])
def test_a_cursor_that_no_page_gave_is_a_page_for_people(shop: Shop, words: str, cursor: str) -> None:
    answer = shop.client.get("/search", params={"q": words, "cursor": cursor})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert "first page" in answer.text
    assert "default-src 'self'" in policy(answer)


def test_a_parameter_that_cannot_be_read_is_a_problem_that_names_it(shop: Shop) -> None:
    answer = shop.get("/catalog/lineage/served.shop.totals", depth="s3cret", direction="aside")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    document = answer.json()
    assert (document["type"], document["status"]) == ("about:blank", 422)
    assert "depth" in document["detail"]
    assert "direction" in document["detail"]
    assert "s3cret" not in answer.text


def test_a_parameter_that_cannot_be_read_is_a_page_for_people(shop: Shop) -> None:
    answer = shop.client.get("/lineage/served.shop.totals?depth=abc")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "text/html; charset=utf-8")
    assert "depth" in answer.text
    assert "default-src 'self'" in policy(answer)


@pytest.mark.parametrize("path", ["/search", "/api/v1/catalog/search"])
def test_a_method_that_is_not_taken_is_told_with_those_that_are(shop: Shop, path: str) -> None:
    answer = shop.client.delete(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/", "text/html; charset=utf-8"), ("/api/v1/catalog/search?q=totals", "application/problem+json")],
)
@pytest.mark.parametrize(
    ("error", "status", "wait"),
    [(RetryableError("sqlite:////secret/place did not answer"), 503, "5"), (ValueError("a secret"), 500, None)],
    ids=["busy", "broken"],
)
def test_a_failure_of_ours_is_told_without_its_insides(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, path: str, kind: str, error: Exception, status: int, wait: str | None
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(CatalogReads, "datasets", fail)
    monkeypatch.setattr(CatalogOverview, "names", fail)
    with TestClient(
        platform_app(shop.kit.platform), base_url="http://localhost", raise_server_exceptions=False
    ) as client:
        answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, kind)
    assert answer.headers.get("retry-after") == wait
    assert "secret" not in answer.text
    assert "default-src 'self'" in policy(answer)


def test_the_description_tells_the_problem_documents(shop: Shop) -> None:
    paths = shop.client.get("/api/v1/openapi.json").json()["paths"]
    told = 0
    for path, methods in paths.items():
        for method, operation in methods.items():
            for status, answer in operation["responses"].items():
                if status >= "400":
                    told += 1
                    assert "application/problem+json" in answer["content"], (method, path, status)
            assert {"422", "503"} <= operation["responses"].keys() or not operation.get("parameters"), (method, path)
    assert told >= 2 * len(paths)
    assert "HTTPValidationError" not in json.dumps(paths)
