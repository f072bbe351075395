"""The console in a real browser: what a person does, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'data-platform[dev]'")

from playwright.sync_api import Browser, Page, expect

from data_platform.serving.app import platform_app
from data_platform.serving.server import serve
from data_platform_tests.integration.serving.conftest import Shop


@pytest.fixture(scope="module")
def address(shop: Shop) -> Iterator[str]:
    server = serve(platform_app(shop.kit.platform))
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


def test_from_a_word_to_the_origin_of_a_column_and_to_who_breaks_if_it_goes(page: Page, address: str) -> None:
    page.goto(address)
    page.keyboard.press("/")
    page.keyboard.type("revenue")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="served.shop.totals").click()
    row = page.locator("#column-revenue")
    assert row.get_by_role("link", name="curated.shop.orders.amount").is_visible()

    row.get_by_role("link", name="Lineage of revenue").click()
    page.locator("#canvas[data-ready]").wait_for()
    page.get_by_text("The same as a list").wait_for()
    listed = page.locator("details").inner_text() if page.locator("details[open]").count() else ""
    if not listed:
        page.get_by_text("The same as a list").click()
        listed = page.locator("details").inner_text()
    assert "raw.shop.orders.amount" in listed

    page.goto(f"{address}/datasets/raw.shop.orders")
    page.locator("#column-amount").get_by_role("link", name="Impact of amount").click()
    hits = page.locator("main table").inner_text()
    assert "served.shop.totals" in hits
    assert "revenue" in hits


def test_results_follow_the_typing_and_the_arrow_keys_walk_through_them(page: Page, address: str) -> None:
    page.goto(f"{address}/search")
    page.locator(".search").first.click()
    page.keyboard.type("totals")
    page.wait_for_url("**/search?q=totals")
    expect(page.locator(".hits li")).to_have_count(2)  # and its copy in the warehouse file
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/datasets/served.shop.totals")


def test_nothing_found_says_what_to_do(page: Page, address: str) -> None:
    page.goto(f"{address}/search?q=zebra")
    assert "Try fewer or shorter words" in page.locator("#results").inner_text()


def test_light_and_dark_are_kept(page: Page, address: str) -> None:
    page.goto(address)
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Light or dark").click()
    after = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert before != after
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == after


def test_typing_leaves_one_entry_to_go_back_over(page: Page, address: str) -> None:
    page.goto(address)
    page.goto(f"{address}/search")
    before = page.evaluate("history.length")
    page.locator(".search").first.click()
    for words in ("to", "totals"):
        page.locator(".search").first.fill(words)
        page.wait_for_url(f"**/search?q={words}")
    assert page.evaluate("history.length") == before
    page.go_back()
    page.wait_for_url(f"{address}/")


def test_keys_work_where_the_browser_keeps_nothing(page: Page, address: str) -> None:
    blocked = "get() { throw new DOMException('blocked', 'SecurityError'); }"
    page.add_init_script(f"Object.defineProperty(window, 'localStorage', {{ {blocked} }})")
    page.goto(address)
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.keyboard.press("t")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()


def test_a_graph_that_cannot_be_loaded_says_so(browser: Browser, address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    failed: list[str] = []
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.route("**/graph/**", lambda route: route.abort())
    page.goto(f"{address}/lineage/served.shop.totals")
    expect(page.locator("#canvas")).to_contain_text("could not be loaded")
    context.close()
    assert failed == []


def test_a_telephone_shows_pages_without_sideways_scrolling(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    for path in ("/", "/search", "/datasets/served.shop.totals", "/lineage/served.shop.totals", "/connectors"):
        page.goto(address + path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    context.close()


def test_two_thousand_datasets_are_drawn_and_can_be_searched(
    page: Page, address: str, shop: Shop, tmp_path: Path
) -> None:
    events = [
        {
            "eventTime": "2026-03-20T12:00:00Z",
            "producer": "https://example.com",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/JobEvent",
            "job": {"namespace": "big", "name": f"job{n}"},
            "inputs": [{"namespace": "big", "name": f"table{(n - 1) // 2}"}],
            "outputs": [{"namespace": "big", "name": f"table{n}"}],
        }
        for n in range(1, 1990)
    ]
    answer = shop.client.post("/api/v1/lineage/batch", json=events)
    assert answer.json()["summary"]["failed"] == 0
    page.goto(f"{address}/lineage/big%2Ftable0?direction=down&depth=50")
    page.locator("#canvas[data-ready='1990']").wait_for()
    page.locator("#find").fill("table1700")
    page.screenshot(path=tmp_path / "graph.png")
    assert (tmp_path / "graph.png").stat().st_size > 10_000
