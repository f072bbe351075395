"""`/incidents` and the page of each."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from data_platform.incidents.runbook import names, read
from data_platform.serving.console.operations import incident
from data_platform.serving.console.operations.desk import Desk, Page
from data_platform.serving.console.operations.filters import Asked, sliced
from data_platform.serving.console.operations.on_call import incident_lines
from data_platform.serving.console.operations.runbook_text import rendered
from data_platform.serving.console.operations.signals import MOST_INCIDENTS
from data_platform.serving.console.rendering import lineage_href
from data_platform.serving.problems import Problem

_PERIOD = timedelta(days=30)


def incident_routes(desk: Desk) -> APIRouter:
    """The list and the page of one."""
    routes = APIRouter()

    @routes.get("/incidents")
    def incidents(narrowed: Asked, state: Literal["", "open"] = "", page: Page = 1) -> HTMLResponse:
        since = None if state == "open" else desk.now - _PERIOD
        found = desk.operations.incidents.recent(is_open=state == "open", since=since, limit=MOST_INCIDENTS)
        if since is not None:  # one that is open stays in sight however old it is
            known = {one.incident_id for one in found}
            found += tuple(one for one in desk.open_incidents()[0] if one.incident_id not in known)
        symptoms = desk.operations.symptoms.of([one.incident_id for one in found])
        lines = incident_lines(found, symptoms, desk.holdings, narrowed)
        ids = {line.id for line in lines}
        return desk.show(
            "incidents.html",
            path="/incidents",
            narrowed=narrowed,
            watch=desk.watch(),
            state=state,
            lines=sliced(lines, page),
            means=incident.means(one for one in found if one.incident_id in ids),
        )

    @routes.get("/incidents/{incident_id}")
    def one(incident_id: str, narrowed: Asked) -> HTMLResponse:
        entry = desk.operations.incidents.get(incident_id)
        if entry is None:
            raise Problem(HTTPStatus.NOT_FOUND, f"There is no incident {incident_id!r}; /incidents lists them all.")
        symptoms = desk.operations.symptoms.of([incident_id])
        failing = {symptom.dataset for symptom in symptoms if symptom.cleared_at is None}
        evidence = incident.evidence_of(symptoms)
        notes = desk.operations.notifications.of([incident_id])
        return desk.show(
            "incident.html",
            path="/incidents",
            narrowed=narrowed,
            watch=desk.watch(),
            one=entry,
            milestones=incident.milestones(entry),
            symptoms=sliced(evidence, 1),
            events=desk.operations.incident_events.of(incident_id),
            hits=sliced(incident.hits_of(desk.platform, entry.dataset, failing), 1),
            changes=incident.changes_before(desk.platform, entry.dataset, entry.detected_at),
            deliveries=incident.deliveries(notes),
            untold=incident.untold(notes),
            runbook=desk.runbook_of(entry),
            playbook=incident.PLAYBOOKS.get(entry.alert, ""),
            runs={run_id: desk.dagster_run(run_id) for one in evidence if (run_id := one.run_id)},
            graph=lineage_href(entry.dataset).replace("/lineage/", "/graph/", 1) if entry.dataset else "",
        )

    @routes.get("/runbooks")
    def runbooks(narrowed: Asked) -> HTMLResponse:
        return desk.show("runbooks.html", path="/runbooks", narrowed=narrowed, names=_alerts(), name="", text="")

    @routes.get("/runbooks/{name}")
    def one_runbook(name: str, narrowed: Asked) -> HTMLResponse:
        if name not in _alerts():
            raise Problem(HTTPStatus.NOT_FOUND, f"There is no runbook {name!r}; /runbooks lists them all.")
        text = rendered(read(name))
        return desk.show("runbooks.html", path="/runbooks", narrowed=narrowed, names=_alerts(), name=name, text=text)

    return routes


def _alerts() -> list[str]:
    return [name for name, _ in names()]
