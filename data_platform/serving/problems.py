"""Answers that are not a success, as RFC 9457 problem documents. They name no data and no secret."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer that ends a request."""

    def __init__(
        self, status: HTTPStatus, detail: str, *, headers: dict[str, str] | None = None, **members: int | str | None
    ) -> None:
        """`members` are further members of the document, as `index`; None leaves one out."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        self.members = {name: value for name, value in members.items() if value is not None}

    def body(self) -> bytes:
        """The problem document."""
        document: dict[str, Any] = {"type": "about:blank", "title": self.status.phrase, "status": self.status.value}
        document["detail"] = self.detail
        return json.dumps(document | self.members).encode()


async def answer_problem(_: Request, error: Exception) -> Response:
    """Answers what a route raised: for FastAPI's table of exception handlers."""
    if isinstance(error, HTTPException):
        error = Problem(HTTPStatus(error.status_code), str(error.detail), headers=dict(error.headers or {}))
    assert isinstance(error, Problem)
    return Response(error.body(), error.status, {**error.headers, "content-type": MEDIA_TYPE})
