"""What an incident says of who was told of it and who took it."""

from __future__ import annotations

from datetime import timedelta

from data_platform.clock import ManualClock
from data_platform.incidents.breakers import Breakers
from data_platform.incidents.channels.recording import Recording
from data_platform.incidents.delivery import Deliverer
from data_platform.incidents.messages import message_of
from data_platform.incidents.model import Alert
from data_platform.incidents.people import People
from data_platform.incidents.report import report
from data_platform.incidents.routing import Routes
from data_platform.metastore.engine import Metastore
from data_platform.metastore.incident_tables import IncidentState
from data_platform.metastore.incidents import IncidentEntry
from data_platform.serving.console.operations.incident import means, untold
from data_platform_tests.integration.incidents.test_engine import NOON, ROUTES, engine_over, failed, found

LAPSED = "the acknowledgement of ann as a ticket does not hold for it; acknowledge again"


def only(metastore: Metastore) -> IncidentEntry:
    (incident,) = metastore.operations.incidents.recent()
    return incident


def sends(metastore: Metastore, routes: Routes) -> Deliverer:
    breakers = Breakers(metastore=metastore, clock=ManualClock(NOON))
    return Deliverer(metastore=metastore, routes=routes, breakers=breakers, senders={"h": Recording()})


def test_a_raise_names_the_acknowledgement_that_it_ends(metastore: Metastore) -> None:
    engine, store = engine_over(metastore), metastore.operations
    engine.take(found(failed("raw.shop.a")))
    clock = ManualClock(NOON + timedelta(minutes=1))
    People(metastore=metastore, clock=clock).acknowledge(only(metastore).incident_id, who="ann")
    lost = failed("raw.shop.a", alert=Alert.DATA_LOSS, page=True)
    engine.take(found(lost, at=NOON + timedelta(minutes=2)))
    incident = only(metastore)
    assert (incident.state, incident.acknowledged_by) == (IncidentState.OPEN, "")
    (raised,) = [line for line in store.incident_events.of(incident.incident_id) if line.kind == "raised"]
    assert raised.detail == f"data_loss of raw.shop.a; severity rose to page: {LAPSED}"
    said = {note.kind: message_of(metastore, note, str) for note in store.notifications.of([incident.incident_id])}
    assert LAPSED in said["raised"].text
    assert said["raised"].body["why"] == raised.detail
    assert said["opened"].body["why"] == ""


def test_a_raise_of_what_nobody_took_speaks_of_no_acknowledgement(metastore: Metastore) -> None:
    engine = engine_over(metastore)
    engine.take(found(failed("raw.shop.a")))
    engine.take(found(failed("raw.shop.a", alert=Alert.DATA_LOSS, page=True), at=NOON + timedelta(minutes=2)))
    lines = metastore.operations.incident_events.of(only(metastore).incident_id)
    assert [line.detail for line in lines if line.kind == "raised"] == ["data_loss of raw.shop.a"]


def test_a_ticket_that_was_escalated_is_escalated_again_as_a_page(metastore: Metastore) -> None:
    engine = engine_over(metastore)
    lost = failed("raw.shop.a", alert=Alert.DATA_LOSS, page=True)
    hours = (0, 25, 26, 26.5)  # a ticket waits for a day, a page for 15 minutes
    for after, symptom in zip(hours, (failed("raw.shop.a"), failed("raw.shop.a"), lost, lost), strict=True):
        engine.take(found(symptom, at=NOON + timedelta(hours=after)))
    notes = metastore.operations.notifications.of([only(metastore).incident_id])
    assert [note.severity for note in notes if note.kind == "escalated"] == ["ticket", "page"]


def test_nobody_is_notified_until_a_channel_took_a_message(metastore: Metastore) -> None:
    notifications = metastore.operations.notifications
    engine_over(metastore, routes=Routes()).take(found(failed("raw.shop.a")))
    sends(metastore, Routes()).once(NOON + timedelta(minutes=1))
    incident = only(metastore)
    assert incident.notified_at is None
    assert ("to notify", None, 0) in means([incident])
    assert untold(notifications.of([incident.incident_id])).startswith("no channel: name one in routes.yaml")
    span = {"since": NOON - timedelta(days=1), "until": NOON + timedelta(days=1)}
    assert report(metastore, **span).per_shift == {}
    sends(metastore, ROUTES).once(NOON + timedelta(minutes=5))  # a process that knows the routes
    sends(metastore, ROUTES).once(NOON + timedelta(minutes=6))
    incident = only(metastore)
    assert incident.notified_at == NOON + timedelta(minutes=5)
    assert ("to notify", 300.0, 1) in means([incident])
    assert untold(notifications.of([incident.incident_id])) == ""
