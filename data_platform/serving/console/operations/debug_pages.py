"""`/debug` and the page of each run."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from data_platform.observability.logs.reading import lines_of
from data_platform.observability.tracing.finding import trace_id_of_run
from data_platform.serving.console.operations import debugging
from data_platform.serving.console.operations.desk import Desk, Page
from data_platform.serving.console.operations.filters import Asked, sliced
from data_platform.serving.console.schema_changes import schema_changes
from data_platform.serving.problems import Problem

_RUNS = 500
_SHOWN = 25
_CHANGES = 10
_SPANS = 300
_LINES = 500


def debug_routes(desk: Desk) -> APIRouter:
    """The list of runs with the panels of their datasets, and the page of one run."""
    routes = APIRouter()

    @routes.get("/debug")
    def debug(
        narrowed: Asked, failed: bool = False, run: str = "", partition: str = "", page: Page = 1
    ) -> HTMLResponse:
        if run:
            return one_run(run, narrowed, partition)
        runs = desk.operations.run_overview.recent(desk.matching(narrowed), failed_only=failed, limit=_RUNS)
        shown = sliced(runs, page, size=_SHOWN)
        datasets = [narrowed.dataset] if narrowed.dataset else list(dict.fromkeys(one.dataset for one in runs))
        return desk.show(
            "debug.html",
            path="/debug",
            narrowed=narrowed,
            failed=failed,
            runs=shown,
            partition=partition,
            **_of_datasets(desk, datasets),
        )

    @routes.get("/debug/runs/{run_id}")
    def one_run(run_id: str, narrowed: Asked, partition: str = "") -> HTMLResponse:
        metastore = desk.platform.metastore
        runs = metastore.runs.of_run(run_id)
        trace_id = trace_id_of_run(metastore, run_id)
        spans = desk.operations.spans.of_trace(trace_id, limit=_SPANS) if trace_id else ()
        spans = spans or desk.operations.spans.of_run(run_id, limit=_SPANS)
        logs = lines_of(desk.platform.settings.home, run_id=run_id, limit=_LINES)
        if not (runs or spans or logs):
            raise Problem(HTTPStatus.NOT_FOUND, f"No run {run_id!r} is known; /debug lists the last ones.")
        chosen = [run.dataset for run in runs if narrowed.dataset in ("", run.dataset)] or [run.dataset for run in runs]
        return desk.show(
            "run.html",
            path="/debug",
            narrowed=narrowed,
            run_id=run_id,
            runs=runs,
            partition=partition,
            trace_id=trace_id,
            bars=debugging.waterfall(spans),
            logs=debugging.log_rows(logs),
            checks=metastore.checks.of_run(run_id),
            partitions=metastore.partitions.of_run(run_id),
            dagster=desk.dagster_run(run_id),
            **_of_datasets(desk, chosen),
        )

    return routes


def _of_datasets(desk: Desk, datasets: list[str]) -> dict[str, object]:
    """The panels about datasets: the first one's lag, the rows of them all, and what changed last."""
    metastore = desk.platform.metastore
    chosen = datasets[: debugging.MOST_ROWS]
    first = next((name for name in chosen if metastore.partitions.latest(name)), "")
    lags = debugging.lags(metastore.partitions.latest(first)) if first else []
    rows = desk.operations.run_overview.partition_rows(chosen, limit=debugging.MOST_DAYS) if chosen else ()
    found = [(at, name, what) for name in chosen for at, what in schema_changes(metastore.catalog, name)]
    return {
        "lag_chart": debugging.lag_chart(first, lags),
        "skew_chart": debugging.skew_chart(rows),
        "changes": sorted(found, reverse=True)[:_CHANGES],
    }
