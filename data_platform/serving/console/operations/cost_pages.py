"""`/costs`."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from data_platform.serving.asked_costs import reports_of
from data_platform.serving.console.operations import spending
from data_platform.serving.console.operations.desk import Desk, Page
from data_platform.serving.console.operations.filters import Asked, sliced
from data_platform.serving.parameters import Month


def cost_routes(desk: Desk) -> APIRouter:
    """The page."""
    routes = APIRouter()

    @routes.get("/costs")
    def costs(narrowed: Asked, month: Month = None, page: Page = 1) -> HTMLResponse:
        costs, holdings = desk.platform.costs, desk.holdings
        reports = reports_of(costs, month, ways=("domain", "owner", "dataset"))
        whole = reports["dataset"]
        digits = spending.digits_of(whole.total)
        wanted = [one for one in whole.costs if holdings.passes(narrowed, one.name)]
        by_dataset = spending.table(whole, wanted, digits)
        budgets = [one for one in whole.budgets if narrowed.domain in ("", one.domain)]
        return desk.show(
            "costs.html",
            path="/costs",
            narrowed=narrowed,
            report=whole,
            month=month,
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
