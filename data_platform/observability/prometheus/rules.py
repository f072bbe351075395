"""Recording and alerting rules for Prometheus, from the project's objectives and the platform's alerts.

The platform judges by itself and tells by itself; these rules do it a second time from outside, for teams whose
Alertmanager does the telling, and for the day on which the platform's own watch is what failed. Which rates alarm is
said once, in `objectives.burn`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from data_platform.observability.objectives.burn import BURN_WINDOWS, FAST, PAIRS
from data_platform.observability.objectives.durations import Duration
from data_platform.observability.objectives.model import Objective

RUNBOOKS = "http://127.0.0.1:8090/runbooks"
_EVENTS, _TARGET = "data_platform_objective_events_total", "data_platform_objective_target_ratio"
_TEMPLATED = "{{ $labels.%s }}"
INTERVAL = "30s"
SLOWEST = "1m"  # how often ratios over whole windows are computed


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alerting rule.

    Attributes:
        severity: `page` or `ticket`; empty where the series says it.
        owner: label that names the owner; empty: the platform.
        lasts: how long it must hold.
    """

    name: str
    expression: str
    summary: str
    severity: str = "ticket"
    owner: str = ""
    lasts: str = "0s"

    def rule(self, runbooks: str) -> dict[str, Any]:
        """As Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": self.lasts,
            "labels": {
                "severity": self.severity or _TEMPLATED % "severity",
                "owner": _TEMPLATED % self.owner if self.owner else "platform",
            },
            "annotations": {"summary": self.summary, "runbook_url": f"{runbooks.rstrip('/')}/{self.name}"},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleGroup:
    """Rules that are evaluated together."""

    name: str
    interval: str = INTERVAL
    rules: Sequence[dict[str, Any]] = field(default_factory=tuple)

    def document(self) -> dict[str, Any]:
        """As Prometheus reads it."""
        return {"name": self.name, "interval": self.interval, "rules": list(self.rules)}


def _symptom(name: str, summary: str, *, more: str = "") -> Alert:
    """What the watch sees itself; its severity is that of the symptom."""
    expression = f'max by (severity) (data_platform_symptoms{{alert="{name}"}}) > 0'
    return Alert(name=name, expression=expression + more, summary=summary, severity="")


def _burning(kind: str) -> str:
    pairs = [
        f"(objective:burn:rate{short} > {rate:g} and on (objective) objective:burn:rate{long} > {rate:g})"
        for short, long, rate, pair_kind in PAIRS
        if pair_kind == kind
    ]
    return " or ".join(pairs)


def _of(burning: str, critical: str) -> str:
    promised = f'{_TARGET}{{critical=~"{critical}"}} * 0 + 1'
    return f"({burning}) * on (objective) group_left (sli, domain, owner) ({promised})"


ALERTS: tuple[Alert, ...] = (
    Alert(
        name="slo_fast_burn",
        expression=_of(_burning(FAST), "true"),
        summary="{{ $labels.objective }} burns its error budget {{ $value | humanize }} times too fast",
        severity="page",
        owner="owner",
    ),
    Alert(
        name="slo_slow_burn",
        expression=f"{_of(_burning('slow'), 'true|false')} or {_of(_burning(FAST), 'false')}",
        summary="{{ $labels.objective }} burns its error budget {{ $value | humanize }} times too fast",
        owner="owner",
    ),
    Alert(
        name="data_loss",
        expression='data_platform_ledger_unbalanced_batches > 0 or sum(data_platform_symptoms{alert="data_loss"}) > 0',
        summary="Rows are unaccounted for",
        severity="page",
    ),
    Alert(
        name="security_breach",
        expression="sum by (kind) (increase(data_platform_security_events_total[15m])) > 0 "
        'or sum(data_platform_symptoms{alert="security_breach"}) > 0',
        summary="Somebody reached, or tried to reach, what they must not",
        severity="page",
    ),
    _symptom("connector_lost", "A connector is dead, stuck or refused"),
    _symptom("run_failed", "A run failed"),
    _symptom("run_blocked", "A run was blocked by its audit or by an input"),
    _symptom("run_missed", "A run that was due never began"),
    _symptom("files_rejected", "Files or records could not be read"),
    _symptom("freshness_breach", "A dataset is later than its contract promises"),
    _symptom("incomplete", "Fewer records came than were forecast"),
    _symptom("schema_warning", "A source's schema changed"),
    Alert(
        name="metadata_gap",
        expression='sum(data_platform_catalog_findings{decision="none",standing!="managed"}) > 0 '
        'or sum(data_platform_symptoms{alert="metadata_gap"}) > 0',
        summary="Tables are there that nobody described, or that differ from what was",
        lasts="5m",
    ),
    Alert(
        name="task_age",
        expression="max by (lane) (data_platform_queue_oldest_age_seconds) > 1800",
        summary="Runs wait for {{ $value | humanizeDuration }} in {{ $labels.lane }}",
    ),
    Alert(
        name="lineage_stuck",
        expression="data_platform_outbox_failing_seconds > 900",
        summary="{{ $labels.sink }} has taken no lineage event for {{ $value | humanizeDuration }}",
    ),
    Alert(
        name="disk_low",
        expression="data_platform_disk_free_ratio < 0.1",
        summary="Only {{ $value | humanizePercentage }} of the disk of {{ $labels.place }} is free",
        lasts="1m",
    ),
    Alert(
        name="breaker_open",
        expression="data_platform_breaker_open > 0",
        summary="{{ $labels.breaker }} is cut off",
        lasts="1m",
    ),
    Alert(
        name="watch_silent",
        expression="(data_platform_component_beat_age_seconds > 4 * data_platform_component_beat_expected_seconds "
        "and data_platform_component_beat_expected_seconds > 0) or absent(data_platform_build_info)",
        summary="{{ $labels.component }} of the platform has not been heard of",
        lasts="1m",
    ),
)


def recording(objectives: Iterable[Objective]) -> list[RuleGroup]:
    """Burn rates of every objective, and each indicator's ratio over the windows in which it is promised."""
    windows = sorted({(one.sli, span(one.window.duration)) for one in objectives if one.window.is_rolling})
    ratios = [
        {
            "record": f"sli:{sli}:ratio{window}",
            "expr": f'{_ratio("good", window)} and on (objective) {_TARGET}{{sli="{sli}"}}',
        }
        for sli, window in windows
    ]
    groups = [RuleGroup(name="data_platform_burn", rules=[rule for name in BURN_WINDOWS for rule in _burn_rules(name)])]
    return [*groups, RuleGroup(name="data_platform_indicators", interval=SLOWEST, rules=ratios)] if ratios else groups


def rules_document(objectives: Iterable[Objective], *, runbooks: str = RUNBOOKS) -> dict[str, Any]:
    """One file of rules: recording first, then the alerts that use them."""
    alerts = RuleGroup(name="data_platform_alerts", rules=[alert.rule(runbooks) for alert in ALERTS])
    return {"groups": [group.document() for group in (*recording(objectives), alerts)]}


def span(duration: Duration) -> str:
    """A duration as PromQL writes it, which knows neither months nor quarters."""
    return f"{duration.seconds // 86_400}d" if duration.unit in "MQY" else str(duration)


def _burn_rules(window: str) -> list[dict[str, Any]]:
    return [
        {"record": f"objective:bad_ratio:rate{window}", "expr": _ratio("bad", window)},
        {
            "record": f"objective:burn:rate{window}",
            "expr": f"objective:bad_ratio:rate{window} / on (objective) (1 - max by (objective) ({_TARGET}))",
        },
    ]


def _ratio(verdict: str, window: str) -> str:
    counted = f'sum by (objective) (increase({_EVENTS}{{verdict="{verdict}"}}[{window}]))'
    known = f'sum by (objective) (increase({_EVENTS}{{verdict=~"good|bad"}}[{window}]))'
    return f"{counted} / ({known} > 0)"
