"""Objectives as OpenSLO documents, for other tools and as a beginning for one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_platform.contracts.domains import PLATFORM_DOMAIN
from data_platform.observability.objectives.model import Objective, document_name
from data_platform.observability.objectives.openslo import API_VERSION
from data_platform.observability.objectives.openslo_slo import START_FORMAT
from data_platform.observability.objectives.resolving import SOURCE_TYPE


def exported(objective: Objective) -> Mapping[str, Any]:
    """The document of one objective; reading it gives the same objective again."""
    name = document_name(objective.id)
    source = {"metricSource": {"type": SOURCE_TYPE, "spec": _asked(objective)}}
    metric: dict[str, Any] = {"ratioMetric": {"counter": True, "good": source, "total": source}}
    promised: dict[str, Any] = {"displayName": objective.title or objective.id, "target": objective.target}
    if objective.threshold is not None:
        metric = {"thresholdMetric": source}
        promised |= {"op": str(objective.threshold.op), "value": objective.threshold.value}
    if objective.slices is not None:
        promised["timeSliceWindow"] = str(objective.slices.window)
        if objective.slices.target is not None:
            promised["timeSliceTarget"] = objective.slices.target
    return {
        "apiVersion": API_VERSION,
        "kind": "SLO",
        "metadata": {
            "name": name,
            "displayName": objective.title or objective.id,
            "labels": {"sli": objective.sli, "owner": objective.owner, "critical": str(objective.is_critical).lower()},
            "annotations": {"data-platform/objective": objective.id, "data-platform/origin": objective.origin},
        },
        "spec": {
            **({"description": objective.description} if objective.description else {}),
            "service": objective.subject.split("/")[0],
            "indicator": {"metadata": {"name": document_name(f"sli.{objective.id}")}, "spec": metric},
            "timeWindow": [_window(objective)],
            "budgetingMethod": str(objective.method),
            "objectives": [promised],
        },
    }


def _asked(objective: Objective) -> dict[str, Any]:
    subject = objective.subject
    if subject == PLATFORM_DOMAIN:
        return {"sli": objective.sli, "platform": True}
    if "." not in subject:
        return {"sli": objective.sli, "domain": subject}
    dataset, _, source = subject.partition("/")
    return {"sli": objective.sli, "dataset": dataset, **({"source": source} if source else {})}


def _window(objective: Objective) -> dict[str, Any]:
    window = objective.window
    if window.starts_at is None:
        return {"duration": str(window.duration), "isRolling": True}
    calendar = {"startTime": window.starts_at.strftime(START_FORMAT), "timeZone": window.zone}
    return {"duration": str(window.duration), "isRolling": False, "calendar": calendar}
