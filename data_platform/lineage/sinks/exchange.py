"""Requests over one HTTP connection that end in time, whatever the other side does. What they mean is in `http`."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult

from data_platform.errors import ConfigurationError, SinkUnavailable

_LONGEST_ANSWER_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server answered; at most the first 64 KiB of the body. `is_whole` unless there was more of it."""

    status: int
    reason: str
    body: bytes
    is_whole: bool
    location: str
    retry_after: str


class Exchange:
    """One connection; made at the first request, and again after the server closed it."""

    def __init__(self, address: SplitResult, *, timeout_seconds: float, tls: ssl.SSLContext | None) -> None:
        assert address.hostname is not None
        self._place = f"{address.scheme}://{address.netloc}"
        self._connection = (
            http.client.HTTPConnection(address.hostname, address.port, timeout=timeout_seconds)
            if tls is None
            else http.client.HTTPSConnection(address.hostname, address.port, timeout=timeout_seconds, context=tls)
        )

    def post(self, target: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Sends a body and waits for the answer.

        Raises:
            SinkUnavailable: there was none in time. The server may have done what it was asked to.
            ConfigurationError: a header cannot be sent.
        """
        try:
            self._connection.request("POST", target, body=body, headers=dict(headers))
            response = self._connection.getresponse()
            answer = _answer(response)
            if not response.isclosed():
                self._connection.close()  # nobody reads the rest
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            what = str(error) or type(error).__name__
            raise SinkUnavailable(f"{self._place} did not answer: {what}") from error
        except ValueError:  # it quotes the header, which may hold a secret
            self._connection.close()
            raise ConfigurationError(
                f"the lineage sink {self._place}: its credential or one of its headers cannot be sent as a header; "
                "write printable ASCII on one line"
            ) from None
        return answer

    def cut(self) -> None:
        """Ends whatever goes on, from another thread."""
        connection = self._connection.sock
        if connection is not None:
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # below TLS, whose own would say good-bye first

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


def _answer(response: http.client.HTTPResponse) -> Answer:
    body = response.read(_LONGEST_ANSWER_BYTES)
    if not response.isclosed():
        response.read(1)  # closes it, if that was all
    return Answer(
        status=response.status,
        reason=response.reason,
        body=body,
        is_whole=response.isclosed() and not response.length,
        location=response.headers.get("location", ""),
        retry_after=response.headers.get("retry-after", ""),
    )


@contextmanager
def bounded(exchange: Exchange, seconds: float) -> Iterator[Exchange]:
    """The exchange for a block, cut after so many seconds: a server that sends a byte now and then never times out."""
    timer = threading.Timer(seconds, exchange.cut)
    timer.daemon = True
    timer.start()
    try:
        yield exchange
    finally:
        timer.cancel()
        timer.join()
        exchange.close()
