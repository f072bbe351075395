"""Successful answers of the API: JSON with an ETag. Those that are none are in `serving.problems`."""

from __future__ import annotations

import hashlib
import json
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response
from fastapi.encoders import jsonable_encoder

from data_platform.serving.problems import described

ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    HTTPStatus.NOT_MODIFIED.value: {"description": "Not changed since the ETag in If-None-Match."},
    **described(
        {
            HTTPStatus.UNPROCESSABLE_ENTITY: "A parameter cannot be read; `detail` says which and why.",
            HTTPStatus.SERVICE_UNAVAILABLE: "The metastore did not answer; see Retry-After.",
        }
    ),
}
BAD_CURSOR: Final = described({HTTPStatus.BAD_REQUEST: "The cursor is none that a page gave."})


def answer(request: Request, content: Any) -> Response:
    """JSON with an ETag; nothing but the tag where the asker has it already."""
    body = json.dumps(jsonable_encoder(content), ensure_ascii=False, separators=(",", ":")).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": "no-cache"}
    asked = {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}
    if tag in asked or "*" in asked:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, headers=headers, media_type="application/json")
