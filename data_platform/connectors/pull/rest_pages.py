"""The records of a REST API, page by page. Paging, authentication and retrying are dlt's; nothing else of dlt is used.

No message names a query, a header or an answer: they may hold secrets and personal data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping
from contextlib import closing
from datetime import datetime
from difflib import get_close_matches
from typing import Any
from urllib.parse import urljoin, urlsplit

from dlt.common import jsonpath
from dlt.common.configuration.specs.runtime_configuration import RuntimeConfiguration
from dlt.sources.helpers.requests.retry import Client
from dlt.sources.helpers.rest_client.auth import APIKeyAuth, AuthConfigBase, BearerTokenAuth, HttpBasicAuth
from dlt.sources.helpers.rest_client.client import PageData, RESTClient
from dlt.sources.helpers.rest_client.exceptions import IgnoreResponseException
from dlt.sources.helpers.rest_client.paginators import BasePaginator
from dlt.sources.rest_api.config_setup import create_paginator
from requests import Request, Response
from requests.exceptions import (
    ChunkedEncodingError,
    ConnectionError,
    ContentDecodingError,
    RequestException,
    Timeout,
)

from data_platform.connectors.pull.cursors import Cursor, CursorRule
from data_platform.connectors.pull.exact_json import json_line, read_json
from data_platform.connectors.pull.rest_pull import Auth, CursorOption, RestPullOptions
from data_platform.connectors.pull.window import Record
from data_platform.errors import ConfigurationError, PlatformError, SourceRefused, SourceUnavailable
from data_platform.observability.tracing.spans import outgoing

_REFUSED = (401, 403)
_BUSY = (408, 425, 429)


def read_records(options: RestPullOptions, *, secret: str, start: Cursor | None) -> Generator[Record, None, None]:
    """Every record from a cursor on, in the order of the API.

    Raises:
        SourceUnavailable: after all attempts there is no whole answer.
        SourceRefused: the API did not take the credential.
        ConfigurationError: the options do not fit the API.
    """
    rule, lacking = options.rule, 0
    has_cursor = False
    with closing(_pages(options, secret, start)) as pages:
        for page in pages:
            for item, line in page:
                cursor = _cursor(item, options.cursor, rule)
                has_cursor, lacking = has_cursor or cursor is not None, lacking + (cursor is None)
                yield Record(line, cursor)
                last = item
    if options.cursor is not None and start is None and lacking and not has_cursor:
        raise ConfigurationError(_no_cursor(options.cursor, last, lacking))


def _pages(
    options: RestPullOptions, secret: str, start: Cursor | None
) -> Generator[list[tuple[Any, bytes]], None, None]:
    client = _Api(options, secret)
    before = b""
    with closing(client.session):
        pages = client.paginate(
            options.path, params=_params(options, start), paginator=_paginator(options), hooks={"response": []}
        )
        while (items := _next(pages, client)) is not None:
            page = [(item, json_line(item)) for item in items]
            digest = hashlib.sha256(b"\n".join(line for _, line in page)).digest()
            if page and digest == before:
                raise ConfigurationError(f"{client.page} is the page before it again; check the paginator")
            before = digest
            yield page


def _next(pages: Any, client: _Api) -> list[Any] | None:
    """The next page; None after the last. Faults are raised afresh: those of the library repeat URLs and answers."""
    try:
        found: PageData[Any] | None = next(pages, None)
    except PlatformError:
        raise
    except (Timeout, ConnectionError, ChunkedEncodingError, ContentDecodingError) as error:
        fault: PlatformError = SourceUnavailable(
            f"{client.page}: {type(error).__name__} in each of {client.attempts} attempts"
        )
    except RequestException as error:
        fault = ConfigurationError(f"{client.page} cannot be asked for: {type(error).__name__}")
    except (ValueError, TypeError, KeyError) as error:
        fault = ConfigurationError(
            f"{client.page} has not what the paginator needs ({type(error).__name__}); "
            "check its total_path, has_more_path or cursor_path, and write null for what the API does not tell"
        )
    else:
        return None if found is None else list(found)
    raise fault


class _Api(RESTClient):
    """dlt's client, with exact numbers, and strict about where it goes and what it accepts."""

    def __init__(self, options: RestPullOptions, secret: str) -> None:
        retrying = Client(
            request_timeout=options.timeout.total_seconds(),
            raise_for_status=False,
            status_codes=(*_BUSY, *range(500, 600)),
            exceptions=(ConnectionError, Timeout, ChunkedEncodingError, ContentDecodingError),
            request_max_attempts=options.attempts,
            request_backoff_factor=options.backoff.total_seconds(),
            request_max_retry_delay=options.longest_wait.total_seconds(),
        )
        super().__init__(
            base_url=options.url,
            headers=outgoing() | options.headers,
            auth=_auth(options.auth, secret),
            data_selector=options.data_selector,
            session=retrying.session,
            config=RuntimeConfiguration(),  # as it is: nothing is looked up in files and environment
        )
        self.attempts = options.attempts
        self._number = 0
        self._asked: set[bytes] = set()

    @property
    def page(self) -> str:
        """The page under way, for messages."""
        return f"page {self._number} of {self.base_url}"

    def _send_request(self, request: Request, **options: Any) -> Response:
        self._number += 1
        if _origin(str(request.url)) != _origin(self.base_url):
            # The credential would go along.
            raise ConfigurationError(f"{self.page} is said to be at another host, {_origin(str(request.url))}")
        response = super()._send_request(request, allow_redirects=False, **options)
        self._judge(response)
        asked = hashlib.sha256(str(response.url).encode()).digest()
        if asked in self._asked:
            raise ConfigurationError(f"{self.page} was asked for before; the paginator goes round in circles")
        self._asked.add(asked)
        return self._read(response)

    def extract_response(self, response: Response, data_selector: jsonpath.TJsonPath) -> list[Any]:
        """The records of a page; unlike dlt's, it does not take a page without the list for an empty one."""
        page = response.json()
        found = jsonpath.find_values(data_selector, page)
        if not found and not str(data_selector).endswith("[*]"):
            names = ", ".join(list(page)[:20]) if isinstance(page, dict) else type(page).__name__
            raise ConfigurationError(f"{self.page} has no {data_selector}; it has: {names}. Mend data_selector")
        if str(data_selector).endswith("[*]"):
            return list(found)
        one = found[0] if len(found) == 1 else found
        return one if isinstance(one, list) else [] if one is None else [one]

    def _judge(self, response: Response) -> None:
        status = response.status_code
        if status == 204:
            raise IgnoreResponseException
        if status in _REFUSED:
            raise SourceRefused(f"{self.page}: the credential was refused ({status})")
        if status in _BUSY or status >= 500:
            raise SourceUnavailable(f"{self.page} answered {status} to each of {self.attempts} attempts")
        if 300 <= status < 400:
            target = urlsplit(urljoin(str(response.url), response.headers.get("Location", "")))
            raise ConfigurationError(
                f"{self.page} redirects to {target.scheme}://{target.netloc}{target.path}; write that as url"
            )
        if status >= 400:
            raise ConfigurationError(f"{self.page} answered {status}; check url, path and params")

    def _read(self, response: Response) -> Response:
        try:
            page = read_json(response.content)
        except ValueError:
            page = _MALFORMED
        if page is _MALFORMED:
            raise SourceUnavailable(f"{self.page} is no JSON or was cut; nothing of this pull is taken")
        # dlt's paginators read the page too; this way it is parsed once, and exactly.
        response.json = lambda **_: page  # type: ignore[method-assign]
        return response


_MALFORMED = object()


def _auth(auth: Auth | None, secret: str) -> AuthConfigBase | None:
    if auth is None:
        return None
    if auth.type == "bearer":
        return BearerTokenAuth(token=secret)
    if auth.type == "api_key":
        return APIKeyAuth(name=auth.name, api_key=secret, location=auth.location)
    return HttpBasicAuth(username=auth.username, password=secret)


def _paginator(options: RestPullOptions) -> BasePaginator:
    try:
        paginator = create_paginator(options.paginator.model_dump())  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"paginator {options.paginator.type}: {error}") from error
    assert paginator is not None
    return paginator


def _params(options: RestPullOptions, start: Cursor | None) -> dict[str, Any]:
    cursor = options.cursor
    params = {name: str(value).lower() if isinstance(value, bool) else value for name, value in options.params.items()}
    if cursor is None or (start is None and cursor.start is None):
        return params
    if start is None:
        return {**params, cursor.param: cursor.start}
    text = datetime.fromisoformat(start.text).strftime(cursor.format) if cursor.format else start.text
    return {**params, cursor.param: text}


def _cursor(item: object, option: CursorOption | None, rule: CursorRule | None) -> Cursor | None:
    if option is None or rule is None:
        return None
    for name in option.field.split("."):
        item = item.get(name) if isinstance(item, Mapping) else None
    return rule.read(item)


def _no_cursor(option: CursorOption, item: object, count: int) -> str:
    names = [str(name) for name in item] if isinstance(item, Mapping) else []
    close = get_close_matches(option.field, names, n=1) or names[:20]
    return (
        f"none of {count} records has a {option.kind} in the field {option.field}; "
        f"did you mean {', '.join(close) or 'another data_selector'}?"
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
