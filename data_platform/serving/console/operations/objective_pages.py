"""`/objectives` and the page of each."""

from __future__ import annotations

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from data_platform.metastore.objective_tables import ObjectiveState
from data_platform.serving.console.operations import objective
from data_platform.serving.console.operations.desk import Desk, Page
from data_platform.serving.console.operations.filters import Asked, sliced
from data_platform.serving.problems import Problem

State = Literal["", "met", "burning", "spent", "unknown"]


def objective_routes(desk: Desk) -> APIRouter:
    """The list and the page of one."""
    routes = APIRouter()

    @routes.get("/objectives")
    def objectives(narrowed: Asked, state: State = "", page: Page = 1) -> HTMLResponse:
        found = objective.wanted(desk.operations.objectives.all(), desk.holdings, narrowed)
        counts = {one.value: sum(each.stands(one.value) for each in found) for one in ObjectiveState}
        chosen = [one for one in found if not state or one.stands(state)]
        return desk.show(
            "objectives.html",
            path="/objectives",
            narrowed=narrowed,
            watch=desk.watch(),
            state=state,
            counts=counts,
            total=len(found),
            lines=sliced(chosen, page, shown=objective.line_of),
        )

    @routes.get("/objectives/{name:path}")
    def one(name: str, narrowed: Asked) -> HTMLResponse:
        entry = desk.operations.objectives.get(name)
        if entry is None:
            raise Problem(HTTPStatus.NOT_FOUND, f"There is no objective {name!r}; /objectives lists them all.")
        promise = desk.promise_of(name)
        since, width = objective.window_of(entry, promise)
        samples = desk.operations.objective_samples.of(name, width_seconds=width)
        buckets = objective.buckets_of(samples, since)
        return desk.show(
            "objective.html",
            path="/objectives",
            narrowed=narrowed,
            watch=desk.watch(),
            line=objective.line_of(entry),
            buckets=list(reversed(buckets)),
            burn_down=objective.burn_down(entry, buckets),
            events=objective.events_chart(buckets),
            document=objective.document_of(promise) if promise else "",
            explanation=desk.explanation_of(entry.sli),
        )

    return routes
