"""A collector as a process, and clients that speak HTTP to it over sockets."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from data_platform.connectors.http_push.connector import HttpPush
from data_platform.connectors.protocol import Place, Poll
from data_platform.serving.standalone import standalone_entry
from data_platform_tests import kit

ROOT = Path(kit.__file__).parents[1]
TOKEN = "correct-horse"
CLOUDEVENT = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
NDJSON = "application/x-ndjson"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any


def post_to(
    port: int,
    body: bytes,
    kind: str = CLOUDEVENT,
    *,
    path: str = "/ingest/events",
    method: str = "POST",
    **headers: str,
) -> Answer:
    """One request on a connection of its own; keywords are headers, an empty one is not sent."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        given = {"authorization": f"Bearer {TOKEN}", "content-type": kind}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, {name: value for name, value in given.items() if value})
        response = connection.getresponse()
        text = response.read()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, json.loads(text) if text else None)
    finally:
        connection.close()


@dataclass
class Served:
    """A running collector of the entry `events`."""

    folder: Path
    options: dict[str, Any]
    process: subprocess.Popen[str]
    port: int

    def post(self, body: bytes, kind: str = CLOUDEVENT, **more: str) -> Answer:
        return post_to(self.port, body, kind, **more)

    def connector(self, **options: Any) -> HttpPush:
        return HttpPush(standalone_entry(self.options | options), Place(source=self.folder, spool=self.folder))

    def stored(self) -> list[bytes]:
        """Every line that the spool still holds."""
        return stored(self.connector())

    def take(self, position: Mapping[str, Any]) -> dict[str, Any]:
        """Plays one turn of the loop; the new position."""
        connector = self.connector()
        poll = connector.poll(position, lambda *_: False)
        assert poll is not None
        connector.acknowledge(poll.position_to)
        return dict(poll.position_to)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Ends in order; the process must succeed."""
        os.killpg(self.process.pid, signal.SIGTERM)  # a tracer that may stand above it passes none on
        _, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors[-4000:]


def stored(connector: HttpPush) -> list[bytes]:
    """Every line that a spool holds, from its beginning."""
    lines: list[bytes] = []
    poll: Poll | None
    position: Mapping[str, Any] = {}
    while (poll := connector.poll(position, lambda *_: False)) is not None:
        for delivery in poll.deliveries:
            data = delivery.path.read_bytes()
            assert data.endswith(b"\n")
            lines += data[:-1].split(b"\n")
            delivery.path.unlink()
        position = poll.position_to
    return lines


@contextmanager
def collector(folder: Path, *, tracer: tuple[str, ...] = (), **options: Any) -> Iterator[Served]:
    """A collector on `folder`, ended at the end of the block if the test has not."""
    (folder / "token").write_text(TOKEN) if not (folder / "token").exists() else None
    given = {"token": {"file": str(folder / "token")}, "accepts": ["cloudevents", "ndjson"]} | options
    command = [*tracer, sys.executable, "-m", "data_platform.serving.standalone", str(folder), json.dumps(given)]
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        port = process.stdout.readline()
        assert port, process.stderr.read()[-4000:]
        yield Served(folder, given, process, int(port))
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        process.stderr.close()


def event(number: int | str, **more: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": str(number), "type": "com.example.test", "source": "/test"} | more


@dataclass
class Senders:
    """Clients that send one event after another until the server goes away or they are told to stop."""

    port: int
    count: int
    prefix: str
    acknowledged: list[str] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        for client in range(self.count):
            thread = threading.Thread(target=self._send, args=(client,))
            self._threads.append(thread)
            thread.start()

    def join(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _send(self, client: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": BATCH}
        try:
            for number in itertools.count():
                if self._stopping.is_set():
                    return
                names = [f"{self.prefix}-{client}-{number}-{part}" for part in range(1 + number % 5)]
                body = json.dumps([event(name, data={"padding": "x" * (number * 37 % 3000)}) for name in names])
                connection.request("POST", "/ingest/events", body, headers)
                response = connection.getresponse()
                response.read()
                assert response.status == 202
                self.acknowledged += names
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()
