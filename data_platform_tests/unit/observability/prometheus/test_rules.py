"""The rules for Prometheus, held against `promtool`: every alert fires when it should, and does not when it nearly should."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from data_platform.observability.objectives.burn import PAIRS
from data_platform.observability.objectives.durations import Duration
from data_platform.observability.objectives.model import Objective
from data_platform.observability.objectives.windows import Window
from data_platform.observability.prometheus.rules import ALERTS, rules_document
from data_platform_tests.integration.incidents.episodes import ALERTS as EVERY_ALERT

OBJECTIVE = Objective(
    id="pipeline_success.platform", sli="pipeline_success", subject="platform", domain="", owner="platform",
    is_critical=True, target=0.99, window=Window(Duration(7, "d")),
)  # fmt: skip
NAME = 'objective="pipeline_success.platform"'
EVENTS = f"data_platform_objective_events_total{{{NAME},verdict=%r}}"
BUILD = ("data_platform_build_info", "1+0x5000")

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)"
)


class Case(NamedTuple):
    """Series that make an alert fire, series that nearly do, and the minute at which one looks."""

    fires: dict[str, str]
    quiet: dict[str, str]
    severity: str
    minute: int = 10


def burn(good: str, bad: str, *, critical: str) -> dict[str, str]:
    target = f'data_platform_objective_target_ratio{{{NAME},sli="pipeline_success",domain="",owner="platform",critical="{critical}"}}'
    events = {f'data_platform_objective_events_total{{{NAME},verdict="{verdict}"}}': values
              for verdict, values in (("good", good), ("bad", bad))}  # fmt: skip
    return {target: "0.99+0x5000", **events}


def symptom(alert: str, severity: str, count: int) -> dict[str, str]:
    return {f'data_platform_symptoms{{alert="{alert}",severity="{severity}"}}': f"{count}+0x60"}


def told(alert: str, severity: str) -> Case:
    return Case(symptom(alert, severity, 1), symptom(alert, severity, 0) | symptom("other", severity, 3), severity)


LONG = 1_000  # minutes: beyond them a sample, and an evaluation, every half hour is enough
BURST = "0+0x60 10+0x60"  # ten bad events at once, an hour before one looks
STEADY = "0+1x125"
CASES = {
    # 20 % bad for an hour and a half are 20 times what is promised; a burst of ten in two hours is none
    "slo_fast_burn": Case(burn("0+8x125", "0+2x125", critical="true"), burn("0+10x125", BURST, critical="true"), "page", 120),
    # 3 % bad for three days; 1.5 % are promised often enough to be no alarm
    "slo_slow_burn": Case(burn("0+970x150", "0+30x150", critical="true"), burn("0+985x150", "0+15x150", critical="true"), "ticket", 4350),
    "data_loss": Case({"data_platform_ledger_unbalanced_batches": "1+0x60"}, {"data_platform_ledger_unbalanced_batches": "0+0x60"}, "page"),
    "security_breach": Case({'data_platform_security_events_total{kind="leak"}': "0 0 1+0x60"}, {'data_platform_security_events_total{kind="leak"}': "5+0x60"}, "page"),
    "connector_lost": told("connector_lost", "page"),
    **{name: told(name, "ticket") for name in ("run_failed", "run_blocked", "run_missed", "files_rejected", "freshness_breach", "incomplete", "schema_warning")},
    "metadata_gap": Case({'data_platform_catalog_findings{standing="unmanaged",decision="none"}': "2+0x60"}, {'data_platform_catalog_findings{standing="unmanaged",decision="accepted"}': "2+0x60", 'data_platform_catalog_findings{standing="managed",decision="none"}': "9+0x60"}, "ticket"),
    "task_age": Case({'data_platform_queue_oldest_age_seconds{lane="nightly"}': "1801+0x60"}, {'data_platform_queue_oldest_age_seconds{lane="nightly"}': "1800+0x60"}, "ticket"),
    "lineage_stuck": Case({'data_platform_outbox_failing_seconds{sink="http"}': "901+0x60"}, {'data_platform_outbox_failing_seconds{sink="http"}': "900+0x60"}, "ticket"),
    "disk_low": Case({'data_platform_disk_free_ratio{place="home"}': "0.09+0x60"}, {'data_platform_disk_free_ratio{place="home"}': "0.1+0x60"}, "ticket"),
    "breaker_open": Case({'data_platform_breaker_open{breaker="s3"}': "1+0x60"}, {'data_platform_breaker_open{breaker="s3"}': "0+0x60"}, "ticket"),
    "watch_silent": Case({'data_platform_component_beat_age_seconds{component="watch"}': "61+0x60", 'data_platform_component_beat_expected_seconds{component="watch"}': "15+0x60"}, {'data_platform_component_beat_age_seconds{component="watch"}': "600+0x60", 'data_platform_component_beat_expected_seconds{component="watch"}': "0+0x60"}, "ticket"),
}  # fmt: skip


def check(*arguments: object, where: Path) -> str:
    done = subprocess.run(["promtool", *map(str, arguments)], cwd=where, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules_document([OBJECTIVE]), sort_keys=False))
    return tmp_path


def expectation(name: str, series: dict[str, str], *, minute: int, severity: str, fires: bool) -> dict[str, Any]:
    firing = f'count(ALERTS{{alertname="{name}",alertstate="firing",severity="{severity}",owner="platform"}})'
    given = {**series, BUILD[0]: BUILD[1]}
    return {
        "name": f"{name} {'fires' if fires else 'is quiet'}",
        "interval": "30m" if minute > LONG else "1m",
        "input_series": [{"series": one, "values": values} for one, values in given.items()],
        "promql_expr_test": [
            {"expr": firing, "eval_time": f"{minute}m", "exp_samples": [{"labels": "{}", "value": 1}] if fires else []},
            *([] if fires else [{"expr": f'ALERTS{{alertname="{name}"}}', "eval_time": f"{minute}m", "exp_samples": []}]),
        ],
    }  # fmt: skip


def test_every_alert_of_the_platform_has_a_rule_and_both_cases() -> None:
    assert {alert.name for alert in ALERTS} == set(EVERY_ALERT) == set(CASES)


@needs_promtool
def test_promtool_takes_the_rules(folder: Path) -> None:
    assert f"SUCCESS: {2 * 5 + 1 + len(ALERTS)} rules found" in check("check", "rules", "rules.yaml", where=folder)


@needs_promtool
def test_every_alert_fires_when_it_should_and_is_quiet_when_it_nearly_should(folder: Path) -> None:
    rules = yaml.safe_load((folder / "rules.yaml").read_text())
    for group in rules["groups"]:
        group["interval"] = "30m"  # three days every 30 seconds would take minutes
    (folder / "slower.yaml").write_text(yaml.safe_dump(rules, sort_keys=False))
    for file, is_long in (("rules.yaml", False), ("slower.yaml", True)):
        tests = [
            expectation(name, series, minute=case.minute, severity=case.severity, fires=fires)
            for name, case in CASES.items()
            for series, fires in ((case.fires, True), (case.quiet, False))
            if (case.minute > LONG) is is_long
        ]
        order = [group["name"] for group in rules["groups"]]  # else alerts may be judged before what they rest on
        suite = {"rule_files": [file], "evaluation_interval": "1m", "group_eval_order": order, "tests": tests}
        (folder / "tests.yaml").write_text(yaml.safe_dump(suite))
        check("test", "rules", "tests.yaml", where=folder)


@needs_promtool
def test_a_fast_burn_of_what_is_not_critical_is_a_ticket_and_recorded_ratios_are_those_of_a_pocket_calculator(
    folder: Path,
) -> None:
    minor = burn("0+8x125", "0+2x125", critical="false")
    expected = expectation("slo_slow_burn", minor, minute=120, severity="ticket", fires=True)
    page = expectation("slo_fast_burn", minor, minute=120, severity="page", fires=False)
    labels = f"{{{NAME}}}"
    expected["promql_expr_test"] += [
        {"expr": "objective:burn:rate1h", "eval_time": "120m",
         "exp_samples": [{"labels": f"objective:burn:rate1h{labels}", "value": 19.999999999999982}]},
        {"expr": "sli:pipeline_success:ratio7d", "eval_time": "120m",
         "exp_samples": [{"labels": f"sli:pipeline_success:ratio7d{labels}", "value": 0.8}]},
    ]  # fmt: skip
    silent = expectation("watch_silent", {}, minute=10, severity="ticket", fires=True)
    silent["input_series"] = []  # nothing is exposed any more
    (folder / "tests.yaml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [expected, page, silent]})
    )
    check("test", "rules", "tests.yaml", where=folder)


def test_rules_and_evaluation_alarm_at_the_same_rates() -> None:
    expressions = " ".join(alert.expression for alert in ALERTS if alert.name.startswith("slo_"))
    for short, long, rate, _ in PAIRS:
        assert (
            f"objective:burn:rate{short} > {rate:g} and on (objective) objective:burn:rate{long} > {rate:g}"
            in expressions
        )
