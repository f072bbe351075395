"""The receiving side of OpenLineage: events of any producer, one at a time or many, each told what became of it.

An event that is refused is kept for inspection and said to be refused; none is answered with success and dropped.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, TypeAlias

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from data_platform.catalog.event import Refused, Taken
from data_platform.formats.cloudevents_types import media_type
from data_platform.serving.bodies import MemoryBudget, SenderLeft, read_body, too_large, unpacked
from data_platform.serving.problems import Problem, described

Take: TypeAlias = Callable[[Sequence[str]], Sequence[Taken | Refused]]

_EVENT_BYTES = 8 << 20
_BATCH_BYTES = 32 << 20
_MEMORY_BYTES = 128 << 20
_NDJSON = ("application/x-ndjson", "application/ndjson")
_ANSWERS = described(
    {
        HTTPStatus.BAD_REQUEST: "The body is not whole, or not text.",
        HTTPStatus.REQUEST_TIMEOUT: "The body did not arrive in time.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Larger than a request may be.",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "Not a format or a packing that is understood.",
        HTTPStatus.UNPROCESSABLE_ENTITY: "Not an event, and kept as refused; or, of a batch, no array of events.",
        HTTPStatus.SERVICE_UNAVAILABLE: "Too much at once, or the metastore did not answer; see Retry-After.",
    }
)
_EXAMPLE = {
    "eventType": "COMPLETE", "eventTime": "2026-03-20T12:00:00Z", "producer": "https://example.com/jobs",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    "run": {"runId": "01938a6c-2a4c-7000-8000-000000000001"}, "job": {"namespace": "spark", "name": "daily_totals"},
    "inputs": [{"namespace": "s3://lake", "name": "orders"}],
    "outputs": [{"namespace": "s3://lake", "name": "daily_totals"}],
}  # fmt: skip


def lineage_routes(take: Take) -> APIRouter:
    """`POST /lineage` and `POST /lineage/batch`; `take` keeps events and says of each what became of it."""
    routes = APIRouter(tags=["lineage"])
    memory = MemoryBudget(_MEMORY_BYTES)

    @routes.post(
        "/lineage",
        summary="Send one OpenLineage event",
        status_code=HTTPStatus.CREATED,
        responses={**_ANSWERS, 200: {"description": "Was here before."}},
        openapi_extra=_body({"application/json": {"schema": {"type": "object"}, "example": _EXAMPLE}}),
    )
    async def one(request: Request) -> JSONResponse:
        async with _received(request, memory, _EVENT_BYTES) as (_, body):
            (found,) = await run_in_threadpool(lambda: take([_text(body)]))
        if isinstance(found, Refused):
            raise _refusal(found)
        status = HTTPStatus.OK if found.is_repeat else HTTPStatus.CREATED
        return JSONResponse({"eventId": found.event_id, "isRepeat": found.is_repeat}, status)

    @routes.post(
        "/lineage/batch",
        summary="Send many OpenLineage events",
        responses={
            **_ANSWERS,
            207: {"description": "Some were refused; `failed_events` says which and why."},
            422: {
                "description": "All were refused; `failed_events` says why. Or, as a problem, the body is no array.",
                "content": {"application/json": {"schema": {"type": "object"}}, **_ANSWERS[422]["content"]},
            },
        },
        openapi_extra=_body(
            {
                "application/json": {"schema": {"type": "array", "items": {"type": "object"}}, "example": [_EXAMPLE]},
                "application/x-ndjson": {"schema": {"type": "string"}},
            }
        ),
    )
    async def many(request: Request) -> JSONResponse:
        async with _received(request, memory, _BATCH_BYTES, batch=True) as (essence, body):
            found = await run_in_threadpool(lambda: take(_events(essence, _text(body))))
            return _summary(found)

    return routes


@asynccontextmanager
async def _received(
    request: Request, memory: MemoryBudget, limit: int, *, batch: bool = False
) -> AsyncIterator[tuple[str, bytes]]:
    """Media type and bytes of a body; they count against the budget until the block ends.

    Raises:
        Problem: 400, 408, 413, 415 or 503: why it cannot be read.
    """
    essence, charset = media_type(request.headers.get("content-type", ""))
    accepted = ("application/json", *(_NDJSON if batch else ()))
    if essence not in accepted or charset not in ("", "utf-8"):
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"send {' or '.join(accepted)} in UTF-8")
    declared = request.headers.get("content-length", "")
    size = int(declared) if declared.isdigit() else limit
    if size > limit:
        raise too_large(limit)
    with memory.hold(size):
        try:
            packed = await read_body(request.receive, limit)
        except SenderLeft as error:
            raise Problem(HTTPStatus.BAD_REQUEST, "the body did not arrive whole") from error
        encoding = request.headers.get("content-encoding", "").encode("latin-1")
        body = await run_in_threadpool(unpacked, packed, encoding, limit)
        with memory.hold(max(len(body) - size, 0)):
            yield essence, body


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body is not UTF-8 at byte {error.start}") from error


def _events(essence: str, text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()] if essence in _NDJSON else _elements(text)


def _elements(text: str) -> list[str]:
    """The texts of an array's elements, as they came.

    Raises:
        Problem: 422, the text is not an array.
    """
    decoder, found = json.JSONDecoder(), []
    try:
        place = _past_space(text, 0)
        if text[place : place + 1] != "[":
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "a batch is a JSON array of events")
        place = _past_space(text, place + 1)
        while text[place : place + 1] != "]":
            _, end = decoder.raw_decode(text, place)
            found.append(text[place:end])
            place = _past_space(text, end)
            if text[place : place + 1] == ",":
                place = _past_space(text, place + 1)
                if text[place : place + 1] == "]":
                    raise json.JSONDecodeError("an event must follow the comma", text, place)
            elif text[place : place + 1] != "]":
                raise json.JSONDecodeError("a comma or ] must follow an event", text, place)
        if _past_space(text, place + 1) != len(text):
            raise json.JSONDecodeError("nothing may follow the array", text, place + 1)
    except json.JSONDecodeError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "the body is nested too deeply") from error
    return found


def _past_space(text: str, place: int) -> int:
    while text[place : place + 1] in (" ", "\t", "\n", "\r") and place < len(text):
        place += 1
    return place


def _summary(found: Sequence[Taken | Refused]) -> JSONResponse:
    """The answer to a batch, in the words of OpenLineage's own batch response."""
    failed: list[dict[str, Any]] = [
        {"index": index, "reason": one.message, "code": one.code, "pointer": one.pointer, "retriable": False}
        for index, one in enumerate(found)
        if isinstance(one, Refused)
    ]
    summary = {
        "received": len(found),
        "successful": len(found) - len(failed),
        "failed": len(failed),
        "retriable": 0,
        "non_retriable": len(failed),
    }
    if not failed:
        status, word = HTTPStatus.OK, "success"
    elif len(failed) < len(found):
        status, word = HTTPStatus.MULTI_STATUS, "partial_success"
    else:
        status, word = HTTPStatus.UNPROCESSABLE_ENTITY, "failure"
    return JSONResponse({"status": word, "summary": summary, "failed_events": failed}, status)


def _refusal(refused: Refused) -> Problem:
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"{refused.message}; the event is kept as refused, and is not in the catalog",
        code=refused.code,
        pointer=refused.pointer,
    )


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}
