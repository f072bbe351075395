"""`GET /metrics`: the platform for Prometheus, in the format that the scraper asks for."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.responses import Response

from data_platform.observability.exposition import Form
from data_platform.observability.prometheus.metrics import form_for


def metric_routes(text: Callable[[Form], str]) -> APIRouter:
    """The route; `text` writes all metrics in a format."""
    routes = APIRouter()

    @routes.get("/metrics", include_in_schema=False)
    def metrics(request: Request) -> Response:
        form = form_for(request.headers.get("accept", ""))
        return Response(text(form), headers={"content-type": form.value, "cache-control": "no-store", "vary": "Accept"})

    return routes
