"""What every page for those on call begins with: the platform, who has what, and the filter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import Query
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from data_platform.errors import FaultyProject
from data_platform.incidents.runbook import SHIPPED
from data_platform.metastore.component_beats import WATCH
from data_platform.metastore.incidents import IncidentEntry
from data_platform.metastore.operations import Operations
from data_platform.metastore.symptoms import SymptomEntry
from data_platform.observability.objectives.model import Objective
from data_platform.observability.slis.registry import indicator
from data_platform.serving.console.operations.filters import Filter, Holdings
from data_platform.serving.console.operations.runbook_text import rendered
from data_platform.serving.console.operations.signals import MOST_INCIDENTS, Watching, watching
from data_platform.serving.console.rendering import page
from data_platform.wiring.platform import Platform

Page = Annotated[int, Query(ge=1, le=100_000)]


@dataclass(frozen=True)
class Desk:
    """Reads what the pages share."""

    platform: Platform

    @property
    def holdings(self) -> Holdings:
        """Who has what, as the project says now."""
        project = self.platform.project
        known: Holdings | None = self.__dict__.get("_holdings")
        if known is None or known.project is not project:
            known = self.__dict__["_holdings"] = Holdings(project)
        return known

    @property
    def operations(self) -> Operations:
        """Objectives, incidents, traces and costs."""
        return self.platform.metastore.operations

    @property
    def now(self) -> datetime:
        """The platform's present moment."""
        return self.platform.clock.now()

    def watch(self) -> Watching:
        """Whether anybody watches."""
        return watching(self.operations.component_beats.of(WATCH), self.now)

    def open_incidents(self) -> tuple[tuple[IncidentEntry, ...], tuple[SymptomEntry, ...]]:
        """Everything that is not resolved, with its symptoms."""
        found = self.operations.incidents.recent(is_open=True, limit=MOST_INCIDENTS)
        return found, self.operations.symptoms.of([one.incident_id for one in found])

    def matching(self, narrowed: Filter) -> list[str] | None:
        """The datasets that pass; None where all do, also those of no project."""
        if not narrowed.chosen:
            return None
        known = [name for name in self.holdings.datasets if self.holdings.passes(narrowed, name)]
        return known or [narrowed.dataset]

    def show(self, template: str, *, path: str, narrowed: Filter, **values: Any) -> HTMLResponse:
        """A page with its filter bar; `path` is its own address, without a query."""
        here = "/incidents" if path == "/runbooks" else path
        common: dict[str, Any] = {"path": path, "narrowed": narrowed, "holdings": self.holdings, "now": self.now}
        return page(f"operations/{template}", here=here, **common, **values)

    def dagster_run(self, run_id: str) -> str:
        """Where the orchestrator shows a run."""
        return f"{self.platform.settings.dagster_url.rstrip('/')}/runs/{run_id}"

    def promise_of(self, objective: str) -> Objective | None:
        """What an objective promises; None where the project does not promise it any more, or cannot be read."""
        try:
            return next((one for one in self.platform.objectives.all if one.id == objective), None)
        except FaultyProject:
            return None

    def explanation_of(self, sli: str) -> Markup | None:
        """How an indicator is computed; None of one that the platform does not measure."""
        found = indicator(sli)
        return rendered(found.explanation) if found is not None else None

    def runbook_of(self, incident: IncidentEntry) -> Markup | None:
        """What to do about an incident; None where nobody has written it down.

        Only the platform's own files and those in the folders of domains are read, whatever the incident names.
        """
        named = Path(str(incident.detail.get("runbook") or ""))
        file = named if named.is_absolute() else SHIPPED / f"{incident.alert}.md"
        known = (SHIPPED, *(domain.path for domain in self.platform.project.domains))
        if file.suffix != ".md" or not any(file.resolve().is_relative_to(folder.resolve()) for folder in known):
            return None
        try:
            return rendered(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            return None
