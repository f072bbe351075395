"""One request and its answer at the collector's addresses, which speak ASGI without a framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from starlette.types import Send

from data_platform.serving.problems import Problem

_ONLY_ONCE = (b"authorization", b"content-encoding", b"content-length", b"content-type")


def single(headers: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Those headers that may be sent only once, by name.

    Raises:
        Problem: 400, one is sent twice.
    """
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _ONLY_ONCE:
            if name in found:
                raise Problem(HTTPStatus.BAD_REQUEST, f"the header {name.decode()} is sent twice")
            found[name] = value
    return found


async def answer(send: Send, status: HTTPStatus, body: bytes, headers: Mapping[str, str]) -> None:
    """Answers a request whole."""
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    raw.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status.value, "headers": raw})
    await send({"type": "http.response.body", "body": body})
