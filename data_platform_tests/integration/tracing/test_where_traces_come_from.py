"""Traces go on from whoever sends events and whoever starts a process, and are told to whoever is asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_platform.catalog.trace import UnknownId, trace
from data_platform.cli.main import run as command
from data_platform.connectors.http_push.senders import note_sender, take_senders
from data_platform.lineage.sinks.http import _trace_header
from data_platform.observability.tracing.finding import makers_of, trace_id_of_batch
from data_platform_tests.integration.tracing.shop import deliver, shop
from data_platform_tests.kit import Kit

ONE, TWO = (f"00-{digit * 32}-{digit * 16}-01" for digit in "12")


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    one = shop(Kit(tmp_path))
    yield one
    one.close()


def go_the_whole_way(kit: Kit) -> str:
    deliver(kit, 1)
    kit.ingest("orders")
    kit.refresh("curated.orders")
    kit.refresh("served.by_day")
    kit.platform.tracer.close()
    return trace_id_of_batch(kit.platform.metastore, "raw.shop.orders", "orders/1")


def test_senders_are_remembered_until_their_events_are_taken(tmp_path: Path) -> None:
    for said in (ONE, TWO, ONE, "x" * 500, "not\nprintable", ""):
        note_sender(tmp_path, said)
    assert take_senders(tmp_path) == (TWO, ONE)  # the newest last
    assert take_senders(tmp_path) == ()


def test_a_spool_that_is_gone_costs_the_trace_and_nothing_else(tmp_path: Path) -> None:
    note_sender(tmp_path / "nowhere", ONE)
    assert take_senders(tmp_path / "nowhere") == ()


def test_a_batch_of_pushed_events_is_in_the_trace_of_the_last_sender_and_links_the_others(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit.raw(
        "events",
        ("order_id string key", "amount int"),
        connector={
            "kind": "http_push",
            "token": {"file": str(tmp_path / "token")},
            "accepts": ["ndjson"],
            "path": "/events",
        },
        format={"kind": "ndjson"},
    )
    (tmp_path / "token").write_text("a-token-of-this-test")
    asyncio.run(_push(kit, ONE, TWO))
    (batch,) = kit.ingest("events")
    assert batch.raw_rows == 2
    assert trace_id_of_batch(kit.platform.metastore, "raw.shop.events", "events/1") == "2" * 32
    kit.platform.tracer.close()
    whole = next(one for one in kit.platform.metastore.operations.spans.of_trace("2" * 32) if one.name == "batch")
    assert (whole.parent_id, whole.links) == ("2" * 16, (ONE,))
    kit.close()


async def _push(kit: Kit, *senders: str) -> None:
    import httpx

    from data_platform.connectors.http_push.connector import open_push_source
    from data_platform.serving.collector import collector_app

    source = open_push_source(kit.entry("events"), kit.platform.ingester.place)
    try:
        app = collector_app([source])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            for number, sender in enumerate(senders):
                answer = await client.post(
                    "/events",
                    content=json.dumps({"order_id": str(number), "amount": 1}) + "\n",
                    headers={
                        "content-type": "application/x-ndjson",
                        "authorization": "Bearer a-token-of-this-test",
                        "traceparent": sender,
                    },
                )
                assert answer.status_code == 202, answer.text
    finally:
        source.spool.close()


def test_whoever_starts_a_process_is_gone_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEPARENT", ONE)
    kit = shop(Kit(tmp_path))
    assert go_the_whole_way(kit) == "1" * 32
    assert {run.traceparent.split("-")[1] for run in kit.platform.metastore.runs.recent()} == {"1" * 32}
    kit.close()


def test_the_chain_is_found_by_its_trace_id_and_says_it(kit: Kit) -> None:
    trace_id = go_the_whole_way(kit)
    found = trace(kit.platform.metastore, trace_id)
    assert found.kind == "trace"
    assert [one.batch.batch_id for one in found.batches] == ["orders/1"]
    assert {one.table for one in found.versions} == {"raw.shop.orders", "curated.shop.orders", "served.shop.by_day"}
    assert {trace_id} == {one.run.traceparent.split("-")[1] for one in found.versions if one.run is not None}
    with pytest.raises(UnknownId):
        trace(kit.platform.metastore, "f" * 32)


def test_a_reader_goes_on_from_what_made_the_version_that_is_read(kit: Kit) -> None:
    trace_id = go_the_whole_way(kit)
    version = kit.table("served.by_day").snapshot().version
    (made,) = makers_of(kit.platform.metastore, {"served.shop.by_day": version})
    assert made.split("-")[1] == trace_id
    assert makers_of(kit.platform.metastore, {"served.shop.by_day": 99}) == ()


def test_a_lineage_event_is_sent_with_the_trace_that_it_tells_of(kit: Kit) -> None:
    trace_id = go_the_whole_way(kit)
    sent = [_trace_header(entry.payload)["traceparent"] for entry in kit.platform.metastore.outbox.pending()]
    assert {one.split("-")[1] for one in sent} == {trace_id}
    assert _trace_header('{"eventType": "START"}') == {}


def test_the_logs_command_finds_a_runs_lines(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = kit.platform.settings.home
    for name, value in {"HOME": home, "DOMAINS": kit.folder / "domains", "SOURCE": kit.folder / "source"}.items():
        monkeypatch.setenv(f"DATA_PLATFORM_{name}", str(value))
    monkeypatch.chdir(kit.folder)
    deliver(kit, 1)
    assert command(["ingest", "run", "orders"]) == 0
    capsys.readouterr()
    assert command(["logs", "--json", "--since", "1h"]) == 0
    lines = json.loads(capsys.readouterr().out)
    assert [line["event"] for line in lines] == ["a run began", "a batch was committed", "a run ended"]
    run_id = lines[0]["run_id"]
    assert command(["logs", run_id, "--level", "warning"]) == 0
    assert capsys.readouterr().out == ""
    assert command(["logs", run_id]) == 0
    assert "orders/1" in capsys.readouterr().out
    assert command(["logs", "--since", "yesterday"]) == 2
