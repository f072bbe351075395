"""The pages for those on call in a real browser: charts, keyboard, telephone, and a page that stays open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'data-platform[dev]'")

from playwright.sync_api import Browser, Page, expect

from data_platform.serving.app import platform_app
from data_platform.serving.server import serve
from data_platform_tests.integration.serving.conftest import ran_once
from data_platform_tests.integration.serving.operations_facts import OBJECTIVE, RUN, in_trouble, incident
from data_platform_tests.kit import Kit

DETAIL = f"/objectives/{OBJECTIVE}"
RUN_PAGE = f"/debug/runs/{RUN}?dataset=curated.shop.orders&partition=2026-03-01"
PAGES = ("/", "/on-call", "/incidents", "/incidents/lost", "/objectives", DETAIL, "/debug", RUN_PAGE, "/costs")
A_WHILE = 11_000  # ms, longer than a page waits before it asks again


@dataclass(frozen=True)
class Duty:
    kit: Kit
    address: str


@pytest.fixture(scope="module")
def duty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Duty]:
    kit = ran_once(tmp_path_factory.mktemp("duty"))
    in_trouble(kit)
    server = serve(platform_app(kit.platform))
    yield Duty(kit, f"http://127.0.0.1:{server.port}")
    server.stop()
    kit.close()


@pytest.mark.parametrize(
    ("path", "texts"),
    [(DETAIL, ["nothing left", "unknown"]), (RUN_PAGE, ["curated.shop.", "orders", "4.0"]), ("/costs", ["storage"])],
)
def test_charts_are_painted_and_painted_again_in_the_other_theme(
    page: Page, duty: Duty, path: str, texts: list[str]
) -> None:
    page.goto(duty.address + path)
    charts = page.locator("data-chart")
    for place in range(charts.count()):
        expect(charts.nth(place).locator("svg")).to_be_visible()
    for text in texts:
        expect(charts.locator("svg text", has_text=text).first).to_be_attached()
    if charts.count():
        before = charts.first.locator("svg").inner_html()
        page.keyboard.press("t")
        expect(charts.first.locator("svg")).to_be_visible()
        page.wait_for_function(
            "before => document.querySelector('data-chart').shadowRoot.querySelector('svg').innerHTML !== before",
            arg=before,
        )


def test_small_amounts_are_told_apart_on_an_axis(page: Page, duty: Duty) -> None:
    page.goto(duty.address + "/costs")
    chart = page.locator("data-chart").first
    spec = {
        **json.loads(chart.get_attribute("spec") or ""),
        "x": ["a"],
        "series": [{"name": "c", "values": [8e-06], "tone": ""}],
    }
    chart.evaluate("(one, spec) => one.setAttribute('spec', spec)", json.dumps(spec))
    for text in ("0.000002", "0.000008"):
        expect(chart.locator("svg text", has_text=text).first).to_be_attached()


def test_the_table_below_a_chart_is_reached_by_keyboard(page: Page, duty: Duty) -> None:
    page.goto(duty.address + DETAIL)
    page.get_by_text("As a table").first.focus()
    page.keyboard.press("Enter")
    table = page.locator("figure.chart").first.locator("table")
    expect(table).to_be_visible()
    expect(table).to_contain_text("14.2857")


def test_from_the_signal_to_the_failing_partition_by_keyboard_alone(page: Page, duty: Duty) -> None:
    page.goto(f"{duty.address}/?")
    for name in ("open incidents", "lost is wrong", "Debug the run"):
        link = page.locator("main").get_by_role("link", name=name).first
        link.focus()
        with page.expect_navigation():
            page.keyboard.press("Enter")
    assert page.url == duty.address + RUN_PAGE
    expect(page.get_by_role("heading", name=RUN)).to_be_visible()


def test_an_open_page_learns_of_an_incident_and_keeps_focus_and_what_was_opened(page: Page, duty: Duty) -> None:
    page.clock.install()
    page.goto(f"{duty.address}/incidents")
    page.get_by_role("link", name="Open", exact=True).focus()
    now = duty.kit.clock.now()
    duty.kit.platform.metastore.operations.incidents.put([incident("fresh", began_at=now, detected_at=now)])
    page.clock.fast_forward(A_WHILE)
    expect(page.get_by_role("link", name="fresh is wrong")).to_be_visible()
    expect(page.get_by_role("link", name="Open", exact=True)).to_be_focused()

    page.goto(duty.address + DETAIL)
    page.get_by_text("As a table").first.click()
    page.evaluate("document.querySelector('data-chart').shadowRoot.querySelector('svg').dataset.same = 'yes'")
    with page.expect_response(lambda answer: DETAIL in answer.url):
        page.clock.fast_forward(A_WHILE)
    page.wait_for_load_state("networkidle")
    expect(page.locator("data-chart svg[data-same]")).to_have_count(1)  # not painted anew: nothing has changed
    expect(page.locator("figure.chart details[open]")).to_have_count(1)


def test_a_page_that_is_no_longer_answered_says_that_it_is_old(browser: Browser, duty: Duty) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.clock.install()
    page.goto(f"{duty.address}/on-call")
    expect(page.locator("#stale")).to_be_hidden()
    page.route("**/on-call", lambda route: route.abort())
    page.clock.fast_forward(A_WHILE)
    expect(page.locator("#stale")).to_be_visible()
    expect(page.get_by_role("heading", name="Open incidents")).to_be_visible()
    page.unroute("**/on-call")
    page.clock.fast_forward(A_WHILE)
    expect(page.locator("#stale")).to_be_hidden()
    context.close()


@pytest.mark.parametrize("width", [390, 320])
def test_a_telephone_shows_pages_without_sideways_scrolling(browser: Browser, duty: Duty, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844})
    page = context.new_page()
    for path in PAGES:
        page.goto(duty.address + path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        current = page.locator(".bar nav [aria-current]")
        if current.count():
            expect(current).to_be_in_viewport()
    context.close()
