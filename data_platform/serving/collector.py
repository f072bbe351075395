"""The collector endpoint: events are taken, written ahead and only then answered for.

One POST address for each `http_push` entry, and one below it for counts (`sender_counts`). What an event must be is in
`cloudevents`, the spool in `connectors.http_push.write_ahead`. An answer of 202 means that the bytes are on disk; any
other answer, or none, that the sender has to send again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from data_platform.connectors.http_push.connector import Accepted, PushSource
from data_platform.connectors.http_push.group_commit import GroupCommit
from data_platform.connectors.http_push.senders import note_sender
from data_platform.connectors.http_push.write_ahead import QuotaReached
from data_platform.errors import ConfigurationError, FatalError
from data_platform.formats.cloudevents_types import media_type
from data_platform.serving.api_description import describe
from data_platform.serving.bearer import BearerGate
from data_platform.serving.bodies import MemoryBudget, SenderLeft, read_body, too_large, unpacked
from data_platform.serving.cloudevents import InvalidEvents, Lines, batch, binary, records, structured
from data_platform.serving.exchange import answer, single
from data_platform.serving.problems import MEDIA_TYPE, Problem, answer_problem
from data_platform.serving.sender_counts import CountsEndpoint

_MEMORY_BYTES = 64 << 20
_QUOTA_RETRY_SECONDS = 5
_DISK_RETRY_SECONDS = 5
_NDJSON = ("application/x-ndjson", "application/ndjson")
_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Endpoint:
    """One entry's address, as an ASGI application.

    Attributes:
        answers: how often each status was sent, and how many events were accepted, under `events`.
    """

    source: PushSource
    memory: MemoryBudget
    gate: BearerGate
    commits: GroupCommit
    answers: Counter[str] = field(default_factory=Counter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Takes one request."""
        try:
            try:
                rows = await self._take(scope, receive)
            except InvalidEvents as error:
                raise Problem(HTTPStatus.BAD_REQUEST, str(error), index=error.index) from error
        except SenderLeft:
            return
        except Problem as problem:
            self.answers[str(problem.status.value)] += 1
            await answer(send, problem.status, problem.body(), {"content-type": MEDIA_TYPE, **problem.headers})
            return
        status = HTTPStatus.ACCEPTED if rows else HTTPStatus.OK
        self.answers[str(status.value)] += 1
        self.answers["events"] += rows
        await answer(send, status, b'{"accepted":%d}' % rows, {"content-type": "application/json"})

    async def _take(self, scope: Scope, receive: Receive) -> int:
        if scope["method"] != "POST":
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "events are sent by POST", headers={"allow": "POST"})
        headers = single(scope["headers"])
        await self.gate.require(headers.get(b"authorization"))
        limit = self.source.max_request_bytes
        declared = int(headers.get(b"content-length", limit))  # the server has checked that it is a number
        if declared > limit:
            raise too_large(limit)
        with self.memory.hold(declared):
            self._admit(declared)
            body = unpacked(await read_body(receive, limit), headers.get(b"content-encoding", b""), limit)
            with self.memory.hold(max(len(body) - declared, 0)):
                lines = self._lines(scope["headers"], headers.get(b"content-type", b"").decode("latin-1"), body)
                if lines.rows:
                    for value in (value for name, value in scope["headers"] if name == b"traceparent"):
                        note_sender(self.source.spool.folder, value.decode("latin-1"))
                    await self._store(lines)
        return lines.rows

    def _lines(self, headers: Sequence[tuple[bytes, bytes]], content_type: str, body: bytes) -> Lines:
        """The events of a request, in the content mode that its headers tell (HTTP binding, section 3)."""
        essence, charset = media_type(content_type)
        if essence.startswith("application/cloudevents"):
            self._require(Accepted.CLOUDEVENTS)
            read = {"application/cloudevents+json": structured, "application/cloudevents-batch+json": batch}.get(
                essence
            )
            if read is None or charset not in ("", "utf-8"):
                raise self._unknown("of the event formats only JSON in UTF-8 is understood")
            return read(body)
        if any(name.startswith(b"ce-") for name, _ in headers):
            self._require(Accepted.CLOUDEVENTS)
            return binary(headers, body)
        if essence in _NDJSON:
            self._require(Accepted.NDJSON)
            if charset not in ("", "utf-8"):
                raise self._unknown("NDJSON is UTF-8")
            return records(body)
        raise self._unknown("neither the Content-Type nor ce- headers say what this is")

    async def _store(self, lines: Lines) -> None:
        try:
            await self.commits.append(lines.block, rows=lines.rows)
        except QuotaReached as error:
            raise _full() from error
        except (OSError, FatalError) as error:
            _log.warning("%s: nothing was accepted: %s", self.source.name, error)
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "the disk did not take the events; none was accepted",
                headers={"retry-after": str(_DISK_RETRY_SECONDS)},
            ) from error

    def _admit(self, size_bytes: int) -> None:
        try:
            self.source.spool.admit(size_bytes)
        except QuotaReached as error:
            raise _full() from error

    def _require(self, kind: Accepted) -> None:
        if kind not in self.source.accepts:
            raise self._unknown(f"this entry does not accept {kind.value}")

    def _unknown(self, detail: str) -> Problem:
        accepted = ", ".join(sorted(self.source.accepts))
        return Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"{detail}; accepted: {accepted}")


def collector_app(sources: Sequence[PushSource]) -> FastAPI:
    """The application that takes events for these sources. Their spools stay the caller's to close.

    Raises:
        ConfigurationError: two entries have the same path.
    """
    memory = MemoryBudget(_MEMORY_BYTES)
    endpoints: dict[str, Endpoint] = {}
    counts: dict[str, CountsEndpoint] = {}
    for source in sources:
        if source.path in endpoints or source.path in counts or f"{source.path}/counts" in endpoints:
            raise ConfigurationError(f"two http_push entries have the path {source.path}; give one of them another")
        gate = BearerGate(source.token, source.keep_seconds)
        endpoints[source.path] = Endpoint(source=source, memory=memory, gate=gate, commits=GroupCommit(source.spool))
        counts[f"{source.path}/counts"] = CountsEndpoint(counts=source.counts, gate=gate)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        for endpoint in endpoints.values():
            await endpoint.commits.drain()

    app = FastAPI(title="Event collector", lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.endpoints = endpoints
    app.router.routes.extend(Route(path, endpoint) for path, endpoint in (endpoints | counts).items())
    app.add_api_route("/health", _health, summary="Whether the collector answers")
    app.add_exception_handler(HTTPException, answer_problem)
    describe(app, {endpoint.source.name: endpoint.source.path for endpoint in endpoints.values()})
    return app


async def _health() -> dict[str, str]:
    return {"status": "ok"}


def _full() -> Problem:
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        "the spool is full until what it holds has been taken away; send this again later",
        headers={"retry-after": str(_QUOTA_RETRY_SECONDS)},
    )
