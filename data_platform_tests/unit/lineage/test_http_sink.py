"""What the HTTP sink makes of the answers of a real server."""

from __future__ import annotations

import json
import socket
import ssl
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from data_platform.clock import ManualClock
from data_platform.errors import ConfigurationError, SinkRefused, SinkUnavailable
from data_platform.lineage.sinks.http import HttpSink
from data_platform.lineage.sinks.kinds import open_sinks
from data_platform.lineage.sinks.protocol import SinkPlace
from data_platform.metastore.outbox import OutboxEntry
from data_platform_tests.kit import NOON
from data_platform_tests.lineage_backend import Backend, Mode, lineage_backend

PLACE = SinkPlace(clock=ManualClock(NOON), take=lambda payloads: [""] * len(payloads))


@pytest.fixture
def backend() -> Iterator[Backend]:
    with lineage_backend() as found:
        yield found


def sink(backend: Backend, path: str = "", **options: object) -> HttpSink:
    return HttpSink(backend.url + path, options, PLACE)


def entry(number: int) -> OutboxEntry:
    return OutboxEntry(
        event_id=f"e{number}", run_id="r", created_at=NOON, payload=json.dumps({"number": number}), id=number
    )


def entries(count: int) -> list[OutboxEntry]:
    return [entry(number) for number in range(1, count + 1)]


def numbers(backend: Backend) -> list[int]:
    return [event["number"] for event in backend.events]


def test_events_go_one_by_one_in_order_to_the_specifications_path(backend: Backend) -> None:
    assert sink(backend).send(entries(3), within_seconds=5) == 3
    assert numbers(backend) == [1, 2, 3]
    assert backend.paths == ["/api/v1/lineage"] * 3
    assert backend.headers[0]["content-type"] == "application/json"


def test_another_path_and_headers_are_taken_as_they_are_written(backend: Backend) -> None:
    one = sink(backend, "/openapi/openlineage/api/v1/lineage", headers={"x-tenant": "shop"})
    one.send(entries(1), within_seconds=5)
    assert backend.paths == ["/openapi/openlineage/api/v1/lineage"]
    assert backend.headers[0]["x-tenant"] == "shop"


def test_bodies_are_compressed_on_request(backend: Backend) -> None:
    sink(backend, gzip=True).send(entries(2), within_seconds=5)
    assert numbers(backend) == [1, 2]
    assert backend.headers[0]["content-encoding"] == "gzip"


def test_a_credential_is_read_where_it_is_named_and_again_when_it_is_refused(backend: Backend, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old\n")
    one = sink(backend, credential={"file": str(token)})
    one.send([entry(1)], within_seconds=5)
    seen: list[str] = []

    def only_new(path: str, body: str) -> tuple[int, str]:
        seen.append(backend.headers[-1]["authorization"])
        return (201, "") if seen[-1] == "Bearer new" else (401, "who are you")

    backend.answer = only_new
    token.write_text("new\n")
    assert one.send([entry(2)], within_seconds=5) == 1
    assert seen == ["Bearer old", "Bearer new"]
    token.write_text("worse\n")
    backend.answer = lambda path, body: (403, "no")
    with pytest.raises(SinkUnavailable, match="did not take the credential: 403"):
        one.send([entry(3)], within_seconds=5)


def test_a_credential_of_the_environment_is_read_without_the_spaces_around_it(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAGE_TOKEN", " hush-hush\n")
    sink(backend, credential={"env": "LINEAGE_TOKEN"}).send([entry(1)], within_seconds=5)
    assert backend.headers[0]["authorization"] == "Bearer hush-hush"


@pytest.mark.parametrize("token", ["hush\nhush", "hush\u2026"])
def test_a_credential_that_cannot_be_a_header_is_told_without_it(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("LINEAGE_TOKEN", token)
    with pytest.raises(ConfigurationError, match="cannot be sent as a header") as raised:
        sink(backend, credential={"env": "LINEAGE_TOKEN"}).send([entry(1)], within_seconds=5)
    assert "hush" not in "".join(traceback.format_exception(raised.value))
    assert backend.asked == 0


@pytest.mark.parametrize("status", [300, 307, 404, 405, 407, 408, 421, 425, 429, 500, 502, 503, 504])
def test_an_answer_that_speaks_of_the_server_means_later(backend: Backend, status: int) -> None:
    backend.answer = lambda path, body: (status, "try\nlater")
    with pytest.raises(SinkUnavailable):
        sink(backend).send(entries(2), within_seconds=5)
    assert backend.asked == 1


@pytest.mark.parametrize("status", [400, 409, 410, 411, 413, 414, 415, 422, 431, 451])
def test_an_answer_that_speaks_of_the_event_is_a_refusal(backend: Backend, status: int) -> None:
    backend.answer = lambda path, body: (status, "no\nsuch  field")
    with pytest.raises(SinkRefused, match=rf"answered {status} .*no such field"):
        sink(backend).send(entries(2), within_seconds=5)


def test_what_was_taken_before_a_failure_counts(backend: Backend) -> None:
    backend.answer = lambda path, body: (201, "") if json.loads(body)["number"] < 3 else (400, "bad")
    assert sink(backend).send(entries(5), within_seconds=5) == 2


def test_a_server_says_how_long_it_wants_to_be_left_alone(backend: Backend) -> None:
    backend.answer = lambda path, body: (429, "")
    backend.extra = {"retry-after": "77"}
    with pytest.raises(SinkUnavailable) as raised:
        sink(backend).send(entries(1), within_seconds=5)
    assert raised.value.wait_seconds == 77


def test_a_moved_endpoint_is_told_and_not_followed(backend: Backend) -> None:
    backend.answer = lambda path, body: (308, "")
    backend.extra = {"location": "https://elsewhere/api"}
    with pytest.raises(SinkUnavailable, match="https://elsewhere/api"):
        sink(backend).send(entries(1), within_seconds=5)


@pytest.mark.parametrize("mode", [Mode.HANGS, Mode.LOSES, Mode.DRIPS])
def test_an_answer_that_does_not_come_ends_the_call_in_time(backend: Backend, mode: Mode) -> None:
    backend.mode = mode
    with pytest.raises(SinkUnavailable, match="did not answer"):
        sink(backend).send(entries(1), within_seconds=0.2)


def test_an_address_where_nobody_listens_means_later(backend: Backend) -> None:
    backend.stop()
    with pytest.raises(SinkUnavailable, match="refused"):
        sink(backend).send(entries(1), within_seconds=5)


def test_something_that_speaks_no_http_means_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        one = HttpSink(f"http://127.0.0.1:{port}", {}, PLACE)
        with pytest.raises(SinkUnavailable):
            one.send(entries(1), within_seconds=0.2)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that only itself vouches for, in one file."""
    x509 = pytest.importorskip("cryptography.x509", reason="needs cryptography, which moto brings")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    alternative = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    made = made.add_extension(alternative, critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    pem = serialization.Encoding.PEM
    form, no = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file = tmp_path / "server.pem"
    file.write_bytes(key.private_bytes(pem, form, no) + made.sign(key, hashes.SHA256()).public_bytes(pem))
    return file


def test_over_tls_only_a_server_that_is_trusted_gets_events_and_it_is_bounded_too(certificate: Path) -> None:
    backend = Backend(tls=ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
    assert backend.tls is not None
    backend.tls.load_cert_chain(certificate)
    backend.start()
    try:
        trusting = sink(backend, ca_file=str(certificate))
        assert trusting.send(entries(3), within_seconds=5) == 3
        with pytest.raises(SinkUnavailable, match="certificate"):
            sink(backend).send(entries(1), within_seconds=5)
        for backend.mode in (Mode.HANGS, Mode.DRIPS):
            with pytest.raises(SinkUnavailable, match="did not answer"):
                trusting.send(entries(1), within_seconds=0.3)
        with pytest.raises(ConfigurationError, match="cannot be read"):
            sink(backend, ca_file="/nowhere.pem").send(entries(1), within_seconds=5)
    finally:
        backend.stop()
    assert numbers(backend)[:3] == [1, 2, 3]


def test_batches_go_to_the_batch_endpoint(backend: Backend) -> None:
    assert sink(backend, batch_size=2).send(entries(5), within_seconds=5) == 5
    assert backend.paths == ["/api/v1/lineage/batch"] * 2 + ["/api/v1/lineage"]
    assert [json.loads(body) for body in backend.bodies] == [
        [{"number": 1}, {"number": 2}],
        [{"number": 3}, {"number": 4}],
        {"number": 5},
    ]


def test_of_a_batch_that_was_taken_in_part_the_leading_events_count(backend: Backend) -> None:
    failed = {"failed_events": [{"index": 2, "reason": "no job", "retriable": False}], "status": "partial_success"}
    backend.answer = lambda path, body: (200, json.dumps(failed))
    assert sink(backend, batch_size=4).send(entries(4), within_seconds=5) >= 2
    failed["failed_events"] = [{"index": 0, "reason": "no job", "retriable": False}]
    with pytest.raises(SinkRefused, match="no job"):
        sink(backend, batch_size=4).send(entries(4), within_seconds=5)
    failed["failed_events"] = [{"index": 0, "reason": "busy", "retriable": True}]
    with pytest.raises(SinkUnavailable, match="busy"):
        sink(backend, batch_size=4).send(entries(4), within_seconds=5)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (207, "not JSON"),
        (207, "{}"),
        (207, ""),
        (207, '{"failed_events": [{"index": 9}]}'),
        (207, '{"failed_events": [{"index": -1}]}'),
        (207, json.dumps({"failed_events": [{"index": 1, "reason": "no" * 40_000}]})),
        (200, json.dumps({"failed_events": [{"index": 1, "reason": "no" * 40_000}]})),
        (200, '{"failed_events": [{"reason": "which one?"}]}'),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_batch_whose_answer_cannot_be_read_is_sent_again_one_by_one(backend: Backend, status: int, body: str) -> None:
    one_by_one: list[int] = []

    def answer(path: str, text: str) -> tuple[int, str]:
        if path.endswith("batch"):
            return status, body
        one_by_one.append(json.loads(text)["number"])
        return (422, "no job") if one_by_one[-1] == 2 else (201, "")

    backend.answer = answer
    one = sink(backend, batch_size=3)
    assert one.send(entries(3), within_seconds=5) == 1
    with pytest.raises(SinkRefused, match="no job"):
        one.send(entries(3)[1:], within_seconds=5)
    assert one_by_one[:2] == [1, 2]


@pytest.mark.parametrize("body", ["", "OK", "[]", "{}", '{"failed_events": []}', '{"failed_events": null}'])
def test_a_batch_that_is_answered_with_success_and_no_faults_is_delivered(backend: Backend, body: str) -> None:
    backend.answer = lambda path, text: (200, body)
    assert sink(backend, batch_size=3).send(entries(3), within_seconds=5) == 3
    assert backend.asked == 1


def test_an_answer_that_breaks_off_does_not_count_as_success(backend: Backend) -> None:
    backend.extra = {"content-length": "5000"}  # the first of two lengths that differ
    with pytest.raises(SinkUnavailable):
        sink(backend, batch_size=3).send(entries(3), within_seconds=0.5)


def test_a_batch_that_is_refused_as_a_whole_is_sent_one_by_one(backend: Backend) -> None:
    backend.answer = lambda path, body: (400, "one is bad") if path.endswith("batch") else (201, "")
    assert sink(backend, batch_size=3).send(entries(3), within_seconds=5) == 3
    assert numbers(backend) == [1, 2, 3]
    assert backend.asked == 4


@pytest.mark.parametrize(
    ("words", "options", "message"),
    [
        (("ftp://x/y",), {}, "'ftp' is no kind of lineage sink"),
        (("http://",), {}, "has no host"),
        (("http://host:nope",), {}, "cannot be read"),
        (("http://host/?key=hush",), {}, "more than a path"),
        (("http://ann:hush@host",), {}, "holds a credential"),
        (("file:events.ndjson",), {}, "is no file"),
        (("file://host/events.ndjson",), {}, "is no file"),
        (("catalog",), {"http://host": {}}, "which DATA_PLATFORM_LINEAGE does not name"),
        (("catalog",), {"catalog": {"gzip": True}}, "gzip: Extra inputs"),
        (("http://host",), {"http://host": {"timeout_seconds": 300}}, "timeout_seconds"),
        (("http://host",), {"http://host": {"headers": {"Authorization": "hush"}}}, "use credential"),
        (("http://host", "http://host/api/v1/lineage"), {}, "twice"),
        (("file:///a/b", "file:/a/b"), {}, "twice"),
    ],
)
def test_settings_that_cannot_be_used_are_told_without_secrets(
    words: tuple[str, ...], options: dict[str, dict[str, object]], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as raised:
        open_sinks(words, options, PLACE)
    assert "hush" not in str(raised.value)


def test_the_names_of_sinks_are_what_the_settings_say() -> None:
    sinks = open_sinks(("catalog", "none", "https://host:8443/", "file:///a/events.ndjson"), {}, PLACE)
    assert [one.name for one in sinks] == [
        "catalog",
        "none",
        "https://host:8443/api/v1/lineage",
        "file:///a/events.ndjson",
    ]
    assert sinks[1].send(entries(4), within_seconds=1) == 4
