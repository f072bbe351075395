"""What senders state is held against what came from them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data_platform.connectors.http_push import connector as http_push
from data_platform.connectors.http_push.connector import open_push_source
from data_platform.connectors.http_push.declared_counts import latest
from data_platform.serving.collector import collector_app
from data_platform.serving.server import serve
from data_platform_tests.integration.connectors.push_kit import BATCH, NDJSON, Answer, event, post_to
from data_platform_tests.kit import Kit, later

COLUMNS = ("ce_id string required", "ce_source string", "ce_time timestamp")
YESTERDAY = "2026-03-19"
COUNTS = "/ingest/events/counts"


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    monkeypatch.setattr(http_push, "_WAIT_SECONDS", 0.0)
    (tmp_path / "token").write_text("correct-horse")
    one = Kit(tmp_path)
    options = {"token": {"file": str(tmp_path / "token")}, "accepts": ["cloudevents", "ndjson"], "count_every": "PT0S"}
    connector = {"kind": "http_push", "path": "/ingest/events", **options}
    shape = {"kind": "ndjson", "envelope": "cloudevents"}
    one.raw("events", COLUMNS, connector=connector, format=shape, watermark="ce_time")
    yield one
    one.close()


@pytest.fixture
def port(kit: Kit) -> Iterator[int]:
    source = open_push_source(kit.entry("events"), kit.platform.ingester.place)
    server = serve(collector_app([source]))
    yield server.port
    server.stop()
    source.spool.close()


def send(port: int, *numbers: int, day: str = YESTERDAY) -> None:
    events = [event(number, time=f"{day}T10:00:00Z") for number in numbers]
    assert post_to(port, json.dumps(events).encode(), BATCH).status == 202


def state(port: int, rows: Any, *, day: str = YESTERDAY, **more: str) -> Answer:
    body = json.dumps({"date": day, "rows": rows}).encode()
    return post_to(port, body, "application/json", path=COUNTS, **more)


def measured(kit: Kit) -> dict[str, tuple[float | None, float, str]]:
    later(kit, seconds=15)
    values = [one for one in kit.platform.slis.measure(kit.clock.now()) if one.sli == "completeness"]
    return {one.partition: (one.value, one.bad, one.provenance) for one in values}


def spool(kit: Kit) -> Path:
    return kit.platform.settings.spool_dir / "http_push" / "shop.events"


def test_without_a_statement_nothing_is_known_of_what_was_sent(kit: Kit, port: int) -> None:
    send(port, 1, 2, 3)
    kit.ingest("events")
    assert measured(kit) == {}


def test_events_that_never_reached_us_are_missing_and_those_sent_twice_do_not_replace_them(kit: Kit, port: int) -> None:
    send(port, 1, 2, 3, 4)
    send(port, 3, 4)  # their answer was lost on its way
    assert state(port, 5).body == {"date": YESTERDAY, "rows": 5, "before": None}
    kit.ingest("events")
    assert len(kit.rows("raw.events")) == 6
    assert measured(kit) == {f"events/{YESTERDAY}": (0.8, 1.0, "manifest")}
    send(port, 5)  # late, and told; the breach stays counted
    kit.ingest("events")
    assert measured(kit) == {f"events/{YESTERDAY}": (1.0, 0.0, "manifest")}


def test_events_that_wait_in_the_spool_are_not_missing(kit: Kit, port: int) -> None:
    send(port, 1)
    kit.ingest("events")
    send(port, 2, 3)
    state(port, 3)
    with kit.platform.ingester.open(kit.entry("events")) as ingestion:
        ingestion.note_promises()  # as it happens to be asked before the next poll
    assert measured(kit) == {}
    kit.ingest("events")
    assert measured(kit) == {f"events/{YESTERDAY}": (1.0, 0.0, "manifest")}


def test_the_last_statement_about_a_day_holds_and_the_same_again_changes_nothing(kit: Kit, port: int) -> None:
    send(port, 1, 2, 3)
    assert [state(port, rows).body["before"] for rows in (40, 3, 3)] == [None, 40, 3]
    kit.ingest("events")
    assert measured(kit) == {f"events/{YESTERDAY}": (1.0, 0.0, "manifest")}
    kept = (spool(kit) / "counts.ndjson").read_text().split()
    assert len([line for line in kept if '"rows":' in line]) == 2  # each statement once, with its time
    assert {said.rows for said in latest(spool(kit)).values()} == {3}


def test_a_rejected_event_came_and_is_not_missing(kit: Kit, port: int) -> None:
    send(port, 1, 2)
    assert post_to(port, b'{"id": 3, "time"\n', NDJSON).status == 202
    state(port, 3)
    kit.ingest("events")
    assert measured(kit) == {f"events/{YESTERDAY}": (1.0, 0.0, "manifest")}


def test_a_count_of_what_never_came_at_all_is_held_against_nothing(kit: Kit, port: int) -> None:
    state(port, 7)
    kit.ingest("events")
    assert measured(kit) == {f"events/{YESTERDAY}": (0.0, 7.0, "manifest")}


def test_only_who_may_send_may_state_and_only_what_makes_sense(kit: Kit, port: int) -> None:
    assert state(port, 1, authorization="").status == 401
    assert state(port, 1, authorization="Bearer other").status == 401
    assert post_to(port, b"", path=COUNTS, method="GET").status == 405
    for rows in (-1, 1.5, "many", True, None):
        refused = state(port, rows)
        assert (refused.status, "rows" in refused.body["detail"]) == (400, True)
    for day in ("2026-03-22", "2026-03-16", "19.3.2026"):
        assert state(port, 1, day=day).status == 400
    assert post_to(port, b"[]" * 4096, "application/json", path=COUNTS).status == 413
    assert latest(spool(kit)) == {}


def test_a_statement_that_a_crash_tore_was_never_made(kit: Kit, port: int) -> None:
    state(port, 3)
    with (spool(kit) / "counts.ndjson").open("ab") as file:
        file.write(b'{"at":"2026-03-20T12:0')
    state(port, 4, day="2026-03-18")
    assert {str(day): said.rows for day, said in latest(spool(kit)).items()} == {YESTERDAY: 3, "2026-03-18": 4}


def test_a_sender_that_states_often_about_one_day_takes_no_other_days_statement_away(
    kit: Kit, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_platform.connectors.http_push.declared_counts._MOST_BYTES", 600)
    state(port, 3)
    for rows in range(30):
        assert state(port, rows, day="2026-03-20").status == 200
    assert {str(day): said.rows for day, said in latest(spool(kit)).items()} == {YESTERDAY: 3, "2026-03-20": 29}
    assert sum(file.stat().st_size for file in spool(kit).glob("counts.ndjson*")) < 3000
