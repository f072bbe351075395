"""Every page of the console answers, escapes what it shows and loads nothing from elsewhere."""

from __future__ import annotations

import re

import pytest

from data_platform_tests.integration.serving.conftest import Shop

DATASET = "/datasets/served.shop.totals"
SECTIONS = ("columns", "contract", "quality", "ledger", "impact", "runs", "history")
PAGES = ["/", "/search", "/search?q=tot", "/changes", "/connectors", "/lineage/served.shop.totals",
         "/lineage/served.shop.totals?column=revenue", *(f"{DATASET}?section={name}" for name in SECTIONS)]  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_a_page_answers_and_names_only_addresses_of_its_own(shop: Shop, path: str) -> None:
    answer = shop.client.get(path)
    assert answer.status_code == 200
    assert set(re.findall(r"""(?:src|href|action|hx-get)="([^"]*)""", answer.text)) >= {"/static/console.css"}
    assert not re.findall(r"""(?:src|href|action|hx-get)="(?!/|#)""", answer.text)
    assert "default-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_can_be_read_by_machines_that_read_aloud(shop: Shop, path: str) -> None:
    text = shop.client.get(path).text
    assert re.search(r'<html lang="en"', text)
    assert len(re.findall(r"<h1\b", text)) == 1
    assert re.search(r"<main\b", text)
    labelled = set(re.findall(r'<label[^>]*for="([^"]+)"', text))
    for field in re.findall(r"<(?:input|select)\b[^>]*>", text):
        name = re.search(r'id="([^"]+)"', field)
        is_inside_label = re.search(rf"<label>[^<]*{re.escape(field)}", text)
        assert 'type="hidden"' in field or is_inside_label or (name and name[1] in labelled), field


def test_a_name_that_is_markup_is_shown_as_text(shop: Shop) -> None:
    event = {
        "eventTime": "2026-03-20T12:00:00Z",
        "producer": "https://example.com",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetEvent",
        "dataset": {"namespace": "evil", "name": "<script>alert(1)</script>"},
    }
    assert shop.client.post("/api/v1/lineage", json=event).status_code == 201
    answer = shop.client.get("/search", params={"q": "alert"})
    assert "&lt;script&gt;alert(1)" in answer.text
    assert "<script>alert" not in answer.text
    (address,) = set(re.findall(r'href="(/datasets/evil[^"]*)"', answer.text))
    page = shop.client.get(address)
    assert page.status_code == 200
    assert "<script>alert" not in page.text


def test_a_page_that_is_not_there_says_where_to_go_on(shop: Shop) -> None:
    answer = shop.client.get("/datasets/served.shop.total")
    assert answer.status_code == 404
    assert "served.shop.totals" in answer.text
    assert answer.headers["content-type"].startswith("text/html")


def test_the_start_counts_the_datasets_of_each_domain(shop: Shop) -> None:
    text = shop.client.get("/").text
    assert re.search(r"shop</a> <span[^>]*>4 datasets<", text)
    (source,) = re.findall(r'hx-get="(/tiles/coverage)"', text)
    assert "<b>100%</b>" in shop.client.get(source).text


def test_a_table_of_the_warehouse_is_a_use_of_its_own_dataset_only(shop: Shop) -> None:
    text = shop.client.get(DATASET).text
    used_by = text[text.index("Used by") :]
    assert re.findall(r">([\w.]+)</a>", used_by[: used_by.index("</section>")]) == [
        "served.shop.days",
        "warehouse.shop.totals",
    ]


def test_the_ledger_of_a_dataset_says_where_every_row_went(shop: Shop) -> None:
    text = shop.client.get("/datasets/curated.shop.orders?section=ledger").text
    rows = re.findall(r"""<tr><td class="mono">(\S+)</td>(.*?)</tr>""", text)
    numbers = {day: [int(n) for n in re.findall(r'class="number">(\d+)<', cells)] for day, cells in rows}
    raw, kept, quarantined = 3, 2, 1
    assert numbers == {"all": [raw, kept, quarantined, 0, 0, 0, 0]}
