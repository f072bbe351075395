"""Texts that were sent as events and are none, kept for inspection. Receiving them is in `lineage_events`."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response

from data_platform.catalog.cursors import cursor_of, place_in
from data_platform.metastore.catalog_events import CatalogEvents, RefusedLine
from data_platform.serving.api.answers import ANSWERS, BAD_CURSOR, answer
from data_platform.serving.parameters import Cursor, Limit
from data_platform.serving.problems import Problem, described

_CHARACTERS = 4_096  # of each text in a list
_NOT_FOUND = described({HTTPStatus.NOT_FOUND: "No refused text has this digest."})


def refused_routes(events: CatalogEvents) -> APIRouter:
    """`GET /lineage/refused` and `GET /lineage/refused/{digest}`."""
    routes = APIRouter(prefix="/lineage/refused", tags=["lineage"], responses=ANSWERS)

    @routes.get("", summary="Texts that were refused as events, the newest first", responses=BAD_CURSOR)
    def refused(request: Request, limit: Limit = 20, cursor: Cursor = None) -> Response:
        (before,) = (None,) if cursor is None else place_in(cursor, (int,))
        lines = events.refused(limit=limit + 1, before=before, characters=_CHARACTERS + 1)
        more = cursor_of(lines[limit - 1].id or 0) if len(lines) > limit else None
        return answer(request, {"items": [_shown(line) for line in lines[:limit]], "cursor": more})

    @routes.get("/{digest}", summary="One refused text, whole", responses=_NOT_FOUND)
    def one(request: Request, digest: str) -> Response:
        line = events.refusal(digest)
        if line is None:
            raise Problem(HTTPStatus.NOT_FOUND, "no refused text has this digest; it may have been pruned")
        return answer(request, {**_shown(line), "payload": line.payload, "isCut": False})

    return routes


def _shown(line: RefusedLine) -> dict[str, Any]:
    told = {name: value for name, value in asdict(line).items() if name != "id"}
    return {**told, "payload": line.payload[:_CHARACTERS], "isCut": len(line.payload) > _CHARACTERS}
