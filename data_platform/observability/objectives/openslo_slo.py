"""OpenSLO's rules for SLO and SLI documents. Which indicators this platform has is not asked here."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from data_platform.contracts.places import Place, exact
from data_platform.observability.objectives.durations import Duration
from data_platform.observability.objectives.model import Budgeting
from data_platform.observability.objectives.openslo_kinds import (
    OPERATORS,
    check_description,
    check_duration,
    check_inlined,
    check_word,
)
from data_platform.observability.objectives.openslo_metadata import check_metadata, check_text

START_FORMAT = "%Y-%m-%d %H:%M:%S"
_SLO = ("description", "service", "indicator", "indicatorRef", "timeWindow", "budgetingMethod", "objectives",
        "alertPolicies")  # fmt: skip
_OBJECTIVE = ("displayName", "op", "value", "target", "targetPercent", "timeSliceTarget", "timeSliceWindow",
              "indicator", "indicatorRef", "compositeWeight")  # fmt: skip


def check_slo(spec: Place) -> None:
    """A promise."""
    spec.refuse_unknown(_SLO, "an SLO")
    check_description(spec)
    check_text(spec, "service", is_required=True)
    check_word(spec, "budgetingMethod", tuple(Budgeting))
    _check_window(spec)
    objectives = list(spec.items("objectives"))
    if not objectives:
        spec.missing("objectives", "the SLO has no objectives", "add objectives with a target")
    if any(one.has("indicator") or one.has("indicatorRef") for one in objectives):
        if spec.has("indicator") or spec.has("indicatorRef"):
            spec.fault("a composite SLO has its indicators in its objectives", "move the indicator into the objectives")
        for one in objectives:
            _check_indicator(one, "each objective of a composite SLO")
    else:
        _check_indicator(spec, "the SLO")
        if _is_threshold(spec.into("indicator")) and len(objectives) > 1:
            spec.into("objectives").fault("a thresholdMetric has one objective only", "keep one of them")
    for one in objectives:
        _check_objective(one, spec.text("budgetingMethod"), is_only=len(objectives) == 1)
        if _is_threshold(one.into("indicator") if one.has("indicator") else spec.into("indicator")):
            check_threshold(one)
    for policy in spec.items("alertPolicies"):
        check_inlined(policy, "alertPolicyRef", "AlertPolicy")


def check_sli(spec: Place) -> None:
    """What is measured."""
    spec.refuse_unknown(("description", "thresholdMetric", "ratioMetric"), "an SLI")
    check_description(spec)
    if spec.has("thresholdMetric") == spec.has("ratioMetric"):
        spec.fault("an SLI has either a thresholdMetric or a ratioMetric", "keep one of the two")
    elif spec.has("thresholdMetric"):
        metric = spec.into("thresholdMetric")
        metric.refuse_unknown(("metricSource",), "a thresholdMetric")
        _check_source(metric)
    else:
        _check_ratio(spec.into("ratioMetric"))


def check_threshold(objective: Place) -> None:
    """An objective over a thresholdMetric says what its value is held against."""
    check_word(objective, "op", OPERATORS)
    if exact(objective.get("value")) is None:
        objective.missing("value", "the objective has no value for its thresholdMetric", "add value: 300")


def _check_ratio(ratio: Place) -> None:
    if not isinstance(ratio.value, dict):
        ratio.fault("the ratioMetric is not a mapping", "write good (or bad) and total, or raw")
        return
    ratio.refuse_unknown(("counter", "good", "bad", "total", "raw", "rawType"), "a ratioMetric")
    if ratio.has("counter") and not isinstance(ratio.get("counter"), bool):
        ratio.into("counter").fault("counter is neither true nor false", "write true or false")
    counted = [key for key in ("good", "bad", "total") if ratio.has(key)]
    if ratio.has("raw"):
        if counted:
            ratio.fault(f"raw stands beside {', '.join(counted)}", "keep raw, or good (or bad) and total")
        check_word(ratio, "rawType", ("success", "failure"))
        _check_source(ratio.into("raw"))
        return
    if ratio.has("rawType"):
        ratio.into("rawType").fault("rawType belongs to raw only", "remove it")
    if counted not in (["good", "total"], ["bad", "total"]):
        ratio.fault("a ratioMetric is good and total, bad and total, or raw", "write exactly one of the three")
    for key in counted:
        _check_source(ratio.into(key))


def _check_source(metric: Place) -> None:
    metric.refuse_unknown(("metricSource",), "a metric")
    source = metric.into("metricSource")
    if not isinstance(source.value, dict):
        metric.missing("metricSource", "the metric has no metricSource", "add metricSource with type and spec")
        return
    source.refuse_unknown(("metricSourceRef", "type", "spec"), "a metricSource")
    check_text(source, "metricSourceRef")
    check_text(source, "type")
    if not source.has("metricSourceRef") and not source.has("type"):
        source.missing("type", "the metricSource has neither type nor metricSourceRef", "add type")
    if not source.has("spec"):
        source.missing("spec", "the metricSource has no spec", "add spec with what is asked of the source")


def _check_indicator(place: Place, what: str) -> None:
    if place.has("indicator") == place.has("indicatorRef"):
        place.missing("indicator", f"{what} has either an indicator or an indicatorRef", "keep one of the two")
        return
    if place.has("indicatorRef"):
        check_text(place, "indicatorRef", is_required=True)
        return
    indicator = place.into("indicator")
    if not isinstance(indicator.get("spec"), dict):
        indicator.fault("the indicator has no spec", "write metadata and spec of an SLI")
        return
    indicator.refuse_unknown(("apiVersion", "kind", "metadata", "spec"), "an indicator")
    check_metadata(indicator.into("metadata"))
    check_sli(indicator.into("spec"))


def _is_threshold(indicator: Place) -> bool:
    return indicator.into("spec").has("thresholdMetric")


def _check_objective(one: Place, method: str, *, is_only: bool) -> None:
    if not isinstance(one.value, dict):
        one.fault("the objective is not a mapping", "write target: 0.99")
        return
    one.refuse_unknown(_OBJECTIVE, "an objective")
    check_text(one, "displayName")
    if one.has("target") == one.has("targetPercent"):
        one.missing("target", "an objective has either target or targetPercent", "write target: 0.99")
    for key, most in (("target", 1), ("targetPercent", 100)):
        _check_number(one, key, least=Decimal(0), most=Decimal(most))
    if one.has("op"):
        check_word(one, "op", OPERATORS)
    if one.has("value") and exact(one.get("value")) is None:
        one.into("value").fault("value is no number", "write a number without quotes")
    _check_slices(one, method)
    weight = exact(one.get("compositeWeight"))
    if one.has("compositeWeight") and (weight is None or weight <= 0):
        one.into("compositeWeight").fault("compositeWeight is not above 0", "write compositeWeight: 1")
    elif one.has("compositeWeight") and is_only:
        one.into("compositeWeight").fault("one objective alone has no weight", "remove it")


def _check_number(one: Place, key: str, *, least: Decimal, most: Decimal) -> None:
    number = exact(one.get(key))
    if one.has(key) and (number is None or not least <= number < most):
        one.into(key).fault(f"{key} is not at least {least} and below {most}: {one.get(key)!r}", "write it as a number")


def _check_slices(one: Place, method: str) -> None:
    needs = {Budgeting.TIMESLICES: ("timeSliceTarget", "timeSliceWindow"),
             Budgeting.RATIO_TIMESLICES: ("timeSliceWindow",)}.get(Budgeting(method) if method in tuple(Budgeting) else
                                                                   Budgeting.OCCURRENCES, ())  # fmt: skip
    for key in needs:
        if not one.has(key):
            one.missing(key, f"{method} need {key}", f"add {key}")
    share = exact(one.get("timeSliceTarget"))
    if one.has("timeSliceTarget") and (share is None or not 0 < share <= 1):
        one.into("timeSliceTarget").fault("timeSliceTarget is not above 0 and at most 1", "write timeSliceTarget: 0.9")
    if one.has("timeSliceWindow") and slice_window(one.get("timeSliceWindow")) is None:
        one.into("timeSliceWindow").fault("timeSliceWindow is no duration", "write minutes, or 5m, 1h, 1d")


def slice_window(value: object) -> Duration | None:
    """A slice's length: a duration, or a number of minutes."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Duration(value, "m") if value > 0 else None
    return Duration.parse(value)


def _check_window(spec: Place) -> None:
    if not spec.has("timeWindow"):
        return
    windows = list(spec.items("timeWindow"))
    if len(windows) != 1 or not isinstance(windows[0].value, dict):
        spec.into("timeWindow").fault("timeWindow is not a list of exactly one window", "write one, as a list")
        return
    window = windows[0]
    window.refuse_unknown(("duration", "isRolling", "calendar"), "a time window")
    check_duration(window, "duration")
    rolling = window.get("isRolling")
    if window.has("isRolling") and not isinstance(rolling, bool):
        window.into("isRolling").fault("isRolling is neither true nor false", "write true or false")
    if not window.has("calendar"):
        if rolling is not True:
            window.fault("the window is neither rolling nor aligned to a calendar", "add isRolling: true")
        return
    if rolling is True:
        window.into("calendar").fault("a rolling window has no calendar", "remove it, or write isRolling: false")
    _check_calendar(window.into("calendar"))


def _check_calendar(calendar: Place) -> None:
    calendar.refuse_unknown(("startTime", "timeZone"), "a calendar")
    if start_time(calendar.get("startTime")) is None:
        calendar.missing("startTime", "startTime is no date with time", "write startTime: 2026-01-01 00:00:00")
    try:
        ZoneInfo(calendar.text("timeZone") or "/")
    except (OSError, ValueError, KeyError):  # unknown names, names that are paths, folders of zones
        calendar.missing("timeZone", f"there is no time zone {calendar.get('timeZone')!r}", "write an IANA name: UTC")


def start_time(value: object) -> datetime | None:
    """The start of a calendar, on the clock of its zone; None if it cannot be read."""
    try:
        return datetime.strptime(value, START_FORMAT) if isinstance(value, str) else None  # noqa: DTZ007  zone beside it
    except ValueError:
        return None
