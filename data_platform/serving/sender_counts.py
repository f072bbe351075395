"""Where senders say how many records of a day they sent: `POST <address>/counts`, with the token of the address."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.types import Receive, Scope, Send

from data_platform.connectors.http_push.declared_counts import DeclaredCounts
from data_platform.serving.bearer import BearerGate
from data_platform.serving.bodies import SenderLeft, read_body
from data_platform.serving.exchange import answer, single
from data_platform.serving.problems import MEDIA_TYPE, Problem

_MOST_BYTES = 4096
_DISK_RETRY_SECONDS = 5
_log = logging.getLogger(__name__)


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid")

    date: date
    rows: int = Field(ge=0, le=1 << 53, strict=True)


@dataclass(slots=True, kw_only=True)
class CountsEndpoint:
    """The address of one entry, as an ASGI application."""

    counts: DeclaredCounts
    gate: BearerGate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Takes one statement."""
        try:
            body = await self._take(scope, receive)
        except SenderLeft:
            return
        except Problem as problem:
            await answer(send, problem.status, problem.body(), {"content-type": MEDIA_TYPE, **problem.headers})
            return
        await answer(send, HTTPStatus.OK, body, {"content-type": "application/json"})

    async def _take(self, scope: Scope, receive: Receive) -> bytes:
        if scope["method"] != "POST":
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "counts are stated by POST", headers={"allow": "POST"})
        await self.gate.require(single(scope["headers"]).get(b"authorization"))
        said = _read(await read_body(receive, _MOST_BYTES))
        if (refusal := self.counts.refusal(said.date)) is not None:
            raise Problem(HTTPStatus.BAD_REQUEST, refusal)
        try:
            before = await asyncio.get_running_loop().run_in_executor(None, self.counts.declare, said.date, said.rows)
        except OSError as error:
            _log.warning("%s: a count was not kept: %s", self.counts.spool.folder, error)
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "the disk did not take the count; state it again",
                headers={"retry-after": str(_DISK_RETRY_SECONDS)},
            ) from error
        stated = {"date": said.date.isoformat(), "rows": said.rows, "before": None if before is None else before.rows}
        return json.dumps(stated).encode()


def _read(body: bytes) -> _Said:
    try:
        return _Said.model_validate_json(body)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
        raise Problem(HTTPStatus.BAD_REQUEST, f'write {{"date": "2026-03-20", "rows": 1200}}: {wrong}') from error
