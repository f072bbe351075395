from __future__ import annotations

import hashlib
import hmac
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_platform.clock import ManualClock
from data_platform.errors import ConfigurationError
from data_platform.incidents import delivery
from data_platform.incidents.breakers import Breakers
from data_platform.incidents.channels.recording import Recording
from data_platform.incidents.delivery import Deliverer
from data_platform.incidents.dossier import dossier
from data_platform.incidents.routing import Routes, read_routes
from data_platform.metastore.engine import Metastore
from data_platform.metastore.incident_tables import IncidentSeverity, IncidentState
from data_platform.metastore.incidents import IncidentEntry
from data_platform.metastore.notifications import NotificationEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.symptoms import SymptomEntry
from data_platform.metastore.tables import RunState
from data_platform.observability.tracing.finding import traceparent_of_run
from data_platform_tests.integration.incidents.webhooks import Received

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)


def queue(metastore: Metastore, *, channel: str = "first", number: int = 1) -> NotificationEntry:
    incident = IncidentEntry(
        incident_id=f"20260320-{number}",
        cause="raw.shop.orders",
        alert="run_failed",
        severity=IncidentSeverity.PAGE,
        state=IncidentState.OPEN,
        title="raw.shop.orders failed",
        dataset="raw.shop.orders",
        domain="shop",
        owner="Shop",
        recipient="#shop",
        began_at=NOON,
        detected_at=NOON,
        pressing_since=NOON,
    )
    note = NotificationEntry(
        incident_id=incident.incident_id,
        kind="opened",
        channel=channel,
        recipient="#shop",
        severity="page",
        created_at=NOON,
        next_attempt_at=NOON,
    )
    metastore.operations.incidents.put([incident])
    assert metastore.operations.notifications.queue([note]) == 1
    return note


def deliverer(metastore: Metastore, clock: ManualClock, **channels: dict[str, Any]) -> Deliverer:
    routes = Routes.model_validate({"teams": {"#shop": {"channels": list(channels)}}, "channels": channels})
    return Deliverer(metastore=metastore, routes=routes, breakers=Breakers(metastore=metastore, clock=clock))


def go_on(sends: Deliverer, clock: ManualClock, *, times: int) -> None:
    for _ in range(times):
        sends.once(clock.now())
        clock.advance(timedelta(minutes=2))


def test_a_webhook_gets_a_signed_message_with_a_stable_key_once(metastore: Metastore, hook: Received) -> None:
    clock = ManualClock(NOON)
    queue(metastore)
    sends = deliverer(metastore, clock, first={"webhook": hook.address, "secret": "k"})
    go_on(sends, clock, times=3)
    assert [body["incident_id"] for body in hook.bodies] == ["20260320-1"]
    assert hook.headers[0]["idempotency-key"] == "20260320-1/opened/page/first"
    digest = hmac.new(b"k", hook.raw[0], hashlib.sha256).hexdigest()
    assert hook.headers[0]["x-data-platform-signature"] == f"sha256={digest}"


def test_a_message_leads_to_the_trace_of_the_run_that_failed(metastore: Metastore, hook: Received) -> None:
    clock, trace = ManualClock(NOON), f"00-{'a' * 32}-{'b' * 16}-01"
    queue(metastore)
    run = RunEntry(run_id="r1", dataset="raw.shop.orders", started_at=NOON, state=RunState.FAILED, traceparent=trace)
    below = replace(run, run_id="r2", dataset="served.shop.days", traceparent=f"00-{'c' * 32}-{'d' * 16}-01")
    metastore.runs.record([run, below])
    metastore.operations.symptoms.put(
        SymptomEntry(
            incident_id="20260320-1", alert="run_failed", subject=one.dataset, dataset=one.dataset,
            severity=IncidentSeverity.PAGE, began_at=NOON, last_seen=NOON,
            first_seen=NOON - timedelta(minutes=len(one.dataset)), evidence={"run_id": one.run_id},
        )
        for one in (run, below)
    )  # fmt: skip
    sends = deliverer(metastore, clock, first={"webhook": hook.address})
    replace(sends, traceparent=lambda run_id: traceparent_of_run(metastore, run_id)).once(NOON)
    assert hook.headers[0]["traceparent"] == trace
    assert (hook.bodies[0]["run_id"], hook.bodies[0]["trace_id"]) == ("r1", "a" * 32)
    incident = metastore.operations.incidents.get("20260320-1")
    assert incident is not None
    told = dossier(metastore, incident)
    assert (told["run_id"], told["trace_id"]) == ("r1", "a" * 32)


def test_a_notification_is_queued_once_however_often_it_is_asked_for(metastore: Metastore) -> None:
    note = queue(metastore)
    assert metastore.operations.notifications.queue([note, note]) == 0


@pytest.mark.parametrize("answer", [500, 404, 301])
def test_what_the_first_channel_does_not_take_goes_to_the_second(
    answer: int, metastore: Metastore, hook: Received, second_hook: Received
) -> None:
    hook.answer = answer
    clock = ManualClock(NOON)
    queue(metastore)
    sends = deliverer(metastore, clock, first={"webhook": hook.address}, second={"webhook": second_hook.address})
    go_on(sends, clock, times=6)
    assert (hook.calls, len(second_hook.bodies)) == (delivery.ATTEMPTS, 1)
    (act,) = metastore.operations.automatic_acts.recent()
    assert (act.kind, act.outcome) == ("second_channel", "second")


def test_a_channel_that_hangs_is_given_up_in_bounded_time(
    metastore: Metastore, hook: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_ATTEMPT_SECONDS", 0.2)
    hook.hang_seconds = 1.0
    queue(metastore)
    clock = ManualClock(NOON)
    sends = deliverer(metastore, clock, first={"webhook": hook.address})
    assert sends.once(NOON) == {"delivered": 0, "failed": 1}
    (note,) = metastore.operations.notifications.of(["20260320-1"])
    assert note.delivered_at is None
    assert note.next_attempt_at is not None
    assert note.next_attempt_at > NOON


def test_without_a_second_channel_it_is_tried_until_it_is_taken(metastore: Metastore, hook: Received) -> None:
    hook.answer = 503
    clock = ManualClock(NOON)
    queue(metastore)
    sends = deliverer(metastore, clock, first={"webhook": hook.address})
    go_on(sends, clock, times=4)
    hook.answer = 200
    clock.advance(timedelta(minutes=30))
    go_on(sends, clock, times=3)
    assert len(hook.bodies) == 1


def test_of_two_processes_one_makes_the_attempt(metastore: Metastore) -> None:
    queue(metastore)
    (due,) = metastore.operations.notifications.due(NOON)
    until = NOON + timedelta(minutes=1)
    assert metastore.operations.notifications.claim(due, until=until) is True
    assert metastore.operations.notifications.claim(due, until=until) is False


def test_a_process_that_dies_between_sending_and_noting_it_repeats_the_same_key(metastore: Metastore) -> None:
    clock = ManualClock(NOON)
    queue(metastore)
    channel = Recording()
    sends = deliverer(metastore, clock, first={"webhook": "http://127.0.0.1:9"})
    sends.senders["first"] = channel
    (due,) = metastore.operations.notifications.due(NOON)
    metastore.operations.notifications.claim(due, until=NOON + timedelta(seconds=60))  # and then it died
    assert sends.once(NOON) == {"delivered": 0, "failed": 0}
    assert sends.once(NOON + timedelta(seconds=61)) == {"delivered": 1, "failed": 0}
    assert [message.key for message in channel.messages] == ["20260320-1/opened/page/first"]


def test_a_channel_that_failed_too_often_is_left_alone(metastore: Metastore) -> None:
    clock = ManualClock(NOON)
    for number in range(8):
        queue(metastore, number=number)
    first, second = Recording(is_down=True), Recording()
    sends = deliverer(metastore, clock, first={"webhook": "http://a"}, second={"webhook": "http://b"})
    sends.senders.update({"first": first, "second": second})
    go_on(sends, clock, times=2)
    assert len(second.messages) >= 3  # what came after the breaker opened did not wait for three attempts
    breaker = metastore.operations.breakers.of("channel/first")
    assert breaker is not None
    assert breaker.failures >= 5


def test_apprise_that_knows_no_such_service_is_a_failure_without_its_address(
    metastore: Metastore, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    clock = ManualClock(NOON)
    queue(metastore)
    sends = deliverer(metastore, clock, first={"apprise": "nosuch://user:s3cret@host"})
    go_on(sends, clock, times=1)
    (note,) = metastore.operations.notifications.of(["20260320-1"])
    assert "apprise does not know" in note.error
    assert "s3cret" not in note.error + caplog.text + capsys.readouterr().out


def test_apprise_delivers_json_to_a_real_server(metastore: Metastore, hook: Received) -> None:
    clock = ManualClock(NOON)
    queue(metastore)
    sends = deliverer(metastore, clock, first={"apprise": hook.address.replace("http://", "json://")})
    go_on(sends, clock, times=1)
    assert "raw.shop.orders failed" in hook.bodies[0]["title"]


def test_an_address_that_cannot_be_reached_is_not_told_to_anybody(
    metastore: Metastore, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = ManualClock(NOON)
    queue(metastore)
    sends = deliverer(metastore, clock, first={"webhook": "http://127.0.0.1:9/s3cret"})
    go_on(sends, clock, times=4)
    (note,) = metastore.operations.notifications.of(["20260320-1"])
    assert note.error.startswith("no answer")
    assert "s3cret" not in note.error + caplog.text + capsys.readouterr().out + repr(sends.routes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("channels: {a: {webhook: '${NOT_SET}'}}", "NOT_SET"),
        ("chanels: {}", "channels"),
        ("platform: {channels: [x]}", "'x'"),
        ("channels: {a: {webhook: 'http://s3cret', apprise: 'json://s3cret'}}", "either"),
        ("channels: [", "not YAML"),
    ],
)
def test_routes_that_cannot_be_used_are_refused_without_their_secrets(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=said) as refused:
        read_routes(path, {})
    assert "s3cret" not in str(refused.value)


def test_a_rotation_goes_week_by_week() -> None:
    routes = Routes.model_validate(
        {"teams": {"#shop": {"rotation": {"starts_on": "2026-03-02", "people": ["ann", "bob", "kim"]}}}}
    )
    weeks = [routes.on_duty("#shop", datetime(2026, 3, day, 9, tzinfo=UTC)) for day in (1, 2, 8, 9, 16, 23)]
    assert weeks == ["ann", "ann", "ann", "bob", "kim", "ann"]


def test_what_a_process_without_routes_found_first_is_told_by_one_with_routes(
    metastore: Metastore, hook: Received
) -> None:
    clock = ManualClock(NOON)
    queue(metastore, channel="")
    go_on(deliverer(metastore, clock), clock, times=1)
    go_on(deliverer(metastore, clock, first={"webhook": hook.address}), clock, times=2)
    assert [body["incident_id"] for body in hook.bodies] == ["20260320-1"]
