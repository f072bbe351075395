"""The pages for those on call: every number is one that was computed by hand from the facts of `operations_facts`."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from data_platform.metastore.component_beats import ComponentBeat
from data_platform.serving.app import platform_app
from data_platform_tests.integration.serving.conftest import Shop, ran_once
from data_platform_tests.integration.serving.operations_facts import EVIL, OBJECTIVE, RUN, in_trouble
from data_platform_tests.integration.serving.page_words import said, tiles

DETAIL = f"/objectives/{OBJECTIVE}"
RUN_PAGE = f"/debug/runs/{RUN}"
PAGES = ("/on-call", "/incidents", "/incidents?state=open", "/incidents/lost", "/incidents/over", "/objectives",
         "/objectives?state=unknown", DETAIL, "/objectives/connector_heartbeat.raw.shop.orders/orders", "/debug",
         "/debug?failed=true", RUN_PAGE, "/costs", "/runbooks", "/")  # fmt: skip
NARROWED = "domain=shop&owner=Shop&tier=standard&dataset=shop"


@pytest.fixture(scope="module")
def duty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    kit = ran_once(tmp_path_factory.mktemp("duty"))
    in_trouble(kit)
    with TestClient(platform_app(kit.platform), base_url="http://localhost") as client:
        yield client
    kit.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_answers_escapes_and_loads_nothing_from_elsewhere(duty: TestClient, path: str) -> None:
    answer = duty.get(path)
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert not re.findall(r"""(?:src|action|hx-get)="(?!/)""", answer.text)
    foreign = re.findall(r'href="((?!/|#)[^"]*)"', answer.text)
    assert {urlsplit(one).netloc for one in foreign} <= {"127.0.0.1:3000"}  # the orchestrator's own page of a run
    assert not re.findall(r"<script(?![^>]*\bsrc=)", answer.text)
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "default-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_can_be_read_by_machines_that_read_aloud(duty: TestClient, path: str) -> None:
    text = duty.get(path).text
    assert len(re.findall(r"<h1\b", text)) == 1
    for field in re.findall(r"<(?:input|select)\b[^>]*>", text):
        is_labelled = (
            'type="hidden"' in field or 'id="q"' in field or re.search(rf"<label>[^<]*{re.escape(field)}", text)
        )
        assert is_labelled, field
    for chart in re.findall(r"<data-chart\b.*?</figure>", text, flags=re.DOTALL):
        assert 'role="img"' in chart
        assert "<table" in chart
    labels = re.findall(r'aria-labelledby="([^"]+)"', text)
    assert [one for one in labels if f'id="{one}"' not in text] == []


def test_the_first_numbers_of_on_call_are_the_facts(duty: TestClient) -> None:
    assert tiles(duty.get("/on-call")) == [
        ("bad", "1 open incidents: 1 page"),
        ("bad", "2 pipelines failing"),
        ("warn", "1 of 3 objectives burning, 1 without evidence"),
        ("good", "0 of 1 connectors silent or stuck"),
    ]
    assert "The watch is at work" in said(duty.get("/on-call"))


def test_a_failing_pipeline_says_since_when_how_often_and_why(duty: TestClient) -> None:
    text = duty.get("/on-call").text
    rows = [row for row in re.findall(r"<tr>(.*?)</tr>", text, flags=re.DOTALL) if "/debug/runs/" in row]
    assert len(rows) == 2
    orders, days = rows
    assert 'datetime="2026-03-20T13:40:' in orders  # 20 minutes before 14:00
    assert re.search(r'class="number"><div>2<', orders)
    assert 'href="/incidents/lost" class="mono small">raw.<wbr>shop.<wbr>orders/orders<' in orders
    assert "not judged yet" in days
    assert html.escape(EVIL, quote=False).replace("'", "&#39;") in orders


def test_the_queue_says_depth_age_and_reason_by_lane(duty: TestClient) -> None:
    assert said(duty.get("/on-call"), section="queue").startswith(
        "Queue Lane Waiting Oldest Why backfill 1 30 min quota (1) default 2 10 min slot (2)"
    )


def test_burn_rates_stand_by_window_and_what_is_not_known_is_no_zero(duty: TestClient) -> None:
    words = said(duty.get("/on-call"), section="burning")
    assert "5m ▲ 15.0× 30m no evidence 1h ▲ 14.5× 6h 1.0× 3d 0.5×" in words
    assert "14.285%" in words  # 1 - 30/35, cut


def test_the_connector_map_tells_live_moving_last_event_and_cadence_apart(duty: TestClient) -> None:
    words = said(duty.get("/on-call"), section="connectors")
    assert re.search(r"orders file_drop resting .*Live yes, beat .* Moving yes, moved .* Last event 2026-03-02", words)
    assert "Expected no cadence is declared" in words


def test_an_incident_tells_its_times_symptoms_blast_radius_and_deliveries(duty: TestClient) -> None:
    page = duty.get("/incidents/lost")
    story = said(page, section="story")
    assert "1 min to detect" in story
    assert "30 s to notify, #shop" in story
    assert story.count("not yet") == 3
    assert said(page, section="hit").startswith("Whom it hits 5 datasets downstream of the cause")
    assert "curated.shop.orders Shop standard 1 fails too" in said(page, section="hit")
    assert "delivered after 30 s" in said(page, section="told")
    assert "failed 2 times, tried again no answer" in said(page, section="told")
    assert f'href="http://127.0.0.1:3000/runs/{RUN}"' in page.text
    assert f'href="/debug/runs/{RUN}?dataset=curated.shop.orders&amp;partition=2026-03-01"' in page.text
    assert "data-platform incident ack lost" in said(page, section="act")
    assert 'data-source="/graph/raw.shop.orders?' in page.text


def test_an_incident_that_is_over_offers_no_act_and_has_all_its_times(duty: TestClient) -> None:
    page = duty.get("/incidents/over")
    assert "data-platform incident ack" not in page.text
    story = said(page, section="story")
    for measure in ("10 min to detect", "10 min to acknowledge, ann", "50 min to mitigate", "55 min to resolve"):
        assert measure in story


def test_who_could_not_be_told_is_a_recipient_and_the_page_says_why(duty: TestClient) -> None:
    page = duty.get("/incidents/over")
    assert "Nobody could be told</b><span>no channel: name one in routes.yaml" in page.text
    assert "notified nobody could be told" in said(page, section="story")
    assert "nobody to send it to" in said(page, section="told")
    assert "Nobody could be told" not in duty.get("/incidents/lost").text
    words = said(duty.get("/incidents"))
    assert "Recipient" in words
    assert words.count("#shop not told") == 1
    assert "Mean to notify 30 s of 1" in words


def test_mean_times_are_over_those_incidents_that_came_so_far(duty: TestClient) -> None:
    words = said(duty.get("/incidents"))
    assert "Mean to detect 5 min 30 s of 2" in words  # (1 + 10) / 2 minutes
    assert "Mean to resolve 55 min of 1" in words
    assert "Mean to resolve no evidence" in said(duty.get("/incidents?state=open"))


def test_the_burn_down_is_what_was_left_after_each_day(duty: TestClient) -> None:
    text = duty.get(DETAIL).text
    known, left = (100 + 100 + 50 + 100), 1.0
    expected = []
    for bad in (0, 20, 0, 10):
        left -= bad / (0.1 * known)
        expected.append(round(100 * left, 4))
    (spec,) = [html.unescape(one) for one in re.findall(r'spec="([^"]*)"', text) if "budget left" in one]
    assert [float(one) for one in re.search(r'"values": \[(.*?)\]', spec)[1].split(",")] == expected  # type: ignore[index]
    assert "91.428%" in said(duty.get(DETAIL))  # 320 / 350, cut
    samples = text[text.index('id="samples"') :]
    rows = re.findall(r'<tr><td class="mono brief">(2026-03-\d\d) 00:00</td>(.*?)</tr>', samples)
    assert [(day, re.findall(r'number">([^<]*)<', cells)) for day, cells in rows] == [
        ("2026-03-20", ["90", "10", "0", "90%"]),
        ("2026-03-19", ["50", "0", "50", "100%"]),
        ("2026-03-18", ["80", "20", "0", "80%"]),
        ("2026-03-17", ["100", "0", "0", "100%"]),
    ]


def test_an_objective_without_evidence_says_so(duty: TestClient) -> None:
    words = said(duty.get("/objectives/connector_heartbeat.raw.shop.orders/orders"))
    assert "unknown" in words
    assert "no evidence of the error budget left" in words
    assert "No evidence in this window." in words
    assert "apiVersion: openslo/v1 kind: SLO" in words  # the project promises this one


def test_a_run_shows_its_trace_log_and_chosen_partition(duty: TestClient) -> None:
    page = duty.get(RUN_PAGE, params={"dataset": "curated.shop.orders", "partition": "2026-03-01"})
    places = re.findall(r"--from: ([\d.]+)%; --share: ([\d.]+)%", page.text)
    assert [(float(a), float(b)) for a, b in places] == [(0, 100), (25, 50), (37.5, 12.5)]  # of 8 seconds
    assert re.findall(r"--depth: (\d)", page.text) == ["0", "1", "2"]
    log = said(page, section="logs")
    assert "info run began rows=7" in log
    assert f"error {EVIL} SourceUnavailable: gone" in log


def test_lag_and_skew_of_partitions_are_those_of_the_ledger(duty: TestClient) -> None:
    page = duty.get("/debug?dataset=curated.shop.orders")
    lag, skew = [json.loads(html.unescape(one)) for one in re.findall(r'spec="([^"]*)"', page.text)]
    days = [f"2026-03-0{day}" for day in range(1, 6)]
    assert (lag["x"], lag["series"][0]["values"]) == (days, [1, 2, 3, 12, 1])  # hours after the end of each day
    assert (skew["x"], skew["series"][0]["name"]) == (days, "curated.shop.orders")
    assert skew["series"][0]["values"] == [1, 1, 4, 1, 0.5]  # of the median, 10 rows


def test_costs_add_up_and_the_untagged_line_is_in_sight(duty: TestClient) -> None:
    page = duty.get("/costs")
    # compute: 400 h and 100 h at 0.025; storage: 31 * 50 GiB for one of 31 days at 0.02
    compute, storage, untagged = 400 * 0.025 + 100 * 0.025, 50 * 0.02, 100 * 0.025
    # what the shop's own small runs cost is far below a cent
    assert tiles(page)[0][1].startswith(f"{compute + storage:.2f} EUR this month until now")
    assert tiles(page)[3][1].startswith(f"{untagged:.2f} EUR untagged: of")
    sums = re.findall(r"<tfoot><tr><td>Sum</td>(.*?)</tr>", page.text)
    expected = [f"{compute:.2f}", f"{storage:.2f}", "0.00", f"{compute + storage:.2f}"]
    assert [re.findall(r'number">([\d.]+)', one) for one in sums] == [expected] * 3  # by domain, owner and dataset
    rows = re.findall(r'<tr><td class="dataset"><a class="mono"(.*?)</tr>', page.text)
    lines = [[float(n) for n in re.findall(r'number">([\d.]+)', row)] for row in rows]
    assert [line[:4] for line in lines[:2]] == [[10.0, 1.0, 0.0, 11.0], [2.5, 0.0, 0.0, 2.5]]
    assert {sum(line[:4]) for line in lines[2:]} == {0}
    assert lines[0][4:] == [10.0, 1.0]  # of the terabyte that came in
    assert f"of it untagged {untagged:.2f}" in said(page)


@pytest.mark.parametrize(
    "path", ["/on-call", "/incidents", "/incidents/lost", "/objectives", DETAIL, "/debug", "/costs"]
)
def test_the_filter_goes_along_every_link_to_a_page_that_has_it(duty: TestClient, path: str) -> None:
    page = duty.get(f"{path}?{NARROWED}")
    assert page.status_code == 200
    main = page.text[page.text.index("<main") :]
    links = [
        html.unescape(one)
        for one in re.findall(r'(?:href|hx-get)="(/(?:incidents|objectives|debug|on-call)[^"]*)"', main)
    ]
    all_of_it = path if f'<a class="button" href="{path}">All</a>' in main else None
    asked = [parse_qs(urlsplit(one).query) for one in links if one != all_of_it]
    assert asked or path == "/costs"
    for query in asked:
        assert {name: query.get(name) for name in ("domain", "owner", "tier")} == {
            "domain": ["shop"], "owner": ["Shop"], "tier": ["standard"]}  # fmt: skip
        assert "dataset" in query


def test_the_filter_narrows_every_panel(duty: TestClient) -> None:
    page = duty.get("/on-call?dataset=served.shop.days")
    assert tiles(page)[:3] == [
        ("good", "0 open incidents"),
        ("bad", "1 pipelines failing"),
        ("", "? objectives burning: none was judged yet"),
    ]
    assert "No connector here" in said(page)
    # an incident is in sight for whoever owns a symptom of it, not only its cause
    assert tiles(duty.get("/on-call?dataset=curated.shop.orders"))[0] == ("bad", "1 open incidents: 1 page")
    assert said(duty.get("/costs?dataset=curated.shop.orders"), section="datasets").endswith("Sum 2.50 0.00 0.00 2.50")
    for path in ("/incidents", "/objectives", "/debug"):
        assert " here" in said(duty.get(f"{path}?domain=nowhere")) or "No incident" in said(
            duty.get(f"{path}?domain=nowhere")
        )


def test_the_start_shows_the_three_signals(duty: TestClient) -> None:
    page = duty.get("/")
    assert tiles(page)[:2] == [
        ("bad", "1 open incidents: 1 page"),
        ("warn", "1 of 3 objectives burning, 1 without evidence"),
    ]
    assert tiles(duty.get("/tiles/connectors")) == [("good", "0 of 1 connectors silent or stuck")]


@pytest.mark.parametrize("path", ["/incidents/none", "/objectives/none", "/debug/runs/none", "/runbooks/none"])
def test_what_is_not_there_says_where_to_go_on(duty: TestClient, path: str) -> None:
    answer = duty.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert f"/{path.split('/')[1]} lists" in answer.text


def test_nothing_measured_is_never_green(shop: Shop) -> None:
    page = shop.client.get("/on-call")
    assert tiles(page)[0] == ("warn", "? open incidents: nobody is watching")
    assert tiles(page)[2] == ("", "? objectives burning: none was judged yet")
    words = said(page)
    assert "The watch has never run" in words
    assert "No evidence: nobody is watching, so nothing is judged." in words
    assert "No evidence: no objective was judged yet." in words
    assert "No evidence: nobody has looked into the orchestrator's queue yet." in words
    for path in ("/incidents", "/objectives", "/debug", "/costs"):
        assert shop.client.get(path).status_code == 200


def test_an_empty_queue_is_told_only_while_somebody_looks_into_it(shop: Shop) -> None:
    beats, now = shop.kit.platform.metastore.operations.component_beats, shop.kit.clock.now()
    beat = ComponentBeat(component="queue", instance="host:1", beat_at=now, expected_every_seconds=15)
    beats.beat(beat)
    assert said(shop.client.get("/on-call"), section="queue").startswith("Queue Nothing waits. looked into")
    beats.forget("queue")
    beats.beat(replace(beat, beat_at=now - timedelta(minutes=4)))
    assert said(shop.client.get("/on-call"), section="queue").startswith("Queue no evidence since")
    beats.forget("queue")


@pytest.mark.parametrize(
    "address",
    ["/costs?month=2026-13", "/costs?month=2026-7", "/costs?month=2099-01", "/costs?page=0", "/on-call?page=x",
     "/on-call?feeds=-1", "/incidents?state=shut", "/incidents?page=100001", "/objectives?state=fine",
     "/objectives?page=1.5", "/debug?failed=perhaps", "/debug?page=0"],
)  # fmt: skip
def test_an_address_that_asks_for_what_there_cannot_be_is_refused_on_a_page_that_says_what(
    duty: TestClient, address: str
) -> None:
    answer = duty.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "text/html; charset=utf-8")
    words = said(answer)
    name = address.partition("?")[2].partition("=")[0]
    assert f"{name}: " in words or "2099-01 has not begun" in words


def test_the_costs_of_a_month_are_those_of_that_month_and_the_filter_keeps_it(duty: TestClient) -> None:
    this, before = duty.get("/costs?month=2026-03"), duty.get("/costs?month=2026-02")
    assert "2026-03-01 to 2026-03-20" in said(this)
    assert "Nothing was metered yet" not in said(this)
    assert "2026-02-01 to 2026-02-28" in said(before)
    assert 'name="month" value="2026-02"' in before.text
