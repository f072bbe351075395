"""Verdicts: passed only with evidence."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_platform.contracts.model import Severity, Tolerance
from data_platform.contracts.rules import RuleKind
from data_platform.quality.verdicts import Evidence, Judgement, Verdict, allowed_rows, conclude, judge
from data_platform_tests.unit.quality.rule_makers import rule

RULE = rule(RuleKind.NOT_NULL, "x")


@given(st.integers(0, 50), st.integers(0, 50), st.none() | st.integers(0, 50))
def test_passed_needs_rows_all_of_them_and_none_failing(examined: int, failing: int, expected: int | None) -> None:
    if failing > examined:
        with pytest.raises(ValueError, match="failing of"):
            judge(RULE, rows_examined=examined, failing_rows=failing, expected_rows=expected)
        return
    verdict = judge(RULE, rows_examined=examined, failing_rows=failing, expected_rows=expected).verdict
    assert (verdict is Verdict.PASSED) == (examined > 0 and failing == 0 and expected in (None, examined))
    assert (verdict is Verdict.NOT_APPLICABLE) == (examined == 0 and expected in (None, 0))
    assert (verdict is Verdict.FAILED) == (failing > 0)


@pytest.mark.parametrize(
    ("tolerance", "allowed"),
    [
        (Tolerance(), 0),
        (Tolerance(rows=3), 3),
        (Tolerance(ratio=Decimal("0.01")), 9),
        (Tolerance(rows=3, ratio=Decimal("0.01")), 9),
        (Tolerance(rows=30, ratio=Decimal("0.01")), 30),
    ],
)
def test_the_larger_tolerance_counts(tolerance: Tolerance, allowed: int) -> None:
    assert allowed_rows(tolerance, 999) == allowed


@pytest.mark.parametrize("severity", list(Severity))
@pytest.mark.parametrize("verdict", list(Verdict))
def test_only_a_blocking_rule_that_failed_or_is_unknown_blocks(severity: Severity, verdict: Verdict) -> None:
    each = rule(RuleKind.NOT_NULL, "x", severity=severity)
    result = conclude(each, Judgement(verdict=verdict), Evidence(), engine="pandera")
    assert result.is_blocking == (severity is Severity.BLOCK and verdict in (Verdict.FAILED, Verdict.UNKNOWN))
    assert result.passed == (verdict is Verdict.PASSED)


def test_rules_that_count_no_rows_are_not_judged_by_rows() -> None:
    with pytest.raises(ValueError, match="does not count failing rows"):
        judge(rule(RuleKind.MEASURE), rows_examined=1, failing_rows=0, expected_rows=1)
