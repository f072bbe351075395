"""Request bodies: read up to a limit, unpacked up to the same limit, within a budget of memory."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.types import Receive

from data_platform.serving.problems import Problem

_READ_SECONDS = 30.0  # a sender that is slower than this holds its place against others
_GZIP = 31  # window bits that mean gzip alone


class SenderLeft(Exception):
    """The sender closed the connection; there is nobody to answer."""


@dataclass(slots=True)
class MemoryBudget:
    """How many bytes of requests may be in work at once, so that a burst waits at the senders and not in our memory."""

    limit_bytes: int
    _used_bytes: int = field(default=0, init=False)

    @contextmanager
    def hold(self, size_bytes: int) -> Iterator[None]:
        """Holds a part of the budget for the block.

        Raises:
            Problem: 503, it is used up.
        """
        if self._used_bytes and self._used_bytes + size_bytes > self.limit_bytes:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "too much at once", headers={"retry-after": "1"})
        self._used_bytes += size_bytes
        try:
            yield
        finally:
            self._used_bytes -= size_bytes


async def read_body(receive: Receive, limit_bytes: int) -> bytes:
    """The body as sent.

    Raises:
        Problem: 408, it did not arrive in time; 413, it is longer than the limit.
        SenderLeft: it did not arrive whole.
    """
    try:
        async with asyncio.timeout(_READ_SECONDS):
            parts: list[bytes] = []
            size = 0
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise SenderLeft
                part = message.get("body", b"")
                size += len(part)
                if size > limit_bytes:
                    raise too_large(limit_bytes)
                parts.append(part)
                if not message.get("more_body", False):
                    return parts[0] if len(parts) == 1 else b"".join(parts)
    except TimeoutError as error:
        raise Problem(
            HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive in time", headers={"connection": "close"}
        ) from error


def unpacked(body: bytes, encoding: bytes, limit_bytes: int) -> bytes:
    """The body without its Content-Encoding.

    Raises:
        Problem: 400, it is damaged; 413, it grows beyond the limit; 415, the encoding is not known.
    """
    name = encoding.strip().lower()
    if name in (b"", b"identity"):
        return body
    if name not in (b"gzip", b"x-gzip"):
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "send the body as it is or packed with gzip",
            headers={"accept-encoding": "gzip"},
        )
    parts: list[bytes] = []
    room = limit_bytes
    while body:  # members follow each other
        member = zlib.decompressobj(_GZIP)
        try:
            parts.append(member.decompress(body, room + 1))
        except zlib.error as error:
            raise Problem(HTTPStatus.BAD_REQUEST, "the body is not whole gzip") from error
        room -= len(parts[-1])
        if room < 0:
            raise too_large(limit_bytes)
        if not member.eof:
            raise Problem(HTTPStatus.BAD_REQUEST, "the body is not whole gzip")
        body = member.unused_data
    return b"".join(parts)


def too_large(limit_bytes: int) -> Problem:
    """The answer to a request that is larger than its entry allows."""
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"a request may have {limit_bytes:,} bytes, as sent and unpacked; send smaller batches",
        headers={"connection": "close"},
    )
