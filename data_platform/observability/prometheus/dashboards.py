"""Three dashboards for Grafana, made of the metrics of the catalogue: executive, on-call, debug.

Each leads to the next: a dataset or a domain that is chosen stays chosen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data_platform.observability.objectives.burn import BURN_WINDOWS
from data_platform.observability.prometheus.catalogue import FAMILIES

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDE, _HIGH = 24, 8
_SCHEMA = 39
_ALL = "$dataset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel.

    Attributes:
        kind: Grafana's type: stat, timeseries, table or heatmap.
        queries: legend to PromQL.
        unit: as Grafana names it.
        width: of 24.
    """

    title: str
    kind: str
    queries: Mapping[str, str]
    unit: str = "short"
    width: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One dashboard; `leads_to` is the uid of the next."""

    uid: str
    title: str
    panels: Sequence[Panel]
    leads_to: str = ""

    def document(self) -> dict[str, Any]:
        """As Grafana imports it."""
        next_page = {
            "title": "More", "type": "link", "icon": "external link", "url": f"/d/{self.leads_to}",
            "includeVars": True, "keepTime": True,
        }  # fmt: skip
        return {
            "uid": self.uid,
            "title": self.title,
            "tags": ["data-platform"],
            "schemaVersion": _SCHEMA,
            "editable": False,
            "refresh": "15s",
            "time": {"from": "now-24h", "to": "now"},
            "templating": {"list": [_datasource_variable(), _variable("domain"), _variable("dataset")]},
            "links": [next_page] if self.leads_to else [],
            "panels": list(_placed(self.panels)),
        }


EXECUTIVE = Dashboard(
    uid="data-platform-executive",
    title="Data platform: executive",
    leads_to="data-platform-on-call",
    panels=(
        Panel(title="Pipeline success, 7 days", kind="stat", unit="percentunit", width=6, queries={
            "platform": 'sli:pipeline_success:ratio7d{objective="pipeline_success.platform"}'}),
        Panel(title="Objectives met", kind="stat", unit="percentunit", width=6, queries={
            "met": '(sum(data_platform_objectives{state="met"}) or vector(0)) '
                   '/ sum(data_platform_objectives{state!="unknown"})'}),
        Panel(title="Catalog coverage", kind="stat", unit="percentunit", width=6, queries={
            "covered": "data_platform_catalog_coverage_ratio"}),
        Panel(title="Open incidents", kind="stat", width=6, queries={
            "open": 'sum(data_platform_incidents{state!="resolved"}) or vector(0)'}),
        Panel(title="Datasets that failed most, 7 days", kind="table", width=12, queries={
            "failed": 'topk(10, increase(data_platform_runs_total{state="failed"}[7d]))'}),
        Panel(title="Least of the error budget left", kind="table", unit="percentunit", width=12, queries={
            "left": "bottomk(10, data_platform_objective_budget_left_ratio)"}),
        Panel(title="CPU time by owner", kind="timeseries", unit="s", width=12, queries={
            "{{owner}}": "sum by (owner) (increase(data_platform_run_cpu_seconds_total[1d]))"}),
        Panel(title="Stored by owner", kind="timeseries", unit="bytes", width=12, queries={
            "{{owner}}": "sum by (owner) (data_platform_stored_bytes) or sum by (owner) "
                         "(increase(data_platform_run_written_bytes_total[1d]))"}),
    ),
)  # fmt: skip

ON_CALL = Dashboard(
    uid="data-platform-on-call",
    title="Data platform: on-call",
    leads_to="data-platform-debug",
    panels=(
        Panel(title="Failing now", kind="table", width=12, queries={
            "{{alert}}": "data_platform_symptoms > 0 or vector(0)"}),
        Panel(title="Objectives by state", kind="timeseries", width=12, queries={
            "{{state}}": 'sum by (state) (data_platform_objectives{domain=~"$domain|platform"})'}),
        Panel(title="Burn rate, 1 hour", kind="timeseries", width=12, queries={
            "{{objective}}": "topk(10, objective:burn:rate1h)"}),
        Panel(title="Burn rate, 3 days", kind="timeseries", width=12, queries={
            "{{objective}}": "topk(10, objective:burn:rate3d)"}),
        Panel(title="Since connectors beat", kind="table", unit="s", width=12, queries={
            "{{source}}": f'data_platform_ingest_heartbeat_age_seconds{{dataset=~"{_ALL}"}}'}),
        Panel(title="Queue: longest wait by lane", kind="timeseries", unit="s", width=12, queries={
            "{{lane}}": "data_platform_queue_oldest_age_seconds or vector(0)"}),
        Panel(title="Lineage events not sent", kind="timeseries", width=12, queries={
            "{{sink}}": "data_platform_outbox_unsent_events or vector(0)"}),
        Panel(title="Free disk", kind="timeseries", unit="percentunit", width=12, queries={
            "{{place}}": "data_platform_disk_free_ratio"}),
    ),
)  # fmt: skip

DEBUG = Dashboard(
    uid="data-platform-debug",
    title="Data platform: debug",
    panels=(
        Panel(title="Run duration, p95 by layer", kind="timeseries", unit="s", width=12, queries={
            "{{layer}}": "histogram_quantile(0.95, sum by (le, layer) (data_platform_run_duration_seconds_bucket))"}),
        Panel(title="Runs that ended, by state", kind="timeseries", width=12, queries={
            "{{state}}": f'sum by (state) (increase(data_platform_runs_total{{dataset=~"{_ALL}"}}[1h]))'}),
        Panel(title="Receipt to publish, p95", kind="timeseries", unit="s", width=12, queries={
            "{{stage}}": "histogram_quantile(0.95, sum by (le, stage) "
                         f'(data_platform_ingest_latency_seconds_bucket{{dataset=~"{_ALL}"}}))'}),
        Panel(title="Records taken", kind="timeseries", width=12, queries={
            "{{dataset}}": "sum by (dataset) "
                           f'(increase(data_platform_ingest_records_total{{dataset=~"{_ALL}"}}[1h]))'}),
        Panel(title="Not readable", kind="timeseries", width=12, queries={
            "{{reason}}": f'sum by (reason) (data_platform_ingest_errors_total{{dataset=~"{_ALL}"}}) or vector(0)'}),
        Panel(title="Last success", kind="table", unit="dateTimeFromNow", width=12, queries={
            "{{dataset}}": f'data_platform_run_last_success_timestamp_seconds{{dataset=~"{_ALL}"}} * 1000'}),
        Panel(title="Rules by verdict", kind="timeseries", width=12, queries={
            "{{verdict}}": 'sum by (verdict) (data_platform_checks{domain=~"$domain"})'}),
        Panel(title="Batch sizes", kind="heatmap", width=12, queries={
            "{{le}}": f'sum by (le) (data_platform_ingest_batch_records_bucket{{dataset=~"{_ALL}"}})'}),
    ),
)  # fmt: skip

DASHBOARDS = (EXECUTIVE, ON_CALL, DEBUG)


def known_names() -> frozenset[str]:
    """Every name that a query may use: metrics with what histograms add, and burn rates that rules record."""
    names = {family.full_name for family in FAMILIES}
    names |= {f"{name}_{part}" for name in names for part in ("bucket", "sum", "count")}
    return frozenset(names | {f"objective:burn:rate{window}" for window in BURN_WINDOWS})


def _placed(panels: Sequence[Panel]) -> Iterator[dict[str, Any]]:
    left = top = 0
    for number, panel in enumerate(panels, 1):
        if left + panel.width > _WIDE:
            left, top = 0, top + _HIGH
        yield {
            "id": number,
            "title": panel.title,
            "type": panel.kind,
            "datasource": _SOURCE,
            "gridPos": {"x": left, "y": top, "w": panel.width, "h": _HIGH},
            "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
            "targets": [
                {"refId": chr(ord("A") + place), "expr": query, "legendFormat": legend, "datasource": _SOURCE,
                 "instant": panel.kind in ("table", "stat")}
                for place, (legend, query) in enumerate(panel.queries.items())
            ],
        }  # fmt: skip
        left += panel.width


def _datasource_variable() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}


def _variable(label: str) -> dict[str, Any]:
    metric = {"domain": "data_platform_objective_target_ratio", "dataset": "data_platform_runs_total"}[label]
    return {
        "name": label,
        "type": "query",
        "datasource": _SOURCE,
        "query": f"label_values({metric}, {label})",
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "refresh": 2,
        "current": {"text": "All", "value": "$__all"},
    }
