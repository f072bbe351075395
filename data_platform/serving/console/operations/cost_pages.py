"""`/costs`."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from data_platform.serving.console.operations import spending
from data_platform.serving.console.operations.desk import Desk, Page
from data_platform.serving.console.operations.filters import Asked, sliced


def cost_routes(desk: Desk) -> APIRouter:
    """The page."""
    routes = APIRouter()

    @routes.get("/costs")
    def costs(narrowed: Asked, page: Page = 1) -> HTMLResponse:
        costs, estate = desk.platform.costs, desk.estate
        reports = {by: costs.report(by=by) for by in ("domain", "owner", "dataset")}
        whole = reports["dataset"]
        digits = spending.digits_of(whole.total)
        wanted = [one for one in whole.costs if estate.passes(narrowed, one.name)]
        by_dataset = spending.table(whole, wanted, digits)
        budgets = [one for one in whole.budgets if narrowed.domain in ("", one.domain)]
        return desk.show(
            "costs.html",
            path="/costs",
            narrowed=narrowed,
            report=whole,
            digits=digits,
            groups=[spending.table(reports[by], reports[by].costs, digits) for by in ("domain", "owner")],
            by_dataset=by_dataset,
            lines=sliced(by_dataset.lines, page),
            untagged=spending.evened([whole.untagged], digits)[0],
            total=spending.evened([whole.total], digits)[0],
            budgets=budgets,
            trend=spending.trend(desk.platform.metastore, costs.price_list(), whole.last),
        )

    return routes
