"""The collector endpoint as a process, over sockets: what is acknowledged is on disk, and stays there."""

from __future__ import annotations

import gzip
import http.client
import json
import random
import re
import resource
import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data_platform_tests.integration.connectors.push_kit import (
    BATCH,
    NDJSON,
    TOKEN,
    Senders,
    Served,
    collector,
    event,
    stored,
)

SMALL = {"quota_bytes": 1 << 16, "max_request_bytes": 1 << 14, "segment_bytes": 1 << 12}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with collector(tmp_path) as one:
        yield one


def text(number: int | str, **more: Any) -> bytes:
    return json.dumps(event(number, **more)).encode()


def test_every_content_mode_is_stored_as_one_line_an_event(served: Served) -> None:
    first, second, third = text(1, data={"n": 1.50}), text(2), text(3)
    assert served.post(first)[::2] == (202, {"accepted": 1})
    assert served.post(b"[%b, %b]" % (second, third), f"{BATCH}; charset=UTF-8")[::2] == (202, {"accepted": 2})
    headers = {"ce_specversion": "1.0", "ce_id": "4", "ce_type": "t", "ce_source": "/s", "ce_subject": "a%20b"}
    assert served.post(b'{"n":1.50}', "application/json", **headers).status == 202
    assert served.post(b'{"plain": 1.50}\nnot json\n', NDJSON)[::2] == (202, {"accepted": 2})
    lines = served.stored()
    assert lines[:3] == [first, second, third]
    assert json.loads(lines[3]) == {
        "specversion": "1.0", "id": "4", "type": "t", "source": "/s", "subject": "a b",
        "datacontenttype": "application/json", "data": {"n": 1.5},
    }  # fmt: skip
    assert lines[3].endswith(b'"data":{"n":1.50}}')
    assert lines[4:] == [b'{"plain": 1.50}', b"not json"]


def test_an_empty_batch_is_fine_and_stores_nothing(served: Served) -> None:
    assert served.post(b"[]", BATCH)[::2] == (200, {"accepted": 0})
    assert served.stored() == []


def test_one_invalid_event_refuses_its_batch_whole_with_a_problem_document(served: Served) -> None:
    answer = served.post(b"[%b,%b]" % (text(1), text(2, time="noon, s3cr3t")), BATCH)
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.body == {
        "type": "about:blank", "title": "Bad Request", "status": 400, "index": 1,
        "detail": "time is not a timestamp (RFC 3339)",
    }  # fmt: skip
    assert served.stored() == []


@pytest.mark.parametrize(
    ("kind", "headers", "body"),
    [
        ("application/json", {}, b"{}"),
        ("", {}, b"{}"),
        ("application/cloudevents+avro", {}, b"x"),
        ("application/cloudevents+json; charset=utf-16", {}, b"x"),
        ("application/x-ndjson; charset=latin-1", {}, b"{}"),
        (NDJSON, {"content_encoding": "br"}, b"{}"),
    ],
)
def test_what_is_not_understood_is_415(served: Served, kind: str, headers: dict[str, str], body: bytes) -> None:
    assert served.post(body, kind, **headers).status == 415


def test_an_entry_accepts_only_what_it_says(tmp_path: Path) -> None:
    with collector(tmp_path, accepts=["ndjson"]) as served:
        answer = served.post(text(1))
        assert (answer.status, answer.body["detail"]) == (
            415,
            "this entry does not accept cloudevents; accepted: ndjson",
        )
        assert served.post(b"{}", "", ce_id="1").status == 415
        assert served.post(b"{}", NDJSON).status == 202


def test_addresses_and_methods_that_are_not_there(served: Served) -> None:
    assert served.post(text(1), path="/ingest/others").status == 404
    assert served.post(text(1), path="/ingest/others").headers["content-type"] == "application/problem+json"
    answer = served.post(b"", method="GET")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert served.post(b"", method="GET", path="/health")[::2] == (200, {"status": "ok"})
    paths = served.post(b"", method="GET", path="/openapi.json").body["paths"]
    assert {"/health", "/ingest/events"} <= paths.keys()


def test_only_the_present_token_is_accepted(served: Served) -> None:
    for shown in ("", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN):
        answer = served.post(text(1), authorization=shown)
        assert (answer.status, answer.headers["www-authenticate"][:6]) == (401, "Bearer")
        assert TOKEN not in json.dumps(answer.body)
    assert served.post(text(1), authorization=f"bearer {TOKEN}").status == 202
    assert served.stored() == [text(1)]


def test_a_rotated_token_works_without_a_restart_and_the_old_one_stops(served: Served) -> None:
    assert served.post(text(1)).status == 202
    (served.folder / "token").write_text("battery-staple\n")
    _wait_until(lambda: served.post(text(2), authorization="Bearer battery-staple").status == 202)
    assert served.post(text(3)).status == 401
    (served.folder / "token").write_text(TOKEN)
    _wait_until(lambda: served.post(text(4), authorization="Bearer battery-staple").status == 401)
    assert served.post(text(5)).status == 202
    (served.folder / "token").unlink()
    _wait_until(lambda: served.post(text(6)).status == 503)
    assert {"1", "2", "5"} <= {json.loads(line)["id"] for line in served.stored()} <= {"1", "2", "4", "5", "6"}


def test_gzip_is_unpacked_up_to_the_limit(tmp_path: Path) -> None:
    with collector(tmp_path, **SMALL) as served:
        packed = gzip.compress(text(1)[:20]) + gzip.compress(text(1)[20:])
        assert served.post(packed, content_encoding="gzip").status == 202
        bomb = gzip.compress(b" " * (100 << 20))
        assert served.post(bomb[:10_000], content_encoding="gzip").status == 413
        assert served.post(packed[:-3], content_encoding="gzip").status == 400
        assert served.post(text(1), content_encoding="gzip").status == 400
        assert served.stored() == [text(1)]


def test_a_request_above_the_limit_is_413_declared_or_not(tmp_path: Path) -> None:
    with collector(tmp_path, **SMALL) as served:
        large = text(1, data="x" * (1 << 14))
        assert served.post(large).status == 413
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/cloudevents+json"}
        for body, status in ((large, 413), (text(2), 202)):
            chunks = (body[at : at + 1000] for at in range(0, len(body), 1000))
            connection.request("POST", "/ingest/events", chunks, headers, encode_chunked=True)
            assert connection.getresponse().status == status
            connection.close()
        assert served.stored() == [text(2)]


def test_a_sender_that_leaves_in_the_middle_leaves_nothing(served: Served) -> None:
    head = f"POST /ingest/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: {NDJSON}\r\n"
    with socket.create_connection(("127.0.0.1", served.port)) as sender:
        sender.sendall(head.encode() + b'Content-Length: 100\r\n\r\n{"half": 1}\n')
    assert served.post(text(1)).status == 202
    assert served.stored() == [text(1)]


def test_it_listens_on_loopback_alone(served: Served) -> None:
    assert _reaches("127.0.0.1", served.port)
    assert not _reaches("127.0.0.2", served.port)


def test_at_the_quota_senders_are_told_to_wait_and_a_drained_spool_accepts_again(tmp_path: Path) -> None:
    with collector(tmp_path, **SMALL) as served:
        accepted, position = 0, {}
        for _ in range(2):
            while (answer := served.post(text(accepted, data="x" * 3000))).status == 202:
                accepted += 1
            assert (answer.status, int(answer.headers["retry-after"]) > 0) == (429, True)
            assert answer.headers["content-type"] == "application/problem+json"
            position = served.take(position)
        assert accepted > 25
        assert served.post(text("last")).status == 202


def test_a_full_disk_is_503_until_there_is_room_and_acknowledges_nothing(served: Served) -> None:
    assert served.post(text(1)).status == 202
    written = max(path.stat().st_size for path in served.folder.glob("http_push/*/*.wal"))
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (written + 50, resource.RLIM_INFINITY))
    answer = served.post(text(2))
    assert (answer.status, int(answer.headers["retry-after"]) > 0) == (503, True)
    assert served.post(b"[%b]" % text(3), BATCH).status == 503
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert served.post(text(4)).status == 202
    assert served.stored() == [text(1), text(4)]
    served.stop()
    with collector(served.folder) as again:
        assert again.stored() == [text(1), text(4)]


def test_what_was_acknowledged_before_a_kill_is_there_once_and_whole(tmp_path: Path) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    moments = random.Random(seed)
    acknowledged: list[str] = []
    for round_number in range(4):
        with collector(tmp_path, segment_bytes=200_000) as served:
            senders = Senders(served.port, count=8, prefix=str(round_number))
            senders.start()
            _wait_until(lambda senders=senders: len(senders.acknowledged) > 20)  # type: ignore[misc]
            time.sleep(moments.uniform(0, 0.3))
            served.kill()
            senders.join()
            acknowledged += senders.acknowledged
    with collector(tmp_path) as served:
        counted = Counter(json.loads(line)["id"] for line in served.stored())
    assert set(counted.values()) == {1}
    assert [name for name in acknowledged if counted[name] != 1] == []
    assert len(acknowledged) == len(set(acknowledged)) > 80


def test_stopping_answers_what_has_begun(tmp_path: Path) -> None:
    with collector(tmp_path) as served:
        senders = Senders(served.port, count=8, prefix="a")
        senders.start()
        _wait_until(lambda: len(senders.acknowledged) > 20)
        served.stop()
        senders.join()
        lines = stored(served.connector())
    # Nothing was taken that was not answered for: no sender need wonder.
    assert sorted(json.loads(line)["id"] for line in lines) == sorted(senders.acknowledged)


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace: apt install strace")
def test_no_answer_leaves_before_its_bytes_are_flushed(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    calls = "trace=openat,write,fsync,fdatasync,sendto,sendmsg,writev"
    with collector(tmp_path, tracer=("strace", "-f", "-s", "256", "-o", str(trace), "-e", calls)) as served:
        for number in range(20):
            assert served.post(text(f"event-{number}-")).status == 202
        served.stop()
    steps = _steps(trace.read_text())
    for number in range(20):
        written = next(at for at, (what, line) in enumerate(steps) if what == "write" and f"event-{number}-" in line)
        flushed = next(at for at, (what, _) in enumerate(steps) if what == "flushed" and at > written)
        answered = [at for at, (what, _) in enumerate(steps) if what == "answer"][number]
        assert written < flushed < answered


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace: apt install strace")
def test_events_whose_flush_failed_are_not_acknowledged_and_not_kept(tmp_path: Path) -> None:
    inject = ("strace", "-f", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=2")
    with collector(tmp_path, tracer=inject) as served:
        assert [served.post(text(number)).status for number in range(3)] == [202, 503, 202]
        assert served.stored() == [text(0), text(2)]
        served.stop()
    with collector(tmp_path) as again:
        assert again.stored() == [text(0), text(2)]


def _steps(trace: str) -> list[tuple[str, str]]:
    """The writes to segments, the ends of flushes and the answers, in the order in which they happened."""
    segments: set[str] = set()
    flushing: set[str] = set()  # threads whose flush of a segment has begun
    steps: list[tuple[str, str]] = []
    for line in trace.splitlines():
        thread, _, call = line.partition(" ")
        call = call.strip()
        if opened := re.search(r'openat\(.*\.wal", O_WRONLY.* = (\d+)', call):
            segments.add(opened[1])
        elif written := re.match(r"write\((\d+),", call):
            if written[1] in segments:
                steps.append(("write", line))
        elif flush := re.match(r"f(?:data)?sync\((\d+)", call):
            if flush[1] in segments and "unfinished" in call:
                flushing.add(thread)
            elif flush[1] in segments:
                steps.append(("flushed", line))
        elif re.match(r"<\.\.\. f(?:data)?sync resumed>", call) and thread in flushing:
            flushing.remove(thread)
            steps.append(("flushed", line))
        if "HTTP/1.1 202" in call:
            steps.append(("answer", line))
    return steps


def _wait_until(condition: Any, seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def _reaches(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True
