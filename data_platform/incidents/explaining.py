"""What is known about an incident when it opens: who answers, whom it hits, what changed before, which runbook fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from data_platform.incidents.model import FILES, Estate
from data_platform.incidents.routing import Routes
from data_platform.incidents.runbook import runbook_of
from data_platform.metastore.database import Transaction
from data_platform.metastore.engine import Metastore
from data_platform.metastore.incidents import IncidentEntry

_MOST_RUNS = 200
_MOST_HIT = 1000
_TITLES = {
    "slo_fast_burn": "the error budget of {cause} goes fast",
    "slo_slow_burn": "the error budget of {cause} goes too fast",
    "data_loss": "{cause} has lost data",
    "security_breach": "a breach: {cause}",
    "connector_lost": "the connector {cause} is lost",
    "run_failed": "{cause} failed",
    "run_blocked": "{cause} is blocked",
    "run_missed": "{cause} did not run",
    "files_rejected": "{cause} got files that cannot be read",
    "freshness_breach": "{cause} grows old",
    "incomplete": "{cause} looks incomplete",
    "schema_warning": "the contract of {cause} changed in a way that readers may not bear",
    "metadata_gap": "{cause} is not as the catalog says",
    "task_age": "runs wait too long: {cause}",
    "lineage_stuck": "lineage events are not taken",
    "disk_low": "the disk is nearly full",
    "breaker_open": "{cause} is open",
    "watch_silent": "{cause} does not beat any more",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explainer:
    """Fills in what people need.

    Attributes:
        history: the changes of a dataset's contract that the catalog knows of before a moment, newest first.
    """

    metastore: Metastore
    estate: Estate
    routes: Routes
    history: Callable[[str, datetime], Sequence[Mapping[str, Any]]] = lambda _dataset, _at: ()

    def explained(self, incident: IncidentEntry, *, now: datetime, tx: Transaction) -> IncidentEntry:
        """The incident with owner, recipient, title and detail."""
        info = self.estate.datasets.get(incident.dataset)
        owner = info.team if info else self.estate.teams.get(incident.domain, "")
        on_call = (info.on_call if info else "") or self.estate.on_call.get(incident.domain, "")
        recipient = on_call or self.routes.platform.name
        hit = self.estate.descendants(incident.dataset) if incident.dataset else ()
        owners = {self.estate.datasets[name].team for name in hit if name in self.estate.datasets}
        detail = {
            "blast_radius": {
                "datasets": hit[:_MOST_HIT],
                "count": len(hit),
                "owners": sorted(owner for owner in owners if owner),
                "critical": [name for name in hit if self.estate.is_critical(name)][:_MOST_HIT],
            },
            "changes": self._changes(incident, tx=tx),
            "runbook": runbook_of(incident.alert, info.runbooks if info else ""),
            "links": self._links(incident),
            "on_duty": self.routes.on_duty(recipient, now),
        }
        return replace(incident, owner=owner, recipient=recipient, title=_title(incident), detail=detail)

    def _changes(self, incident: IncidentEntry, *, tx: Transaction) -> list[Mapping[str, Any]]:
        """The last change of the contract and of the code before it began, as runs show them, and the catalog's."""
        if not incident.dataset:
            return []
        runs = self.metastore.runs.recent(dataset=incident.dataset, limit=_MOST_RUNS, tx=tx)
        before = [run for run in reversed(runs) if run.started_at <= incident.began_at]
        found: list[Mapping[str, Any]] = []
        for what, words in (("contract", "contract_version"), ("code", "code_version")):
            last = ""
            change: Mapping[str, Any] | None = None
            for run in before:
                word = getattr(run, words)
                if word and last and word != last:
                    change = {"what": what, "from": last, "to": word, "at": run.started_at, "run_id": run.run_id}
                last = word or last
            if change is not None:
                found.append(change)
        return [*found, *self.history(incident.dataset, incident.began_at)]

    def _links(self, incident: IncidentEntry) -> Mapping[str, str]:
        links = {"incident": f"{self.routes.links}/incidents/{incident.incident_id}"}
        if incident.dataset:
            links["dataset"] = f"{self.routes.links}/datasets/{incident.dataset}"
        return links


def _title(incident: IncidentEntry) -> str:
    if incident.cause.startswith(FILES):
        return f"files of {incident.cause.removeprefix(FILES)} have faults"
    return _TITLES.get(incident.alert, "{cause}").format(cause=incident.cause)
