"""Answers that are not a success, as RFC 9457 problem documents. They name no data and no secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from data_platform.errors import RetryableError

MEDIA_TYPE = "application/problem+json"
_RETRY_SECONDS = 5
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
}


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


def problem_of(error: Exception) -> Problem:
    """What to answer where a route raised."""
    match error:
        case Problem():
            return error
        case HTTPException():
            return Problem(HTTPStatus(error.status_code), str(error.detail), headers=dict(error.headers or {}))
        case RequestValidationError():
            return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(map(_fault, error.errors())))
        case RetryableError():
            detail = "the metastore or the store did not answer; ask again later, repeating a request is safe"
            return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"retry-after": str(_RETRY_SECONDS)})
        case _:
            return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "this is a fault of the server; its log says more")


async def answer_problem(_: Request, error: Exception) -> Response:
    """Answers what a route raised: for FastAPI's table of exception handlers."""
    problem = problem_of(error)
    return Response(problem.body(), problem.status, {**problem.headers, "content-type": MEDIA_TYPE})


def described(answers: Mapping[HTTPStatus, str]) -> dict[int | str, dict[str, Any]]:
    """Answers with a problem document, for the description of a route."""
    content = {MEDIA_TYPE: {"schema": _SCHEMA}}
    return {status.value: {"description": text, "content": content} for status, text in answers.items()}


def _fault(error: Mapping[str, Any]) -> str:
    # without `input`: what was sent may be a secret
    return f"{'.'.join(map(str, error['loc'][1:]))}: {error['msg']}"
