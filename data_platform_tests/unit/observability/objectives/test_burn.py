"""Budgets, burn rates and states from counts; expectations are computed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from data_platform.metastore.objective_samples import Sums
from data_platform.metastore.objective_tables import ObjectiveState
from data_platform.observability.objectives.burn import BURN_WINDOWS, Counts, Standing, judge

MET, BURNING, SPENT, UNKNOWN = (
    ObjectiveState.MET, ObjectiveState.BURNING, ObjectiveState.SPENT, ObjectiveState.UNKNOWN,
)  # fmt: skip
HEALTHY: Sums = (1000.0, 0.0, 0.0)


def standing(
    window: Sums, *, target: float = 0.99, before: ObjectiveState | None = None, was: str = "", **recent: Sums
) -> Standing:
    given = {name: recent.get(f"w{name}", HEALTHY) for name in BURN_WINDOWS}
    return judge(Counts(window=window, recent=given), target, before=before, was_burning=was)


def test_ratio_budget_and_burn_are_those_of_a_pocket_calculator() -> None:
    found = standing((9_940, 60, 0), w1h=(90, 10, 0), w3d=(995, 5, 0))
    assert found.ratio == pytest.approx(0.994)
    assert found.budget_left == pytest.approx(0.4)  # 100 of 10,000 may be bad, 60 are
    assert found.burn["1h"] == pytest.approx(10.0)
    assert found.burn["3d"] == pytest.approx(0.5)
    assert found.state == MET


def test_a_burst_that_a_single_window_would_page_for_does_not_burn() -> None:
    found = standing((99_990, 10, 0), w5m=(0, 10, 0), w30m=(50, 10, 0), w1h=(110, 10, 0), w6h=(710, 10, 0))
    naive = (found.burn["5m"] or 0) > 14.4
    assert naive
    assert (found.state, found.burning) == (MET, "")


def test_what_is_seen_in_the_short_and_the_long_window_burns() -> None:
    found = standing((99_000, 100, 0), w5m=(0, 20, 0), w1h=(80, 20, 0))
    assert (found.state, found.burning) == (BURNING, "fast")


def test_a_minute_of_failure_in_the_first_minutes_of_a_watch_is_no_hour_of_it() -> None:
    short = dict.fromkeys(BURN_WINDOWS, (140.0, 60.0, 0.0))
    counted = Counts(window=(140.0, 60.0, 0.0), recent=short, are_seconds=False)
    naive = judge(counted, 0.995, before=None, was_burning="")
    found = judge(replace(counted, are_seconds=True), 0.995, before=None, was_burning="")
    assert naive.burning == "fast"
    assert found.burning == ""  # 60 s of 3,600 are 3.3 times what 0.5 % allows, and the limit is 14.4
    worse = replace(counted, recent={**short, "1h": (140.0, 260.0, 0.0), "5m": (0.0, 260.0, 0.0)}, are_seconds=True)
    assert judge(worse, 0.995, before=None, was_burning="").burning == "fast"  # 260 s: 14.44 times


def test_an_alarm_ends_when_the_short_window_is_well_again_though_the_long_one_is_not() -> None:
    found = standing((99_000, 100, 0), before=BURNING, was="fast", w5m=(20, 0, 0), w1h=(80, 20, 0))
    assert (found.state, found.burning) == (MET, "")


def test_a_slow_leak_burns_slowly() -> None:
    found = standing((99_000, 100, 0), w6h=(970, 30, 0), w3d=(9_700, 300, 0))
    assert (found.state, found.burning) == (BURNING, "slow")


@pytest.mark.parametrize(("was", "burning"), [("", ""), ("fast", "fast")])
def test_at_the_limit_a_burn_neither_begins_nor_ends(was: str, burning: str) -> None:
    found = standing((99_000, 100, 0), was=was, w5m=(87, 13, 0), w1h=(87, 13, 0))  # 13 times, between 10.8 and 14.4
    assert found.burning == burning


def test_one_failure_alone_is_no_rate() -> None:
    assert standing((9, 1, 0), target=0.5, w5m=(0, 1, 0), w1h=(0, 1, 0), w30m=(0, 1, 0), w6h=(0, 1, 0)).burning == ""


def test_a_spent_budget_is_spent_until_some_of_it_is_back() -> None:
    assert standing((980, 20, 0)).state == SPENT
    assert standing((9_904, 96, 0), before=SPENT).state == SPENT  # 4 % left
    assert standing((9_904, 96, 0)).state == MET
    assert standing((9_940, 60, 0), before=SPENT).state == MET


def test_what_is_unknown_is_not_good() -> None:
    found = standing((400, 0, 600))
    assert found.state == UNKNOWN
    assert found.ratio == 1.0  # of what is known


def test_what_is_unknown_hides_no_budget_that_is_spent_for_sure() -> None:
    assert standing((100, 20, 880)).state == SPENT  # 20 of 1,000 are more than 1 %, whatever the rest was
    assert standing((100, 5, 895)).state == UNKNOWN


def test_nothing_known_is_unknown_and_has_no_numbers() -> None:
    found = standing((0, 0, 0), w5m=(0, 0, 0))
    assert (found.state, found.ratio, found.budget_left, found.burn["5m"]) == (UNKNOWN, None, None, None)


def test_a_good_past_does_not_speak_for_an_hour_in_which_nothing_was_seen() -> None:
    assert standing((99_999, 0, 60), w1h=(0, 0, 60)).state == UNKNOWN
