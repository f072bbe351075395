"""What OpenAPI says about the collector's addresses, which FastAPI cannot see: they read raw bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

_ANY: dict[str, Any] = {"schema": {}}
_ANSWERS = {
    "200": "The batch was empty.",
    "202": "On disk.",
    "400": "Not valid; nothing was taken. `index` names the event or line.",
    "401": "The token is missing or not the present one.",
    "408": "The body did not arrive in time.",
    "413": "Larger than the entry allows.",
    "415": "Not a format that the entry accepts.",
    "429": "The spool is full; see Retry-After.",
    "503": "The disk failed or too much came at once; nothing was taken. See Retry-After.",
}


def describe(app: FastAPI, paths: Mapping[str, str]) -> None:
    """Adds the address of each entry (name to path) to the application's description."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
            schema.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            schema["paths"] |= {path: {"post": _operation(name)} for name, path in paths.items()}
            schema["paths"] |= {f"{path}/counts": {"post": _statement(name)} for name, path in paths.items()}
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _operation(name: str) -> dict[str, Any]:
    return {
        "summary": f"Send events to {name}",
        "operationId": f"ingest_{name}",
        "description": "CloudEvents 1.0 in structured, batched or binary mode, or NDJSON; gzip is understood.",
        "security": [{"token": []}],
        "requestBody": {
            "required": True,
            "content": {
                "application/cloudevents+json": {"schema": {"type": "object"}},
                "application/cloudevents-batch+json": {"schema": {"type": "array", "items": {"type": "object"}}},
                "application/x-ndjson": {"schema": {"type": "string"}},
                "*/*": _ANY,
            },
        },
        "responses": {status: {"description": text} for status, text in _ANSWERS.items()},
    }


def _statement(name: str) -> dict[str, Any]:
    fields = {"date": {"type": "string", "format": "date"}, "rows": {"type": "integer", "minimum": 0}}
    body = {"type": "object", "required": ["date", "rows"], "additionalProperties": False, "properties": fields}
    return {
        "summary": f"State how many events of a day were sent to {name}",
        "operationId": f"count_{name}",
        "description": "The last statement about a day holds; repeating one changes nothing.",
        "security": [{"token": []}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": {"description": "Kept; `before` is what was stated last about that day."},
            **{status: {"description": _ANSWERS[status]} for status in ("400", "401", "408", "413", "503")},
        },
    }
