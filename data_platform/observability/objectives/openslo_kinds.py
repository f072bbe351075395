"""OpenSLO's rules for everything but SLO and SLI: who is told, when, and what sources and services there are."""

from __future__ import annotations

from collections.abc import Iterable

from data_platform.contracts.places import Place, exact, nearest
from data_platform.observability.objectives.durations import Duration
from data_platform.observability.objectives.model import Comparison
from data_platform.observability.objectives.openslo_metadata import check_metadata, check_text

_MOST = 1050  # characters of a description
OPERATORS = tuple(Comparison)


def check_description(place: Place) -> None:
    """At most 1,050 characters."""
    check_text(place, "description", most=_MOST)


def check_word(place: Place, key: str, words: Iterable[str]) -> None:
    """A required word of a closed set."""
    known = tuple(words)
    if place.get(key) not in known:
        place.missing(key, f"{key} is {place.get(key)!r}", nearest(str(place.get(key) or ""), known))


def check_duration(place: Place, key: str, *, is_required: bool = True) -> None:
    """A duration in shorthand."""
    if place.get(key) is None and not is_required:
        return
    if Duration.parse(place.get(key)) is None:
        message = f"{key} is no duration: {place.get(key)!r}"
        place.missing(key, message, "write a number and one of m h d w M Q Y: 30d")


def check_service(spec: Place) -> None:
    """A group of objectives."""
    spec.refuse_unknown(("description",), "a Service")
    check_description(spec)


def check_data_source(spec: Place) -> None:
    """Where metrics come from; its connection may be anything."""
    spec.refuse_unknown(("description", "type", "connectionDetails"), "a DataSource")
    check_description(spec)
    check_text(spec, "type", is_required=True)


def check_notification_target(spec: Place) -> None:
    """Who is told."""
    spec.refuse_unknown(("description", "target"), "an AlertNotificationTarget")
    check_description(spec)
    check_text(spec, "target", is_required=True)


def check_alert_condition(spec: Place) -> None:
    """When somebody is told."""
    spec.refuse_unknown(("description", "severity", "condition"), "an AlertCondition")
    check_description(spec)
    check_text(spec, "severity", is_required=True)
    condition = spec.into("condition")
    if not isinstance(condition.value, dict):
        spec.missing("condition", "the AlertCondition has no condition", "add condition: {kind: burnrate, …}")
        return
    condition.refuse_unknown(("kind", "op", "threshold", "lookbackWindow", "alertAfter"), "a condition")
    if condition.has("kind"):
        check_word(condition, "kind", ("burnrate",))
    check_word(condition, "op", OPERATORS)
    if exact(condition.get("threshold")) is None:
        condition.missing("threshold", "the condition has no threshold", "add threshold: 2")
    check_duration(condition, "lookbackWindow")
    if condition.get("alertAfter") != "0m":  # the default, which the shorthand itself has no word for
        check_duration(condition, "alertAfter", is_required=False)


def check_alert_policy(spec: Place) -> None:
    """What is told to whom."""
    known = ("description", "alertWhenNoData", "alertWhenResolved", "alertWhenBreaching", "conditions",
             "notificationTargets")  # fmt: skip
    spec.refuse_unknown(known, "an AlertPolicy")
    check_description(spec)
    for key in known[1:4]:
        if spec.has(key) and not isinstance(spec.get(key), bool):
            spec.into(key).fault(f"{key} is neither true nor false", "write true or false")
    conditions, targets = list(spec.items("conditions")), list(spec.items("notificationTargets"))
    if len(conditions) != 1:
        spec.missing("conditions", f"the AlertPolicy has {len(conditions)} conditions", "name exactly one")
    for one in conditions:
        check_inlined(one, "conditionRef", "AlertCondition")
    if not targets:
        spec.missing("notificationTargets", "the AlertPolicy tells nobody", "add notificationTargets")
    for one in targets:
        check_inlined(one, "targetRef", "AlertNotificationTarget")


def check_inlined(place: Place, reference: str, kind: str) -> None:
    """A reference by name, or a whole object in its place."""
    if place.has(reference):
        place.refuse_unknown((reference,), f"a reference to an {kind}")
        check_text(place, reference, is_required=True)
        return
    if not isinstance(place.value, dict) or not isinstance(place.get("spec"), dict):
        place.fault(f"neither {reference} nor an {kind} stands here", f"write {reference}: <name>")
        return
    place.refuse_unknown(("apiVersion", "kind", "metadata", "spec"), f"an {kind}")
    if place.has("kind"):
        check_word(place, "kind", (kind,))
    check_metadata(place.into("metadata"))
    checks = {
        "AlertCondition": check_alert_condition,
        "AlertNotificationTarget": check_notification_target,
        "AlertPolicy": check_alert_policy,
    }
    checks[kind](place.into("spec"))
