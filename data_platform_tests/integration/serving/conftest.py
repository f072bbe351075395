"""A small shop that has run once, the application over it, asked without a network, and a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.testclient import TestClient

from data_platform.serving.app import platform_app
from data_platform_tests.kit import Kit, at, csv_text

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ORDERS = ("order_id string key", "ordered_at timestamp required", "amount decimal(10,2) min=0")


@dataclass(frozen=True)
class Shop:
    """The platform and a client of its application."""

    kit: Kit
    client: TestClient

    def get(self, path: str, **query: object) -> httpx.Response:
        return self.client.get(f"/api/v1{path}", params={k: str(v) for k, v in query.items()})


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    kit = ran_once(tmp_path_factory.mktemp("shop"))
    with TestClient(platform_app(kit.platform), base_url="http://localhost") as client:
        yield Shop(kit, client)
    kit.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("needs chromium (Debian package chromium)")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a window of an ordinary size, on which nothing goes wrong."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    opened = context.new_page()
    opened.set_default_timeout(15_000)
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: said.append(str(error)))
    yield opened
    context.close()
    assert said == []  # among it every violation of the content security policy


def ran_once(folder: Path) -> Kit:
    """Orders from a file to a served table; one row is quarantined."""
    kit = Kit(folder)
    kit.raw("orders", ("order_id string", "ordered_at timestamp", "amount decimal(10,2)"), watermark="ordered_at")
    kit.curated(
        "orders",
        ORDERS,
        "SELECT order_id, ordered_at, amount FROM raw.shop.orders",
        materialization="admit",
        watermark="ordered_at",
        dedupe_key=["order_id"],
    )
    kit.served(
        "totals",
        ("day date key", "revenue decimal(18,2)"),
        "SELECT CAST(ordered_at AS DATE) AS day, CAST(sum(amount) AS DECIMAL(18, 2)) AS revenue "
        "FROM curated.shop.orders GROUP BY 1",
        materialization="table",
    )
    rows = [("A1", at("2026-03-01"), "5.00"), ("A2", at("2026-03-01"), "7.50"), ("A3", at("2026-03-02"), "-1.00")]
    kit.drop("orders/1.csv", csv_text(("order_id", "ordered_at", "amount"), rows))
    kit.ingest("orders")
    kit.refresh("curated.orders")
    kit.served("days", ("day date key",), "SELECT DISTINCT day FROM served.shop.totals", materialization="table")
    kit.refresh("served.totals")
    kit.refresh("served.days")
    served = [made.contract for name, made in kit.platform.project.datasets.items() if name.layer == "served"]
    built = kit.platform.warehouse.build(served)
    kit.platform.recorder.exported(kit.run(), built.versions, built.rows)
    kit.platform.delivery.once()
    return kit
