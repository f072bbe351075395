"""Evaluation over measured values: every value once, whatever happens; buckets that add up; windows that move."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_platform.metastore.engine import Metastore, open_metastore
from data_platform.metastore.objective_tables import ObjectiveState
from data_platform.metastore.objectives import ObjectiveEntry
from data_platform.metastore.repository import Repeat
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.observability.objectives.durations import Duration
from data_platform.observability.objectives.evaluation import Objectives
from data_platform.observability.objectives.model import Budgeting, Comparison, Objective, Slices, Threshold
from data_platform.observability.objectives.windows import DAY, FIVE_MINUTES, HOUR, Window

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
SALES = "served.shop.sales"


def objective(**changes: object) -> Objective:
    given: dict[str, object] = {
        "id": f"freshness.{SALES}",
        "sli": "freshness",
        "subject": SALES,
        "domain": "shop",
        "owner": "Shop",
        "is_critical": True,
        "target": 0.99,
        "window": Window(Duration(30, "d")),
    }
    return Objective(**given | changes)  # type: ignore[arg-type]


def measured(
    metastore: Metastore, at: datetime, good: float = 0, bad: float = 0, unknown: float = 0, **more: object
) -> None:
    entry: dict[str, object] = {
        "sli": "freshness", "subject": SALES, "measured_at": at, "value": None, "good": good, "bad": bad,
        "unknown": unknown, "provenance": "test",
    }  # fmt: skip
    metastore.operations.sli_values._upsert(
        [SliValueEntry(**entry | more)],  # type: ignore[arg-type]
        repeat=Repeat(),
        tx=None,
    )


def over(metastore: Metastore, *objectives: Objective) -> Objectives:
    return Objectives(metastore, lambda: objectives)


def standing(metastore: Metastore, name: str = f"freshness.{SALES}") -> ObjectiveEntry:
    found = metastore.operations.objectives.get(name)
    assert found is not None
    return found


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def test_a_value_is_counted_once_however_often_and_by_whomever_it_is_evaluated(metastore: Metastore) -> None:
    measured(metastore, NOON, good=290, bad=10)
    for number in range(3):
        over(metastore, objective()).evaluate(NOON + minutes(number))
    found = standing(metastore)
    assert (found.good_total, found.bad_total) == (290, 10)
    held = {
        width: [
            (s.good, s.bad) for s in metastore.operations.objective_samples.of(found.objective, width_seconds=width)
        ]
        for width in (FIVE_MINUTES, HOUR, DAY)
    }
    assert held == {FIVE_MINUTES: [(290, 10)], HOUR: [(290, 10)], DAY: [(290, 10)]}
    assert found.ratio == pytest.approx(290 / 300)
    assert found.budget_left == pytest.approx(1 - 10 / 3)


def test_an_evaluation_that_dies_before_its_end_leaves_nothing_behind(
    metastore: Metastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured(metastore, NOON, good=300)
    with monkeypatch.context() as patch:
        patch.setattr(metastore.operations.objectives, "record", _die)
        with pytest.raises(KeyboardInterrupt):
            over(metastore, objective()).evaluate(NOON)
    assert metastore.operations.objective_samples.cursors() == {}
    assert over(metastore, objective()).evaluate(NOON).values == 1
    assert standing(metastore).good_total == 300


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_new_objective_starts_with_what_was_measured_before(metastore: Metastore) -> None:
    first, second = objective(), objective(id="stricter", target=0.999)
    measured(metastore, NOON - timedelta(days=3), good=300)
    over(metastore, first).evaluate(NOON)
    measured(metastore, NOON + minutes(1), bad=3)
    over(metastore, first, second).evaluate(NOON + minutes(1))
    assert (standing(metastore, "stricter").good_total, standing(metastore, "stricter").bad_total) == (300, 3)
    assert standing(metastore).good_total == 300


def test_another_threshold_counts_the_past_again_by_the_new_one(metastore: Metastore) -> None:
    measured(metastore, NOON, good=300, value=250.0)
    below = [objective(threshold=Threshold(op=Comparison.LTE, value=limit)) for limit in (300.0, 200.0)]
    over(metastore, below[0]).evaluate(NOON)
    assert (standing(metastore).good_total, standing(metastore).bad_total) == (300, 0)
    over(metastore, below[1]).evaluate(NOON + minutes(1))
    assert (standing(metastore).good_total, standing(metastore).bad_total) == (0, 300)
    assert standing(metastore).window_seconds == 30 * 86_400


def test_a_threshold_over_no_value_is_unknown(metastore: Metastore) -> None:
    measured(metastore, NOON, good=300, value=None)
    over(metastore, objective(threshold=Threshold(op=Comparison.LTE, value=300.0))).evaluate(NOON)
    found = standing(metastore)
    assert (found.good_total, found.unknown_total, found.state) == (0, 300, ObjectiveState.UNKNOWN)


def test_a_domain_and_the_platform_sum_over_datasets_and_a_connector_counts_for_itself(metastore: Metastore) -> None:
    measured(metastore, NOON, good=3, bad=1, sli="pipeline_success")
    measured(metastore, NOON, good=5, sli="pipeline_success", subject="served.web.visits")
    measured(metastore, NOON, bad=7, sli="connector_heartbeat", subject="raw.shop.sales", partition="till")
    wide = [objective(id=place, sli="pipeline_success", subject=place) for place in ("shop", "platform")]
    beat = objective(id="beat", sli="connector_heartbeat", subject="raw.shop.sales/till")
    over(metastore, *wide, beat).evaluate(NOON)
    totals = {e.objective: (e.good_total, e.bad_total) for e in metastore.operations.objectives.all()}
    assert totals == {"shop": (3, 1), "platform": (8, 1), "beat": (0, 7)}


def test_an_indicator_that_has_a_value_of_the_platform_is_not_counted_twice(metastore: Metastore) -> None:
    measured(metastore, NOON, good=1, bad=1, sli="schema_compatibility")
    measured(metastore, NOON, good=1, bad=1, sli="schema_compatibility", subject="platform")
    over(metastore, objective(id="all", sli="schema_compatibility", subject="platform")).evaluate(NOON)
    assert (standing(metastore, "all").good_total, standing(metastore, "all").bad_total) == (1, 1)


def test_what_left_the_window_is_forgiven_and_totals_only_grow(metastore: Metastore) -> None:
    evaluated = over(metastore, objective(window=Window(Duration(1, "d"))))
    measured(metastore, NOON, bad=300)
    evaluated.evaluate(NOON)
    assert standing(metastore).state == ObjectiveState.SPENT
    measured(metastore, NOON + timedelta(hours=30), good=300)
    evaluated.evaluate(NOON + timedelta(hours=30))
    found = standing(metastore)
    assert (found.ratio, found.state) == (1.0, ObjectiveState.MET)
    assert (found.good_total, found.bad_total) == (300, 300)


def test_since_is_when_the_state_began(metastore: Metastore) -> None:
    evaluated = over(metastore, objective())
    measured(metastore, NOON, good=300)
    assert [one.objective for one in evaluated.evaluate(NOON).changed] == [f"freshness.{SALES}"]
    assert evaluated.evaluate(NOON + minutes(1)).changed == ()
    assert standing(metastore).since == NOON


def test_fine_buckets_go_when_coarse_ones_hold_them(metastore: Metastore) -> None:
    measured(metastore, NOON, good=300)
    over(metastore, objective()).evaluate(NOON)
    over(metastore, objective()).evaluate(NOON + timedelta(days=2))
    samples = metastore.operations.objective_samples
    widths = {width: len(samples.of(f"freshness.{SALES}", width_seconds=width)) for width in (FIVE_MINUTES, HOUR, DAY)}
    assert widths == {FIVE_MINUTES: 0, HOUR: 1, DAY: 1}
    assert standing(metastore).ratio == 1.0


def test_objectives_that_nobody_promises_any_more_are_forgotten(metastore: Metastore) -> None:
    measured(metastore, NOON, good=300)
    over(metastore, objective()).evaluate(NOON)
    over(metastore).evaluate(NOON + minutes(1))
    assert metastore.operations.objectives.all() == ()
    assert metastore.operations.objective_samples.of(f"freshness.{SALES}", width_seconds=DAY) == ()


@pytest.mark.parametrize(
    ("method", "target", "totals"),
    [
        # four slices of 10 minutes: all good; 3 of 4 good; nothing heard; all bad
        (Budgeting.OCCURRENCES, None, (7, 5, 0)),
        (Budgeting.TIMESLICES, 0.7, (2, 1, 1)),
        (Budgeting.TIMESLICES, 0.8, (1, 2, 1)),
        (Budgeting.RATIO_TIMESLICES, None, (1.75, 1.25, 1)),
    ],
)
def test_a_budget_is_counted_in_events_in_slices_or_in_shares_of_slices(
    metastore: Metastore, method: Budgeting, target: float | None, totals: Sequence[float]
) -> None:
    slices = None if method is Budgeting.OCCURRENCES else Slices(window=Duration(10, "m"), target=target)
    evaluated = over(metastore, objective(method=method, slices=slices))
    for minute, good, bad in ((1, 2, 0), (6, 2, 0), (11, 3, 0), (19, 0, 1), (31, 0, 4)):
        measured(metastore, NOON + minutes(minute), good=good, bad=bad)
        evaluated.evaluate(NOON + minutes(minute))
    evaluated.evaluate(NOON + minutes(40))
    over(metastore, *evaluated.all).evaluate(NOON + minutes(41))
    found = standing(metastore)
    assert (found.good_total, found.bad_total, found.unknown_total) == pytest.approx(tuple(totals))


def test_a_slice_that_is_open_counts_for_nothing_yet(metastore: Metastore) -> None:
    evaluated = over(
        metastore, objective(method=Budgeting.TIMESLICES, slices=Slices(window=Duration(1, "h"), target=0.9))
    )
    measured(metastore, NOON + minutes(1), bad=100)
    evaluated.evaluate(NOON + minutes(59))
    assert standing(metastore).bad_total == 0
    evaluated.evaluate(NOON + minutes(60))
    assert standing(metastore).bad_total == 1


VALUES = st.lists(
    st.tuples(st.integers(0, 5_000), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
    min_size=1, max_size=25, unique_by=lambda value: value[0],
)  # fmt: skip


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=VALUES, looks=st.lists(st.integers(0, 5_100), max_size=6))
def test_however_evaluation_is_cut_up_the_counts_are_those_of_all_values(
    values: list[tuple[int, int, int, int]], looks: list[int]
) -> None:
    metastore = _in_memory()
    try:
        events = [(minute, "value", counts) for minute, *counts in values] + [(look, "look", []) for look in looks]
        for minute, kind, counts in sorted(events, key=lambda event: (event[0], event[1] == "look")):
            if kind == "value":
                measured(metastore, NOON + minutes(minute), *counts)
            else:
                over(metastore, objective()).evaluate(NOON + minutes(minute))
        over(metastore, objective()).evaluate(NOON + minutes(5_101))
        days: dict[datetime, list[float]] = defaultdict(lambda: [0, 0, 0])
        for minute, *counts in values:
            day = (NOON + minutes(minute)).replace(hour=0, minute=0)
            days[day] = [held + count for held, count in zip(days[day], counts, strict=True)]
        found = metastore.operations.objective_samples.of(f"freshness.{SALES}", width_seconds=DAY)
        assert {one.starts_at: [one.good, one.bad, one.unknown] for one in found} == dict(days)
        assert standing(metastore).good_total == sum(value[1] for value in values)
    finally:
        metastore.close()


@settings(max_examples=15, deadline=None)
@given(
    values=VALUES,
    looks=st.lists(st.integers(0, 5_000), max_size=20),
    others=st.lists(st.integers(0, 5_000), max_size=2),
)
def test_one_that_goes_on_evaluating_says_the_same_as_one_that_has_just_begun(
    values: list[tuple[int, int, int, int]], looks: list[int], others: list[int]
) -> None:
    metastore = _in_memory()
    ours = over(metastore, objective(window=Window(Duration(1, "d"))))
    try:
        kinds = {"other": others, "look": [*looks, 5_001]}
        events = [(minute, "a value", counts) for minute, *counts in values]
        events += [(minute, kind, []) for kind, minutes_ in kinds.items() for minute in minutes_]
        for minute, kind, counts in sorted(events, key=lambda event: event[:2]):
            now = NOON + minutes(minute / 10)  # several events within one bucket
            if kind == "a value":
                measured(metastore, now, *counts)
                continue
            (ours if kind == "look" else over(metastore, *ours.all)).evaluate(now)
            start = Window(Duration(1, "d")).start(now)
            seen = [value for value in values if start <= NOON + minutes(value[0] / 10) <= now]
            found = standing(metastore)
            counted = tuple(found.detail[name] for name in ("good", "bad", "unknown"))
            assert counted == tuple(sum(value[place] for value in seen) for place in (1, 2, 3))
    finally:
        metastore.close()


def _in_memory() -> Metastore:
    metastore = open_metastore("sqlite://")
    metastore.migrate()
    return metastore
