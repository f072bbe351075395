"""The addresses of the pages for those who are on call. What they say is in the modules beside this one.

Nothing here asks the orchestrator: these pages work while it is down, and show what the metastore holds.
"""

from __future__ import annotations

from fastapi import APIRouter

from data_platform.serving.console.operations.cost_pages import cost_routes
from data_platform.serving.console.operations.debug_pages import debug_routes
from data_platform.serving.console.operations.desk import Desk
from data_platform.serving.console.operations.incident_pages import incident_routes
from data_platform.serving.console.operations.objective_pages import objective_routes
from data_platform.serving.console.operations.on_call_pages import on_call_routes
from data_platform.wiring.platform import Platform


def operations_routes(platform: Platform) -> APIRouter:
    """On-call, incidents, objectives, debug and costs over one platform."""
    routes = APIRouter()
    desk = Desk(platform)
    for made in (on_call_routes, incident_routes, objective_routes, debug_routes, cost_routes):
        routes.include_router(made(desk))
    return routes
