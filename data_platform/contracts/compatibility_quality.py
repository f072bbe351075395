"""Quality entries and foreign keys of two contracts against each other. A rule that only warns stops nothing, so it
breaks nothing either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from data_platform.contracts.compatibility_values import bound_effect, joined, list_effect, pattern_effect
from data_platform.contracts.compatibility_verdicts import (
    BREAKING,
    COMPATIBLE,
    RISKY,
    Change,
    Effect,
    loosened,
    tightened,
)
from data_platform.contracts.model import Contract, QualityRule, Reference, Severity

_ONLY_WARNS = Effect(COMPATIBLE, COMPATIBLE, "the rule only warns")
_LOWER = ("mustBeGreaterThan", "mustBeGreaterOrEqualTo")
_UPPER = ("mustBeLessThan", "mustBeLessOrEqualTo")


def quality_changes(base: Contract, head: Contract) -> Iterator[Change]:
    """Changes of quality entries, told apart by name; one that only got another name is renamed."""
    was = {rule.name: rule for rule in base.quality}
    now = {rule.name: rule for rule in head.quality}
    gone = [rule for name, rule in was.items() if name not in now]
    come = [rule for name, rule in now.items() if name not in was]
    for rule in list(gone):
        twin = next((new for new in come if _body(new) == _body(rule)), None)
        if twin is not None:
            gone.remove(rule)
            come.remove(twin)
            effect = Effect(COMPATIBLE, COMPATIBLE, "the check goes by another name")
            yield _change("rule_renamed", twin, (rule.name, twin.name), effect)
    for rule in gone:
        effect = _ONLY_WARNS if rule.severity is Severity.WARN else loosened("the rule is gone")
        yield replace(_change("rule_removed", rule, (rule.severity.value, ""), effect), line=rule.line)
    for rule in come:
        effect = _ONLY_WARNS if rule.severity is Severity.WARN else tightened("the rule is new")
        yield replace(_change("rule_added", rule, ("", rule.severity.value), effect), is_addition=True)
    for name in now:
        if name in was:
            yield from _rule(was[name], now[name])


def reference_changes(base: Contract, head: Contract) -> Iterator[Change]:
    """Changes of foreign keys, told apart by their columns and target."""
    was = {_ends(reference): reference for reference in base.references}
    now = {_ends(reference): reference for reference in head.references}
    for ends in sorted({*was, *now}):
        before, after = was.get(ends), now.get(ends)
        if before == after:
            continue
        kind = "reference_added" if before is None else "reference_removed" if after is None else "reference_severity"
        said = tuple(reference.severity.value if reference else "" for reference in (before, after))
        effect = _severity(before.severity if before else Severity.WARN, after.severity if after else Severity.WARN)
        yield Change(
            kind=kind,
            subject=ends,
            before=said[0],
            after=said[1],
            readers=effect.readers,
            writers=effect.writers,
            reason=effect.reason,
            is_addition=before is None,
            line=next((c.line for c in head.columns if after and c.name in after.columns), 0),
        )


def _rule(was: QualityRule, now: QualityRule) -> Iterator[Change]:
    if was.severity is not now.severity:
        said = (was.severity.value, now.severity.value)
        yield _change("rule_severity", now, said, _severity(was.severity, now.severity))
    effects = [("rule_bounds", _shown(was.must), _shown(now.must), _bounds(was, now))]
    effects.append(("rule_tolerance", *_tolerances(was, now), _tolerance(was, now)))
    effects.append(("rule_arguments", _shown(was.arguments), _shown(now.arguments), _arguments(was, now)))
    what = (was.metric or was.query or "", now.metric or now.query or "")
    effects.append(("rule_asks_other", *what, _other(was, now)))
    for kind, before, after, effect in effects:
        if effect is not None:
            stops = Severity.WARN not in (was.severity, now.severity)
            yield _change(kind, now, (before, after), effect if stops else _ONLY_WARNS)
    if (was.description, was.dimension) != (now.description, now.dimension):
        effect = Effect(COMPATIBLE, COMPATIBLE, "the rule is the same")
        yield _change("rule_description", now, (was.description, now.description), effect)


def _severity(was: Severity, now: Severity) -> Effect:
    if was is now:
        return _ONLY_WARNS if now is Severity.WARN else Effect(COMPATIBLE, COMPATIBLE, "the same rows pass")
    if was is Severity.WARN:
        return tightened("the rule only warned")
    if now is Severity.WARN:
        return loosened("the rule only warns now")
    if now is Severity.BLOCK:
        return Effect(COMPATIBLE, BREAKING, "rows that were held back stop the publish now")
    return Effect(RISKY, COMPATIBLE, "rows are missing where nothing was published")


def _bounds(was: QualityRule, now: QualityRule) -> Effect | None:
    before, after = dict(was.must), dict(now.must)
    if (before, was.unit) == (after, now.unit):
        return None
    others = {key: value for key, value in before.items() if key not in _LOWER + _UPPER}
    if was.unit != now.unit or others != {k: v for k, v in after.items() if k not in _LOWER + _UPPER}:
        return Effect(RISKY, RISKY, "whether the new bound admits what the old one did depends on the data")
    low = bound_effect(_edge(before, _LOWER), _edge(after, _LOWER), is_lower=True)
    return joined(low, bound_effect(_edge(before, _UPPER), _edge(after, _UPPER), is_lower=False))


def _edge(must: dict[str, object], keys: tuple[str, str]) -> tuple[Decimal, int] | None:
    """The bound and whether it is excluded: excluded from below counts as more, from above as less."""
    strict, inclusive = must.get(keys[0]), must.get(keys[1])
    if isinstance(strict, Decimal):
        return (strict, 1 if keys is _LOWER else -1)
    return (inclusive, 0) if isinstance(inclusive, Decimal) else None


def _tolerance(was: QualityRule, now: QualityRule) -> Effect | None:
    before, after = was.tolerance, now.tolerance
    rows = bound_effect(before.rows, after.rows, is_lower=False)
    return joined(rows, bound_effect(before.ratio, after.ratio, is_lower=False))


def _tolerances(was: QualityRule, now: QualityRule) -> tuple[str, str]:
    before, after = (f"{rule.tolerance.rows} rows, {rule.tolerance.ratio:%}" for rule in (was, now))
    return before, after


def _arguments(was: QualityRule, now: QualityRule) -> Effect | None:
    if was.arguments == now.arguments or was.metric != now.metric:
        return None
    before, after = dict(was.arguments), dict(now.arguments)
    values = [_values(arguments.get("validValues")) for arguments in (before, after)]
    if before.keys() == after.keys() == {"validValues"}:
        return list_effect(values[0], values[1])
    if before.keys() == after.keys() == {"pattern"}:
        return pattern_effect(str(before["pattern"]), str(after["pattern"]))
    return Effect(RISKY, RISKY, "whether the rule admits the same depends on the data")


def _values(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, tuple | list) else ()


def _other(was: QualityRule, now: QualityRule) -> Effect | None:
    asks = [(r.metric, " ".join((r.query or "").split()), r.row_expression, r.column) for r in (was, now)]
    if asks[0] == asks[1]:
        return None
    return Effect(RISKY, RISKY, "the rule asks something else, and who passes depends on the data")


def _body(rule: QualityRule) -> QualityRule:
    return replace(rule, name="", line=0, description="", dimension="")


def _change(kind: str, rule: QualityRule, said: tuple[str, str], effect: Effect) -> Change:
    return Change(
        kind=kind,
        subject=rule.name,
        before=said[0],
        after=said[1],
        readers=effect.readers,
        writers=effect.writers,
        reason=effect.reason,
        line=rule.line,
    )


def _ends(reference: Reference) -> str:
    targets = ", ".join(f"{reference.target}.{column}" for column in reference.target_columns)
    return f"{', '.join(reference.columns)} → {targets}"


def _shown(pairs: tuple[tuple[str, object], ...]) -> str:
    return ", ".join(f"{key} {', '.join(map(str, v)) if isinstance(v, tuple) else v}" for key, v in pairs)
