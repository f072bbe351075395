"""`/on-call`, and the tile of the start page that takes longer."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from data_platform.metastore.component_beats import QUEUE
from data_platform.metastore.objective_tables import ObjectiveState
from data_platform.serving.console.operations import on_call, signals
from data_platform.serving.console.operations.desk import Desk, Page
from data_platform.serving.console.operations.filters import Asked, Filter, sliced
from data_platform.serving.console.operations.objective import line_of, wanted
from data_platform.serving.console.rendering import page as rendered

_SHORT = 12  # rows of a panel that has a page of its own
_FRESH = timedelta(minutes=3)  # how old the sample of the queue may be
_LOOK_BACK = timedelta(days=7)


def on_call_routes(desk: Desk) -> APIRouter:
    """The page and its tile."""
    routes = APIRouter()

    @routes.get("/on-call")
    def on_call_page(narrowed: Asked, page: Page = 1, feeds: Page = 1) -> HTMLResponse:
        platform, holdings, store = desk.platform, desk.holdings, desk.operations
        watch = desk.watch()
        incidents, symptoms = desk.open_incidents()
        shown = on_call.incident_lines(incidents, symptoms, holdings, narrowed)
        ids = {line.id for line in shown}
        failing = [
            line
            for line in on_call.failing_lines(store.run_overview.failing(), incidents, symptoms)
            if holdings.passes(narrowed, line.dataset)
        ]
        objectives = wanted(store.objectives.all(), holdings, narrowed)
        burning = [one for one in objectives if one.is_burning or one.state is ObjectiveState.SPENT]
        connectors = signals.connectors_of(platform, holdings, narrowed)
        tiles = [
            signals.incident_tile(
                [one for one in incidents if one.incident_id in ids], watch, narrowed.href("/incidents")
            ),
            signals.failing_tile(len(failing), is_known=bool(platform.metastore.runs.recent(limit=1)), href="#failing"),
            signals.objective_tile(objectives, watch, narrowed.href("/objectives")),
            signals.connector_tile(connectors, "#connectors"),
        ]
        return desk.show(
            "on_call.html",
            path="/on-call",
            narrowed=narrowed,
            watch=watch,
            faulty=platform.soundness,
            tiles=tiles,
            incidents=sliced(shown, 1, size=_SHORT),
            failing=sliced(failing, page),
            burning=sliced(burning, 1, size=_SHORT, shown=line_of),
            judged=sum(one.state is not ObjectiveState.UNKNOWN for one in objectives),
            feeds=sliced(connectors, feeds),
            queue=_queue(desk),
        )

    @routes.get("/tiles/connectors")
    def connector_tile() -> HTMLResponse:
        found = signals.connectors_of(desk.platform, desk.holdings, Filter())
        return rendered("tile.html", tile=signals.connector_tile(found))

    return routes


def _queue(desk: Desk) -> on_call.Queue:
    """What waits, as it was sampled last."""
    store, now = desk.operations.queued_runs, desk.now
    looks = [run.sampled_at for run in store.sampled(since=now - _LOOK_BACK)]
    if (beat := desk.operations.component_beats.of(QUEUE)) is not None:
        looks.append(beat.beat_at)  # an empty queue leaves nothing else
    sampled_at = max(looks, default=None)
    return on_call.queue_of(store.waiting(), now, sampled_at=sampled_at, fresh=_FRESH)
