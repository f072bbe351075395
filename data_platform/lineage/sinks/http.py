"""An OpenLineage endpoint as a sink: Marquez, DataHub, OpenMetadata, or another catalog of this platform.

Events come at least once: where an answer is lost, the event is sent again. Requests themselves are in `exchange`.
"""

from __future__ import annotations

import gzip
import json
import re
import ssl
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from data_platform.credentials import Credential, CredentialRef, with_renewal
from data_platform.errors import ConfigurationError, SinkRefused, SinkUnavailable, SourceRefused
from data_platform.lineage.sinks.exchange import Answer, Exchange, bounded
from data_platform.lineage.sinks.protocol import SinkPlace, read_config
from data_platform.metastore.outbox import OutboxEntry

_DEFAULT_PATH = "/api/v1/lineage"  # of the OpenLineage specification
_NOT_THE_CREDENTIAL = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
# 4xx that speak of the server or the address, not of the event
_MAY_PASS = frozenset(
    {
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.MISDIRECTED_REQUEST,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
_TOLD_CHARACTERS = 300
_TRACE = re.compile(r'"spanId": ?"([0-9a-f]{16})", ?"traceId": ?"([0-9a-f]{32})"')


class HttpConfig(BaseModel):
    """What can be said about an endpoint beyond its address.

    Attributes:
        headers: sent with every request; secrets do not belong here.
        credential: where a token is read, sent as `credential_header: <credential_prefix><token>`.
        timeout_seconds: how long one answer is waited for; less where the caller has less time (the sensor has 8 s).
        gzip: whether bodies are compressed.
        batch_size: more than 1 sends so many events to `<path>/batch`, which not every backend has.
        ca_file: certificates to trust; the system's by default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    headers: dict[str, str] = Field(default_factory=dict)
    credential: CredentialRef | None = None
    credential_header: str = "Authorization"
    credential_prefix: str = "Bearer "
    timeout_seconds: float = Field(default=5, gt=0, le=25)
    gzip: bool = False
    batch_size: int = Field(default=1, ge=1, le=1000)
    ca_file: Path | None = None

    @field_validator("headers")
    @classmethod
    def _holds_no_secret(cls, headers: dict[str, str]) -> dict[str, str]:
        if any(name.lower() in ("authorization", "proxy-authorization", "cookie") for name in headers):
            raise ValueError("a header that proves who you are is read by reference: use credential")
        return headers


class HttpSink:
    """Posts events one by one, in order, over one connection for each call; or in batches."""

    def __init__(self, word: str, options: Mapping[str, Any], place: SinkPlace) -> None:
        self._config = read_config(HttpConfig, word, options)
        self._address = _address(word)
        self.name = self._address.geturl()
        ref = self._config.credential
        self._credential = Credential(ref, place.clock) if ref else None

    def send(self, events: Sequence[OutboxEntry], *, within_seconds: float) -> int:
        """Posts events until one is not taken or the time is up.

        Raises:
            SinkUnavailable: the server did not answer in time, or as one that cannot take the first event now.
            SinkRefused: the server answered that the first event is wrong.
            ConfigurationError: the credential or the certificates cannot be read.
        """
        timeout = min(self._config.timeout_seconds, within_seconds)
        ends = time.monotonic() + within_seconds
        exchange = Exchange(self._address, timeout_seconds=timeout, tls=self._tls())
        done, size = 0, self._config.batch_size
        with bounded(exchange, within_seconds):
            while done < len(events) and (done == 0 or time.monotonic() < ends):
                try:
                    taken = self._post(exchange, events[done : done + size])
                    size = size if taken else 1
                    done += taken
                except (SinkUnavailable, SinkRefused):
                    if done:
                        break  # the next call begins with this event
                    raise
        return done

    def close(self) -> None:
        """Nothing is held between two calls."""

    def _post(self, exchange: Exchange, events: Sequence[OutboxEntry]) -> int:
        """Posts one event, or several as a batch; how many were taken from the first on (0: only one by one tells)."""
        if len(events) == 1:
            _judge(self._asked(exchange, self._address.path, events[0].payload), self.name)
            return 1
        answer = self._asked(exchange, f"{self._address.path}/batch", f"[{','.join(e.payload for e in events)}]")
        try:
            _judge(answer, self.name)
        except SinkRefused:
            return 0
        try:
            return _leading(answer, len(events), self.name)
        except ValueError:
            return 0

    def _asked(self, exchange: Exchange, target: str, text: str) -> Answer:
        body = gzip.compress(text.encode()) if self._config.gzip else text.encode()

        def ask() -> Answer:
            answer = exchange.post(target, body, self._headers() | _trace_header(text))
            if answer.status in _NOT_THE_CREDENTIAL:
                raise SourceRefused(f"{self.name} did not take the credential: {_told(answer)}")
            return answer

        try:
            return with_renewal(self._credential, ask)
        except SourceRefused as error:
            raise SinkUnavailable(str(error)) from error

    def _headers(self) -> dict[str, str]:
        headers = {"user-agent": "data-platform", **self._config.headers, "content-type": "application/json"}
        if self._config.gzip:
            headers["content-encoding"] = "gzip"
        if self._credential is not None:
            headers[self._config.credential_header] = self._config.credential_prefix + self._credential.value()
        return headers

    def _tls(self) -> ssl.SSLContext | None:
        if self._address.scheme != "https":
            return None
        try:
            return ssl.create_default_context(cafile=self._config.ca_file)
        except OSError as error:
            raise ConfigurationError(
                f"the lineage sink {self.name}: ca_file {self._config.ca_file} cannot be read ({error})"
            ) from error


def _trace_header(text: str) -> dict[str, str]:
    """The trace that the first of the events tells of (W3C Trace Context), for a receiver that traces too."""
    found = _TRACE.search(text)
    return {"traceparent": f"00-{found[2]}-{found[1]}-01"} if found else {}


def _judge(answer: Answer, name: str) -> None:
    """Nothing, if the server took what it was sent."""
    if 200 <= answer.status < 300:
        return
    if 300 <= answer.status < 400:
        raise SinkUnavailable(f"{name} has moved to {answer.location or 'another place'}; write that address instead")
    message = f"{name} answered {_told(answer)}"
    if 400 <= answer.status < 500 and answer.status not in _MAY_PASS:
        raise SinkRefused(message)
    wait = float(answer.retry_after) if answer.retry_after.isdecimal() else 0.0
    raise SinkUnavailable(message, wait_seconds=wait)


def _leading(answer: Answer, count: int, name: str) -> int:
    """How many of the first events of a batch were taken; servers say only which were not.

    Raises:
        SinkUnavailable: not the first, but it may be sent again.
        SinkRefused: the first will never be taken.
        ValueError: the answer cannot be read.
    """
    failed = _failed(answer, count)
    if not failed:
        return count
    index = min(failed)
    first = failed[index]
    if index > 0:
        return index
    message = f"{name} did not take an event: {str(first.get('reason', 'no reason given'))[:_TOLD_CHARACTERS]}"
    raise SinkUnavailable(message) if first.get("retriable") else SinkRefused(message)


def _failed(answer: Answer, count: int) -> dict[int, dict[str, Any]]:
    """What a batch's answer says of those events that were not taken, by their places.

    Raises:
        ValueError: it was cut, says nothing though some failed, or names places that there are not.
    """
    is_partial = answer.status == HTTPStatus.MULTI_STATUS
    try:
        said = json.loads(answer.body)
    except ValueError:
        if is_partial or not answer.is_whole:
            raise
        return {}  # a success in words of its own
    named = said.get("failed_events") if isinstance(said, dict) else None
    if named is None and not is_partial:
        return {}
    try:
        failed = {int(event["index"]): event for event in named or ()}
    except (KeyError, TypeError) as error:
        raise ValueError("an answer without places") from error
    if any(not 0 <= place < count for place in failed) or (is_partial and not failed):
        raise ValueError("an answer with other places")
    return failed


def _told(answer: Answer) -> str:
    text = " ".join(answer.body.decode("utf-8", "replace").split())[:_TOLD_CHARACTERS]
    return f"{answer.status} {answer.reason}" + (f": {text}" if text else "")


def _address(word: str) -> SplitResult:
    """The endpoint; the specification's path where none is written. Faults do not repeat it: it may hold a secret."""
    try:
        address = urlsplit(word)
        _ = address.port
    except ValueError as error:
        raise ConfigurationError("DATA_PLATFORM_LINEAGE: an address cannot be read; write http://host:port") from error
    if address.username is not None or address.password is not None:
        raise ConfigurationError(
            f"DATA_PLATFORM_LINEAGE: the address of {address.hostname} holds a credential; "
            "name where it is read in DATA_PLATFORM_LINEAGE_OPTIONS"
        )
    if not address.hostname or address.query or address.fragment:
        raise ConfigurationError(
            f"DATA_PLATFORM_LINEAGE: {address.scheme}://{address.netloc} has no host, or more than a path; "
            "write http://host:port/path"
        )
    return address._replace(path=address.path.rstrip("/") or _DEFAULT_PATH)
