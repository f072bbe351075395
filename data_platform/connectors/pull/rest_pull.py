"""Pulls records from a REST API: the pages that came after a cursor, or all of them each time.

How pages are asked for and read is `rest_pages`; what is new among them is told in `pull`. Where the API does not
answer in the order of the cursor (`is_ordered`), a poll reads to the end before the position moves.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from data_platform.connectors.options import Options, read_options
from data_platform.connectors.protocol import IsKnown, Place, Poll
from data_platform.connectors.pull.connector import Pull, reader
from data_platform.connectors.pull.cursors import Cursor, CursorKind, CursorRule, overlap_fault
from data_platform.connectors.pull.window import Record
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.credentials import Credential, CredentialRef
from data_platform.lakehouse.landing import Identity, Json

_OVERLAPS: Mapping[CursorKind, timedelta] = {CursorKind.TIMESTAMP: timedelta(minutes=5)}
_GLANCE = timedelta(seconds=10)
_SECRET_HEADERS = {"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"}
_SECRET_PARAMS = {"api_key", "apikey", "token", "access_token", "secret", "client_secret", "password"}
_STRICT = ConfigDict(extra="forbid", frozen=True)


class Paginator(BaseModel):
    """How the API is paged, in dlt's words: the arguments of the type stand beside it.

    There is no guessing: an API whose pages are not recognised would silently end after the first.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    type: Literal["single_page", "page_number", "offset", "cursor", "json_link", "header_link", "header_cursor"]


class Auth(BaseModel):
    """How the credential is shown.

    Attributes:
        name: of the header or query parameter that carries an `api_key`.
        username: of `http_basic`.
    """

    model_config = _STRICT

    type: Literal["bearer", "api_key", "http_basic"]
    secret: CredentialRef
    name: str = "Authorization"
    location: Literal["header", "query"] = "header"
    username: str = ""


class CursorOption(BaseModel):
    """What tells the API where to go on.

    Attributes:
        field: of a record, with dots for fields of fields.
        param: the query parameter that asks for records from a cursor on.
        start: what the first pull asks for; everything where it is not given.
        format: how a timestamp is written into the parameter (strftime, in its own offset); as the API writes it
            where it is not given.
    """

    model_config = _STRICT

    field: str
    param: str
    kind: Literal["timestamp", "number"] = "timestamp"
    start: str | int | None = None
    format: str | None = None


class RestPullOptions(Options):
    """The options of `rest_pull`.

    Attributes:
        url, path: the endpoint. The API's answers may not lead to another host.
        data_selector: a JSONPath to the list of records; ending in `[*]` where an empty page may lack the list.
        cursor: none: everything is pulled each time, and told by its content.
        overlap: how far behind the last cursor each pull begins: as late as the API may show a change, and at least
            the resolution of the field. 5 minutes for timestamps, 0 for numbers.
        is_ordered: the API answers in ascending order of the cursor.
        timeout: of connecting, and of each wait for more of an answer.
        attempts: how often a request is sent before the API counts as unavailable; after 429 and 5xx too.
        backoff, longest_wait: the wait after the first attempt, doubled after each, and the most that is waited;
            a Retry-After header is obeyed up to `longest_wait`.
    """

    url: str
    path: str = ""
    params: dict[str, str | int | bool | Decimal] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)
    data_selector: str = "$"
    paginator: Paginator
    auth: Auth | None = None
    cursor: CursorOption | None = None
    overlap: timedelta | int | Decimal | None = None
    is_ordered: bool = False
    timeout: timedelta = Field(default=timedelta(seconds=60), gt=timedelta(0))
    attempts: int = Field(default=5, ge=1, le=20)
    backoff: timedelta = Field(default=timedelta(seconds=1), ge=timedelta(0))
    longest_wait: timedelta = Field(default=timedelta(seconds=60), ge=timedelta(0))

    @property
    def rule(self) -> CursorRule | None:
        """How the API's cursors are read."""
        if self.cursor is None:
            return None
        kind = CursorKind(self.cursor.kind)
        return CursorRule(kind=kind, overlap=_OVERLAPS.get(kind) if self.overlap is None else self.overlap)

    @field_validator("url")
    @classmethod
    def _is_plain(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("write http:// or https:// and a host")
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("write credentials under auth and parameters under params")
        return url

    @field_validator("headers")
    @classmethod
    def _hold_no_secret(cls, headers: dict[str, str]) -> dict[str, str]:
        if any(name.lower() in _SECRET_HEADERS for name in headers):
            raise ValueError("write credentials under auth, by reference")
        return headers

    @field_validator("params")
    @classmethod
    def _are_no_secrets(cls, params: dict[str, Any]) -> dict[str, Any]:
        if any(name.lower().replace("-", "_") in _SECRET_PARAMS for name in params):
            raise ValueError("write credentials under auth, by reference, with location: query")
        return params

    @model_validator(mode="after")
    def _fit_together(self) -> RestPullOptions:
        if self.cursor is None and (self.overlap is not None or self.is_ordered):
            raise ValueError("overlap and is_ordered need a cursor")
        if self.cursor is not None and (fault := overlap_fault(CursorKind(self.cursor.kind), self.overlap)):
            raise ValueError(fault)
        return self


class RestPull:
    """The kind `rest_pull`."""

    version = "rest_pull/1"
    identity = Identity.POSITION

    def __init__(self, entry: ConnectorEntry, place: Place) -> None:
        self._options = read_options(RestPullOptions, entry)
        auth = self._options.auth
        self.credential = Credential(auth.secret, place.clock) if auth else None
        self._place = place
        self._pull = Pull(
            source=entry.name,
            dataset=entry.dataset,
            place=place,
            limit_bytes=self._options.max_batch_bytes,
            rule=self._options.rule,
        )
        self._current: Json = None  # the content of which a poll has found that nothing came after it

    def poll(self, position: Mapping[str, Json], is_known: IsKnown) -> Poll | None:
        """What the API has to offer; see `protocol`.

        Raises:
            ConfigurationError: the API does not understand the request, or its answers are not what the options say.
        """
        if self._options.rule is None:
            poll = self._pull.whole(position, self._records(None))
            self._current = position.get("sha256", "") if poll is None else None
            return poll
        now = self._place.clock.now()
        return self._pull.after(position, self._records, now=now, is_ordered=self._options.is_ordered)

    def peek(self, position: Mapping[str, Json], is_known: IsKnown) -> tuple[str, ...]:
        """A mark of the first new record. Without a cursor only a pull can tell, so there always seems to be one."""
        if self._options.rule is None:
            digest = position.get("sha256", "")
            return () if digest == self._current else (f"after/{digest}",)
        return self._pull.peek(position, self._glance)

    def acknowledge(self, position: Mapping[str, Json]) -> None:
        """The API is not told; what no later poll needs goes."""
        self._pull.acknowledge(position)

    def position_at(self, where: str) -> Mapping[str, Json]:
        """`start`, or a cursor; see `protocol`."""
        return self._pull.position_at(where)

    def close(self) -> None:
        """Nothing stays open between polls."""

    def _records(self, start: Cursor | None) -> Generator[Record, None, None]:
        return self._read(self._options, start)

    def _glance(self, start: Cursor | None) -> Generator[Record, None, None]:
        """Without patience: a sensor looks at many sources in turn."""
        timeout = min(self._options.timeout, _GLANCE)
        return self._read(self._options.model_copy(update={"attempts": 1, "timeout": timeout}), start)

    def _read(self, options: RestPullOptions, start: Cursor | None) -> Generator[Record, None, None]:
        secret = self.credential.value() if self.credential else ""
        records: Generator[Record, None, None] = reader("rest_pages").read_records(options, secret=secret, start=start)
        return records
