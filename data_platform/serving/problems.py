"""Answers that are not a success, as RFC 9457 problem documents. They name no data and no secret."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer that ends a request."""

    def __init__(
        self, status: HTTPStatus, detail: str, *, headers: dict[str, str] | None = None, index: int | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        self.index = index

    def body(self) -> bytes:
        """The problem document."""
        document: dict[str, Any] = {"type": "about:blank", "title": self.status.phrase, "status": self.status.value}
        document["detail"] = self.detail
        if self.index is not None:
            document["index"] = self.index
        return json.dumps(document).encode()
