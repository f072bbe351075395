"""The `quality` entries of a contract. Which rules they become is in `rules`."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

from data_platform.contracts.literals import expression_fault
from data_platform.contracts.model import Column, QualityRule, Severity, Tolerance
from data_platform.contracts.odcs_columns import scalar
from data_platform.contracts.odcs_custom import QUALITY_KEYS, custom_values
from data_platform.contracts.places import Place, exact, nearest
from data_platform.contracts.rules import decides_rows

BOUNDS = (
    "mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo",
)  # fmt: skip
_SEVERITIES = {**{severity.value: severity for severity in Severity}, "error": Severity.BLOCK, "warning": Severity.WARN}
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "rowCount": (),
    "nullValues": (),
    "missingValues": ("missingValues",),
    "invalidValues": ("validValues", "pattern"),
    "duplicateValues": ("properties",),
}
_SNAKE = {
    "rowCount": "row_count",
    "nullValues": "null_values",
    "missingValues": "missing_values",
    "invalidValues": "invalid_values",
    "duplicateValues": "duplicate_values",
}
_NAME = re.compile(r"[a-z0-9_]+")


def read_quality(place: Place, *, column: Column | None, row_severity: Severity) -> QualityRule | None:
    """One entry; None after faults, and for `text` entries, which are prose.

    Args:
        place: the entry.
        column: the column that carries it, None at dataset level.
        row_severity: what a rule of single rows does by itself: quarantine where rows have fates, else block.
    """
    custom = custom_values(place, QUALITY_KEYS)
    kind = place.get("type") or ("sql" if place.has("query") and not place.has("metric") else "library")
    if kind == "text":
        return None
    if kind not in ("library", "sql"):
        place.into("type").fault(f"quality type {kind!r} is not enforced", "write library, sql, or text for prose")
        return None
    if place.has("rule"):
        place.into("rule").fault("rule is the old spelling of metric", "write metric")
    for key in ("engine", "implementation"):
        if place.has(key):
            place.into(key).fault(f"{key} belongs to quality type custom, which is not enforced", "remove it")
    is_row = _is_row_scope(kind, custom)
    must = _must(place, needs_one=not is_row)
    name = _name(place, kind, column)
    details = _library(place, column) if kind == "library" else _sql(place)
    unit = _unit(place, kind)
    if details is None or name is None:
        return None
    rule = QualityRule(
        name=name,
        severity=Severity.BLOCK,
        column=column.name if column else None,
        row_expression=is_row,
        must=must,
        unit=unit,
        tolerance=_tolerance(custom.get("tolerance")),
        dimension=place.text("dimension"),
        description=place.text("description"),
        line=place.line,
        **details,
    )
    if rule.metric == "invalidValues":
        _check_bounds(place, must)
    return replace(rule, severity=_severity(place, row_severity if decides_rows(rule) else Severity.BLOCK))


def _is_row_scope(kind: str, custom: dict[str, Place]) -> bool:
    scope = custom.get("scope")
    if scope is None:
        return False
    if scope.value not in ("row", "table") or kind != "sql":
        scope.fault("platform.scope is row or table, of a quality entry of type sql", "write row, or remove it")
        return False
    return bool(scope.value == "row")


def _must(place: Place, *, needs_one: bool) -> tuple[tuple[str, object], ...]:
    must: list[tuple[str, object]] = []
    for key in BOUNDS:
        if place.has(key):
            bound = exact(place.get(key))
            if bound is None:
                place.into(key).fault(f"{key} is no number", "write a number without quotes")
            must.append((key, bound if bound is not None else Decimal(0)))
    for item in [place.into("mustBeBetween")] if place.has("mustBeBetween") else []:
        low, high = (exact(bound) or Decimal(0) for bound in item.value)
        if low > high:
            item.fault("mustBeBetween has its bounds the wrong way round", "write the smaller bound first")
        must += [("mustBeGreaterOrEqualTo", low), ("mustBeLessOrEqualTo", high)]
    if place.has("mustNotBeBetween"):
        place.into("mustNotBeBetween").fault("mustNotBeBetween is not enforced", "write two entries, or a sql query")
    elif needs_one and not must:
        place.missing(
            "mustBe", "the quality entry has no bound, so nothing could fail it", f"add one of: {', '.join(BOUNDS)}"
        )
    elif not needs_one and must:
        place.into(must[0][0]).fault("a row expression is true or false and has no bound", f"remove {must[0][0]}")
    return tuple(must)


def _name(place: Place, kind: str, column: Column | None) -> str | None:
    name = place.text("name")
    if not name:
        if kind == "library":
            return "_".join(
                filter(None, (slug(column.name if column else ""), _SNAKE.get(place.text("metric"), "quality")))
            )
        place.missing("name", "a sql quality entry has no name", "add a name such as amount_matches_lines")
        return None
    if not _NAME.fullmatch(name):
        place.into("name").fault(
            f"quality name {name!r} is not lower case with underscores", f"write {slug(name) or 'a name'}"
        )
        return None
    return name


def _severity(place: Place, default: Severity) -> Severity:
    written = place.get("severity")
    if written is None:
        return default
    if written not in _SEVERITIES:
        place.into("severity").fault(f"severity {written!r} is unknown", nearest(str(written), list(Severity)))
        return default
    severity = _SEVERITIES[written]
    if severity is Severity.QUARANTINE and default is not Severity.QUARANTINE:
        message = "quarantine holds back single rows, which this entry cannot single out"
        fix = "write block or warn; quarantine is for bounds of 0 and row expressions of raw, admit, merge and scd2"
        place.into("severity").fault(message, fix)
    return severity


def _check_bounds(place: Place, must: tuple[tuple[str, object], ...]) -> None:
    for operator, bound in must:
        is_share = operator == "mustBeLessThan" and place.get("unit") == "percent"
        if operator not in ("mustBe", "mustBeLessThan", "mustBeLessOrEqualTo") or is_share:
            place.into(operator).fault(f"invalidValues cannot be held to {operator}", "write mustBeLessOrEqualTo")
        elif operator == "mustBe" and bound != 0:
            place.into(operator).fault("invalidValues mustBe admits only 0", "write mustBeLessOrEqualTo")


def _unit(place: Place, kind: str) -> str:
    unit = place.get("unit")
    if unit not in (None, "rows", "percent"):
        place.into("unit").fault(f"unit {unit!r} is unknown", "write rows or percent")
    if unit == "percent" and (kind == "sql" or place.get("metric") == "rowCount"):
        place.into("unit").fault("percent has no meaning here", "remove unit")
    return "percent" if unit == "percent" else "rows"


def _library(place: Place, column: Column | None) -> dict[str, Any] | None:
    metric = place.get("metric")
    if metric not in _ARGUMENTS:
        where = place.into("metric")
        if metric is None:
            place.missing("metric", "a library quality entry has no metric", f"add one of: {', '.join(_ARGUMENTS)}")
        else:
            where.fault(f"unknown metric {metric!r}", nearest(metric, _ARGUMENTS))
        return None
    if place.has("query"):
        place.into("query").fault("query belongs to quality type sql", "write type: sql, or remove query")
    if (metric == "rowCount") == (column is not None) and metric != "duplicateValues":
        fix = "move it to the quality of the dataset" if column else "move it to the quality of a column"
        place.into("metric").fault(f"metric {metric} does not belong here", fix)
        return None
    arguments = place.into("arguments")
    arguments.refuse_unknown(_ARGUMENTS[metric], f"metric {metric}")
    if not _check_arguments(arguments, metric, column):
        return None
    pairs = [(key, _argument(arguments, key, column)) for key in _ARGUMENTS[metric] if arguments.has(key)]
    return {"metric": metric, "arguments": tuple(pairs)}


def _check_arguments(arguments: Place, metric: str, column: Column | None) -> bool:
    for key in ("validValues", "missingValues", "properties"):
        value = arguments.get(key)
        if value is not None and (not isinstance(value, list) or not value):
            arguments.into(key).fault(f"{key} is no list of values", "write a list")
            return False
    if metric == "duplicateValues" and column is None:
        names = arguments.get("properties")
        if not names or not all(isinstance(name, str) for name in names):
            arguments.missing("properties", "duplicateValues does not say of which columns", "add arguments.properties")
            return False
    if metric == "duplicateValues" and column is not None and arguments.has("properties"):
        arguments.into("properties").fault("properties belongs to the quality of the dataset", "remove it")
    if metric == "invalidValues":
        return _check_validity(arguments)
    return True


def _check_validity(arguments: Place) -> bool:
    pattern = arguments.get("pattern")
    if (pattern is None) == (arguments.get("validValues") is None):
        fix = "add validValues or pattern under arguments, one of the two"
        arguments.missing("validValues", "invalidValues does not say what is valid", fix)
        return False
    if pattern is not None:
        reason = expression_fault(pattern) if isinstance(pattern, str) else "it is no text"
        if reason:
            arguments.into("pattern").fault(f"the pattern does not compile ({reason})", "mend the expression")
            return False
    return True


def _sql(place: Place) -> dict[str, Any] | None:
    query = place.text("query").strip().rstrip(";").rstrip()
    if not query:
        place.missing("query", "a sql quality entry has no query", "add a SELECT that gives one number")
        return None
    for key in ("metric", "arguments"):
        if place.has(key):
            place.into(key).fault(f"{key} belongs to quality type library", f"remove {key}")
    return {"query": query}


def _tolerance(place: Place | None) -> Tolerance:
    if place is None:
        return Tolerance()
    if not isinstance(place.value, dict):
        place.fault("platform.tolerance is no mapping", "write {rows: 5} or {ratio: 0.01}")
        return Tolerance()
    place.refuse_unknown(("rows", "ratio"), "platform.tolerance")
    rows, ratio = place.get("rows"), exact(place.get("ratio"))
    if rows is not None and (not isinstance(rows, int) or isinstance(rows, bool) or rows < 0):
        place.into("rows").fault("tolerance rows is no count", "write a whole number, 0 or more")
        rows = None
    if place.has("ratio") and (ratio is None or not 0 <= ratio <= 1):
        place.into("ratio").fault("tolerance ratio is no share", "write a number from 0 to 1")
        ratio = None
    return Tolerance(rows=rows or 0, ratio=ratio or Decimal(0))


def slug(text: str) -> str:
    """`text` in lower case letters, digits and underscores."""
    return re.sub("[^a-z0-9]+", "_", text.lower()).strip("_")


def _argument(arguments: Place, key: str, column: Column | None) -> object:
    value = arguments.get(key)
    if key == "properties":
        return tuple(value)
    if key == "pattern" or column is None:
        return value
    values = []
    for item in arguments.items(key):
        typed = scalar(item.value, column.type)
        if typed is not None:
            values.append(typed)
        elif item.value is not None or key == "validValues":
            item.fault(
                f"{item.value!r} is no {column.type} value of column {column.name!r}", "write a value of its type"
            )
    return tuple(values)
