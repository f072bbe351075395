"""The application that `data-platform serve` starts: console, API, and the receiving side of lineage, on loopback.

Requests must name this machine in their Host header, so that no web page can reach it through a name of its own (DNS
rebinding), and pages may load nothing from elsewhere.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from importlib import resources
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from data_platform.catalog.cursors import UnknownCursor
from data_platform.catalog.naming import UnknownDataset
from data_platform.errors import RetryableError
from data_platform.serving.api.catalog import catalog_routes
from data_platform.serving.api.lineage_events import lineage_routes
from data_platform.serving.api.operations import operation_routes
from data_platform.serving.api.refused_events import refused_routes
from data_platform.serving.console.pages import answer_page, console_routes
from data_platform.serving.metrics import metric_routes
from data_platform.serving.problems import Problem, answer_problem
from data_platform.wiring.machine import code_version
from data_platform.wiring.platform import Platform

API = "/api/v1"
_log = logging.getLogger(__name__)
_REFUSALS = {UnknownDataset: HTTPStatus.NOT_FOUND, UnknownCursor: HTTPStatus.BAD_REQUEST}
_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
_HEADERS = {
    "content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


def platform_app(platform: Platform) -> FastAPI:
    """Console and API over one platform."""
    app = FastAPI(
        title="data platform",
        version=code_version(),
        description="The catalog over HTTP: search, lineage, impact, history, and the intake of OpenLineage events; "
        "and how things stand: connectors, incidents, objectives, costs.",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS)
    app.middleware("http")(_guarded)
    app.include_router(lineage_routes(platform.intake.take), prefix=API)
    app.include_router(refused_routes(platform.metastore.catalog.events), prefix=API)
    app.include_router(catalog_routes(platform), prefix=API)
    app.include_router(operation_routes(platform), prefix=API)
    app.include_router(console_routes(platform), include_in_schema=False)
    app.include_router(metric_routes(lambda form: platform.metrics.text(form)))
    static = Path(str(resources.files("data_platform.serving.console").joinpath("static")))
    app.mount("/static", StaticFiles(directory=static), name="static")
    for kind in (Problem, HTTPException, RequestValidationError, RetryableError, *_REFUSALS, Exception):
        app.add_exception_handler(kind, _answer_error)
    return app


async def _guarded(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers.update(_HEADERS)
    return response


async def _answer_error(request: Request, error: Exception) -> Response:
    """A problem document for programs, a page for people."""
    if isinstance(error, RetryableError):
        _log.warning("%s %s: %s", request.method, request.url.path, error)
    is_program = request.url.path.startswith(("/api/", "/static/"))
    status = _REFUSALS.get(type(error))
    told = error if status is None else Problem(status, str(error))
    answer = await (answer_problem if is_program else answer_page)(request, told)
    answer.headers.update(_HEADERS)  # a fault of ours is answered outside of `_guarded`
    return answer
