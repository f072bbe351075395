"""How things stand, for programs: connectors, incidents, objectives and costs. What the pages for those on call show.

Amounts of money are text, so that nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response

from data_platform.catalog.cursors import UnknownCursor, cursor_of, place_in
from data_platform.connectors.heartbeat_map import heartbeat_map
from data_platform.costs.report import CostOf
from data_platform.incidents.dossier import dossier
from data_platform.metastore.column_types import storable
from data_platform.serving.api.answers import ANSWERS, BAD_CURSOR, answer
from data_platform.serving.asked_costs import report_of
from data_platform.serving.console.operations.signals import feed
from data_platform.serving.parameters import By, Cursor, Limit, Month, Open
from data_platform.serving.problems import Problem, described
from data_platform.wiring.platform import Platform

_NOT_FOUND = described({HTTPStatus.NOT_FOUND: "There is no such incident, or it was forgotten."})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def operation_routes(platform: Platform) -> APIRouter:
    """`/connectors`, `/incidents`, `/objectives` and `/costs` over one platform; all of them only read."""
    routes = APIRouter(tags=["operations"], responses=ANSWERS)
    store = platform.metastore.operations

    @routes.get("/connectors", summary="The heartbeat map: who is heard of, and who goes on", responses=BAD_CURSOR)
    def connectors(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
        after = ("", "") if cursor is None else place_in(cursor, (str, str))
        entries = [entry for domain in platform.project.domains for entry in domain.connectors]
        rest = sorted(
            (one for one in entries if (str(one.dataset), one.name) > after), key=lambda e: (str(e.dataset), e.name)
        )
        found = heartbeat_map(rest[:limit], platform.metastore, platform.clock.now(), place=platform.place)
        items = [{name: value for name, value in asdict(feed(one)).items() if name != "tone"} for one in found]
        more = cursor_of(items[-1]["dataset"], items[-1]["name"]) if len(rest) > limit else None
        return answer(request, {"items": items, "cursor": more})

    @routes.get("/incidents", summary="Incidents, the last opened first", responses=BAD_CURSOR)
    def incidents(request: Request, state: Open = "open", limit: Limit = 50, cursor: Cursor = None) -> Response:
        before = None if cursor is None else _place_of_incident(cursor)
        found = store.incidents.page(is_open=state == "open", before=before, limit=limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        more = cursor_of((last.detected_at - _EPOCH) // _MICROSECOND, last.incident_id) if last else None
        return answer(request, {"items": [asdict(one) for one in found[:limit]], "cursor": more})

    @routes.get("/incidents/{incident_id}", summary="Everything about one incident", responses=_NOT_FOUND)
    def incident(request: Request, incident_id: str) -> Response:
        found = store.incidents.get(incident_id) if storable(incident_id) == incident_id else None
        if found is None:
            raise Problem(HTTPStatus.NOT_FOUND, "there is no such incident")
        return answer(request, dossier(platform.metastore, found))

    @routes.get("/objectives", summary="Objectives and how they stand, by id", responses=BAD_CURSOR)
    def objectives(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
        (after,) = ("",) if cursor is None else place_in(cursor, (str,))
        rest = [one for one in store.objectives.all() if one.objective > after]
        more = cursor_of(rest[limit - 1].objective) if len(rest) > limit else None
        return answer(request, {"items": [asdict(one) for one in rest[:limit]], "cursor": more})

    @routes.get("/costs", summary="What a month cost, by name", responses=BAD_CURSOR)
    def costs(
        request: Request, month: Month = None, by: By = "domain", limit: Limit = 100, cursor: Cursor = None
    ) -> Response:
        (after,) = (None,) if cursor is None else place_in(cursor, (str,))
        report = report_of(platform.costs, month, by=by)
        rest = [one for one in sorted(report.costs, key=lambda one: one.name) if after is None or one.name > after]
        more = cursor_of(rest[limit - 1].name) if len(rest) > limit else None
        whole = {"first": report.first, "last": report.last, "by": report.by, "currency": report.currency,
                 "whole": _cost(report.whole), "untagged": str(report.untagged),
                 "unmetered": [_texts(asdict(one)) for one in report.unmetered]}  # fmt: skip
        return answer(request, {**whole, "items": [_cost(one) for one in rest[:limit]], "cursor": more})

    return routes


def _place_of_incident(cursor: str) -> tuple[datetime, str]:
    after, incident_id = place_in(cursor, (int, str))
    try:
        return _EPOCH + after * _MICROSECOND, incident_id
    except OverflowError:
        raise UnknownCursor from None


def _cost(cost: CostOf) -> Mapping[str, Any]:
    derived = {name: getattr(cost, name) for name in ("total", "compute_per_tb", "storage_per_tb")}
    return _texts({**asdict(cost), **derived})


def _texts(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in facts.items()}
