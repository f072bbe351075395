"""One number against the bounds of a contract, in ODCS spelling (`mustBe` … `mustNotBeBetween`, both ends included)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation

from data_platform.contracts.rules import Rule, RuleKind
from data_platform.quality.verdicts import Judgement, Verdict, unknown

_SINGLE: dict[str, tuple[str, Callable[[Decimal, Decimal], bool]]] = {
    "mustBe": ("be", lambda value, bound: value == bound),
    "mustNotBe": ("not be", lambda value, bound: value != bound),
    "mustBeGreaterThan": ("be greater than", lambda value, bound: value > bound),
    "mustBeGreaterOrEqualTo": ("be at least", lambda value, bound: value >= bound),
    "mustBeGreaterThanOrEqualTo": ("be at least", lambda value, bound: value >= bound),
    "mustBeLessThan": ("be less than", lambda value, bound: value < bound),
    "mustBeLessOrEqualTo": ("be at most", lambda value, bound: value <= bound),
    "mustBeLessThanOrEqualTo": ("be at most", lambda value, bound: value <= bound),
}
_PAIRED = {"mustBeBetween": ("be between", True), "mustNotBeBetween": ("not be between", False)}


def judge_measure(rule: Rule, answers: Sequence[tuple[object, ...]], rows: int) -> Judgement:
    """Judges what the query of a ROW_COUNT or MEASURE gave (its first two rows) over a dataset of `rows` rows.

    No number over no rows does not apply; no number over rows, or more than one, is unknown.
    """
    if len(answers) != 1 or len(answers[0]) != 1:
        return unknown("the query does not give one row of one column")
    if answers[0][0] is None:
        if rows == 0 and rule.kind is RuleKind.MEASURE:
            return Judgement(verdict=Verdict.NOT_APPLICABLE, detail="no rows, so nothing to measure")
        return unknown("the query gave NULL instead of a number")
    value = _decimal(answers[0][0])
    if value is None:
        return unknown("the query gave no finite number")
    return compare_with_bounds(rule, value)


def compare_with_bounds(rule: Rule, value: Decimal) -> Judgement:
    """Judges one number; a rule without bounds, or with an operator nobody knows, is unknown."""
    wanted: list[str] = []
    is_fine = True
    pairs: dict[str, list[Decimal]] = {}
    for operator, bound in rule.must:
        if operator in _SINGLE:
            words, holds = _SINGLE[operator]
            wanted.append(f"{words} {bound}")
            is_fine = is_fine and holds(value, bound)
        elif operator in _PAIRED:
            pairs.setdefault(operator, []).append(bound)
        else:
            return unknown(f"the contract compares with {operator!r}, which is not an operator")
    for operator, bounds in pairs.items():
        if len(bounds) != 2:
            return unknown(f"{operator} needs two bounds, not {len(bounds)}")
        words, is_inside = _PAIRED[operator]
        wanted.append(f"{words} {min(bounds)} and {max(bounds)}")
        is_fine = is_fine and (min(bounds) <= value <= max(bounds)) == is_inside
    if not wanted:
        return unknown("the contract names no bound")
    verdict = Verdict.PASSED if is_fine else Verdict.FAILED
    return Judgement(verdict=verdict, detail=f"measured {value}; must {' and '.join(wanted)}")


def _decimal(answer: object) -> Decimal | None:
    if isinstance(answer, bool) or not isinstance(answer, int | float | Decimal):
        return None
    try:
        value = Decimal(repr(answer)) if isinstance(answer, float) else Decimal(answer)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None
