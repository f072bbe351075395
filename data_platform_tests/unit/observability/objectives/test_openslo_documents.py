"""What OpenSLO v1 says is a document, and what is none; the rules are those of its README, section by section."""

from __future__ import annotations

import json
from typing import Any

import pytest

from data_platform.observability.objectives.openslo import parse_document

SOURCE = {"metricSource": {"type": "Prometheus", "spec": {"query": "up"}}}
RATIO = {"counter": True, "good": SOURCE, "total": SOURCE}
INLINE = {"metadata": {"name": "foo-error"}, "spec": {"ratioMetric": RATIO}}
THRESHOLD = {"metadata": {"name": "foo-lag"}, "spec": {"thresholdMetric": SOURCE}}
ROLLING = {"duration": "4w", "isRolling": True}
CALENDAR = {
    "duration": "1M", "isRolling": False,
    "calendar": {"startTime": "2020-01-21 12:30:00", "timeZone": "America/New_York"},
}  # fmt: skip
SLO = {
    "service": "foo", "indicator": INLINE, "timeWindow": [ROLLING], "budgetingMethod": "Occurrences",
    "objectives": [{"displayName": "Foo Total Errors", "target": 0.98}],
}  # fmt: skip
CONDITION = {"kind": "burnrate", "op": "lte", "threshold": 2, "lookbackWindow": "1h", "alertAfter": "5m"}
POLICY = {
    "alertWhenBreaching": True, "alertWhenResolved": False,
    "conditions": [{"conditionRef": "cpu-usage-breach"}], "notificationTargets": [{"targetRef": "on-call"}],
}  # fmt: skip
INLINE_CONDITION = {
    "kind": "AlertCondition", "metadata": {"name": "breach"}, "spec": {"severity": "page", "condition": CONDITION},
}  # fmt: skip
SLICED = {**SLO, "budgetingMethod": "Timeslices"}
COMPOSITE = {key: value for key, value in SLO.items() if key != "indicator"}


def text(kind: str, spec: Any, /, **head: Any) -> bytes:
    metadata = {"name": "foo", **head.pop("metadata", {})}
    document = {"apiVersion": "openslo/v1", "kind": kind, "metadata": metadata, "spec": spec, **head}
    return json.dumps({key: value for key, value in document.items() if value is not ...}).encode()  # JSON is YAML


def without(spec: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key not in keys}


def objective(**more: Any) -> dict[str, Any]:
    return {**SLO, "objectives": [{"target": 0.98, **more}]}


VALID: dict[str, bytes] = {
    "SLO with an inlined indicator": text("SLO", SLO),
    "SLO that names its indicator": text("SLO", {**without(SLO, "indicator"), "indicatorRef": "foo-error"}),
    "calendar-aligned window": text("SLO", {**SLO, "timeWindow": [CALENDAR]}),
    "calendar without isRolling": text("SLO", {**SLO, "timeWindow": [without(CALENDAR, "isRolling")]}),
    "no window": text("SLO", without(SLO, "timeWindow")),
    "target of zero": text("SLO", objective(target=0)),
    "targetPercent": text("SLO", {**SLO, "objectives": [{"targetPercent": 99.99}]}),
    "several objectives of a ratio": text("SLO", {**SLO, "objectives": [{"target": 0.9}, {"target": 0.99}]}),
    "threshold": text("SLO", {**objective(op="lte", value=300), "indicator": THRESHOLD}),
    "time slices": text("SLO", {**SLICED, "objectives": [
        {"target": 0.9, "timeSliceTarget": 1, "timeSliceWindow": "10m"}]}),
    "a slice in minutes": text("SLO", {**SLICED, "objectives": [
        {"target": 0.9, "timeSliceTarget": 0.95, "timeSliceWindow": 5}]}),
    "ratio of time slices": text("SLO", {**SLO, "budgetingMethod": "RatioTimeslices",
                                         "objectives": [{"target": 0.9, "timeSliceWindow": "1h"}]}),
    "composite": text("SLO", {**COMPOSITE, "objectives": [
        {"target": 0.9, "indicatorRef": "a", "compositeWeight": 0.5}, {"target": 0.99, "indicator": INLINE}]}),
    "alert policies": text("SLO", {**SLO, "alertPolicies": [
        {"alertPolicyRef": "foo"}, {"kind": "AlertPolicy", "metadata": {"name": "p"}, "spec": POLICY}]}),
    "SLI of a threshold": text("SLI", {"description": "x" * 1050, "thresholdMetric": SOURCE}),
    "SLI of bad and total": text("SLI", {"ratioMetric": {"counter": False, "bad": SOURCE, "total": SOURCE}}),
    "SLI of a raw ratio": text("SLI", {"ratioMetric": {"rawType": "success", "raw": SOURCE}}),
    "source by reference, without type": text("SLI", {"thresholdMetric": {"metricSource": {
        "metricSourceRef": "redshift", "spec": {"query": "SELECT 1"}}}}),
    "AlertPolicy": text("AlertPolicy", POLICY),
    "AlertPolicy with all of it inlined": text("AlertPolicy", {**POLICY, "conditions": [INLINE_CONDITION],
        "notificationTargets": [{"metadata": {"name": "mail"}, "spec": {"target": "email"}}]}),
    "AlertCondition": text("AlertCondition", {"severity": "page", "condition": CONDITION}),
    "AlertCondition of the default kind": text("AlertCondition", {
        "severity": "sev1", "condition": without(CONDITION, "kind", "alertAfter")}),
    "AlertNotificationTarget": text("AlertNotificationTarget", {"target": "slack", "description": "P1"},
                                    metadata={"name": "OnCallDevopsSlackNotification"}),
    "Service": text("Service", {"description": "d"}),
    "empty Service": text("Service", {}),
    "DataSource": text("DataSource", {"type": "CloudWatch", "connectionDetails": {"accessKeyID": ["any", {"a": 1}]}}),
    "labels and annotations": text("Service", {}, metadata={
        "displayName": "Foo", "labels": {"team": ["identity", "rbac"], "service-Tier_1.a": "x"},
        "annotations": {"openslo.com/key1": "v", "plain": "v"}}),
}  # fmt: skip

INVALID: dict[str, tuple[bytes, str]] = {
    "not YAML": (b"a: [", "not YAML"),
    "no mapping": (b"- a\n", "no OpenSLO document"),
    "empty": (b"", "no OpenSLO document"),
    "version of before": (text("Service", {}, apiVersion="openslo/v1alpha"), "apiVersion"),
    "no version": (text("Service", {}, apiVersion=...), "apiVersion"),
    "unknown kind": (text("Slo", SLO), "kind"),
    "no kind": (text("SLO", SLO, kind=...), "kind"),
    "no spec": (text("SLO", ...), "no spec"),
    "unknown key at the top": (text("Service", {}, status="x"), "no key 'status'"),
    "no metadata": (text("Service", {}, metadata={"name": None}), "name"),
    "name that ends in a dash": (text("Service", {}, metadata={"name": "foo-"}), "cannot be a name"),
    "name with a blank": (text("Service", {}, metadata={"name": "foo bar"}), "cannot be a name"),
    "label of a number": (text("Service", {}, metadata={"labels": {"a": 1}}), "label 'a'"),
    "label with a slash": (text("Service", {}, metadata={"labels": {"a/b": "x"}}), "label's key"),
    "label of 64 characters": (text("Service", {}, metadata={"labels": {"a" * 64: "x"}}), "label's key"),
    "annotation of a list": (text("Service", {}, metadata={"annotations": {"a": ["x"]}}), "annotation 'a'"),
    "annotation of a wrong domain": (text("Service", {}, metadata={"annotations": {"A_b/c": "x"}}), "annotation's key"),
    "description of 1,051 characters": (text("Service", {"description": "x" * 1051}), "1051 characters"),
    "no service": (text("SLO", without(SLO, "service")), "service"),
    "no indicator": (text("SLO", without(SLO, "indicator")), "indicator"),
    "indicator and indicatorRef": (text("SLO", {**SLO, "indicatorRef": "x"}), "either an indicator"),
    "no budgeting method": (text("SLO", without(SLO, "budgetingMethod")), "budgetingMethod"),
    "unknown budgeting method": (text("SLO", {**SLO, "budgetingMethod": "occurrences"}), "budgetingMethod"),
    "no objectives": (text("SLO", {**SLO, "objectives": []}), "no objectives"),
    "no target": (text("SLO", {**SLO, "objectives": [{"displayName": "x"}]}), "either target"),
    "both targets": (text("SLO", objective(targetPercent=98)), "either target"),
    "target of one": (text("SLO", objective(target=1)), "below 1"),
    "target below zero": (text("SLO", objective(target=-0.1)), "at least 0"),
    "targetPercent of 100": (text("SLO", {**SLO, "objectives": [{"targetPercent": 100.0}]}), "below 100"),
    "target as text": (text("SLO", objective(target="0.9")), "target is not"),
    "two windows": (text("SLO", {**SLO, "timeWindow": [ROLLING, ROLLING]}), "exactly one window"),
    "window that is no list": (text("SLO", {**SLO, "timeWindow": ROLLING}), "exactly one window"),
    "duration in seconds": (text("SLO", {**SLO, "timeWindow": [{**ROLLING, "duration": "30s"}]}), "no duration"),
    "duration of none": (text("SLO", {**SLO, "timeWindow": [{**ROLLING, "duration": "0d"}]}), "no duration"),
    "rolling with a calendar": (text("SLO", {**SLO, "timeWindow": [{**CALENDAR, "isRolling": True}]}), "no calendar"),
    "neither rolling nor calendar": (text("SLO", {**SLO, "timeWindow": [{"duration": "1M", "isRolling": False}]}),
                                     "neither rolling"),
    "calendar of an unknown zone": (text("SLO", {**SLO, "timeWindow": [
        {**CALENDAR, "calendar": {"startTime": "2020-01-21 12:30:00", "timeZone": "Mars/Base"}}]}), "time zone"),
    "calendar without a time": (text("SLO", {**SLO, "timeWindow": [
        {**CALENDAR, "calendar": {"startTime": "2020-01-21", "timeZone": "UTC"}}]}), "startTime"),
    "threshold without value": (text("SLO", {**objective(op="lte"), "indicator": THRESHOLD}), "value"),
    "threshold without op": (text("SLO", {**objective(value=1), "indicator": THRESHOLD}), "op"),
    "threshold with two objectives": (text("SLO", {**SLO, "indicator": THRESHOLD, "objectives": [
        {"target": 0.9, "op": "lt", "value": 1}, {"target": 0.8, "op": "lt", "value": 2}]}), "one objective only"),
    "time slices without target": (text("SLO", {**SLICED, "objectives": [
        {"target": 0.9, "timeSliceWindow": "1h"}]}), "timeSliceTarget"),
    "time slices without window": (text("SLO", {**SLICED, "objectives": [
        {"target": 0.9, "timeSliceTarget": 0.9}]}), "timeSliceWindow"),
    "ratio of time slices without window": (text("SLO", {**SLO, "budgetingMethod": "RatioTimeslices"}),
                                            "timeSliceWindow"),
    "slice target of zero": (text("SLO", {**SLICED, "objectives": [
        {"target": 0.9, "timeSliceTarget": 0, "timeSliceWindow": "1h"}]}), "above 0"),
    "composite with an indicator at the top": (text("SLO", {**SLO, "objectives": [
        {"target": 0.9, "indicatorRef": "a"}, {"target": 0.9, "indicatorRef": "b"}]}), "composite"),
    "composite with one indicator missing": (text("SLO", {**COMPOSITE, "objectives": [
        {"target": 0.9, "indicatorRef": "a"}, {"target": 0.9}]}), "either an indicator"),
    "weight of zero": (text("SLO", {**COMPOSITE, "objectives": [
        {"target": 0.9, "indicatorRef": "a", "compositeWeight": 0}, {"target": 0.9, "indicatorRef": "b"}]}), "Weight"),
    "SLI of nothing": (text("SLI", {}), "either a thresholdMetric"),
    "SLI of both": (text("SLI", {"thresholdMetric": SOURCE, "ratioMetric": RATIO}), "either a thresholdMetric"),
    "ratio without total": (text("SLI", {"ratioMetric": {"good": SOURCE}}), "good and total"),
    "ratio of good and bad": (text("SLI", {"ratioMetric": {**RATIO, "bad": SOURCE}}), "good and total"),
    "raw beside good": (text("SLI", {"ratioMetric": {"raw": SOURCE, "rawType": "success", "good": SOURCE}}), "beside"),
    "raw without type": (text("SLI", {"ratioMetric": {"raw": SOURCE}}), "rawType"),
    "rawType without raw": (text("SLI", {"ratioMetric": {**RATIO, "rawType": "success"}}), "raw only"),
    "source without type": (text("SLI", {"thresholdMetric": {"metricSource": {"spec": {}}}}), "neither type"),
    "source without spec": (text("SLI", {"thresholdMetric": {"metricSource": {"type": "x"}}}), "no spec"),
    "policy without conditions": (text("AlertPolicy", without(POLICY, "conditions")), "0 conditions"),
    "policy with two conditions": (text("AlertPolicy", {**POLICY, "conditions": [
        {"conditionRef": "a"}, {"conditionRef": "b"}]}), "2 conditions"),
    "policy without targets": (text("AlertPolicy", without(POLICY, "notificationTargets")), "tells nobody"),
    "policy that alerts maybe": (text("AlertPolicy", {**POLICY, "alertWhenNoData": "maybe"}), "neither true"),
    "condition without severity": (text("AlertCondition", {"condition": CONDITION}), "severity"),
    "condition of another kind": (text("AlertCondition", {"severity": "p", "condition": {**CONDITION, "kind": "x"}}),
                                  "kind"),
    "condition without threshold": (text("AlertCondition", {"severity": "p",
                                                            "condition": without(CONDITION, "threshold")}), "threshold"),
    "condition without lookback": (text("AlertCondition", {"severity": "p",
                                                           "condition": without(CONDITION, "lookbackWindow")}), "lookb"),
    "target without target": (text("AlertNotificationTarget", {}), "target"),
    "source of no type": (text("DataSource", {"connectionDetails": {}}), "type"),
}  # fmt: skip


@pytest.mark.parametrize("name", VALID)
def test_a_document_of_the_specification_is_accepted(name: str) -> None:
    document, faults = parse_document(VALID[name], "a.yaml")
    assert faults == []
    assert document is not None


@pytest.mark.parametrize("name", INVALID)
def test_a_document_against_the_specification_is_refused(name: str) -> None:
    content, why = INVALID[name]
    document, faults = parse_document(content, "a.yaml")
    assert document is None
    assert any(why in fault.message for fault in faults), [fault.message for fault in faults]


def test_a_fault_names_the_file_and_the_line() -> None:
    content = b"apiVersion: openslo/v1\nkind: Service\nmetadata:\n  name: foo\nspec:\n  descripton: x\n"
    _, faults = parse_document(content, "domains/shop/objectives/foo.openslo.yaml")
    assert [str(fault).splitlines()[0] for fault in faults] == [
        "domains/shop/objectives/foo.openslo.yaml:6: a Service has no key 'descripton'"
    ]
    assert faults[0].fix == "write 'description'"
