"""What a check found, as a value with its evidence. Which rules there are is in `contracts.rules`.

A verdict is `passed` only with evidence: rows were expected, all of them were examined, and no more than the tolerance
failed. Everything that is missing evidence is `unknown`, and `unknown` blocks where the rule blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from data_platform.contracts.model import Severity, Tolerance
from data_platform.contracts.rules import Rule, RuleKind

Row: TypeAlias = Mapping[str, object]
Redactor: TypeAlias = Callable[[Row], Row]
EngineName: TypeAlias = Literal["duckdb", "pandera"]

HIDDEN = "•••"
SAMPLE_ROWS = 5
PLACE_COLUMNS = ("_batch_id", "_record_no")  # where a sampled row came from: never personal, always shown

_WITHOUT_ROWS = frozenset({RuleKind.ROW_COUNT, RuleKind.MEASURE})


class Verdict(StrEnum):
    """What a check may conclude."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict and why."""

    verdict: Verdict
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """One rule's verdict on one data version.

    Attributes:
        rule: name of the rule, unique in its dataset.
        reason: the reason code that failing rows carry.
        rows_examined: rows that the engine looked at.
        failing_rows: rows that broke the rule, forgiven ones included.
        sample: at most five failing rows, redacted: the rule's columns and where the row came from.
        engine: what evaluated the rule.
        detail: one sentence for people; never holds a value of the data.
    """

    rule: str
    kind: RuleKind
    reason: str
    severity: Severity
    verdict: Verdict
    rows_examined: int
    failing_rows: int
    sample: tuple[Row, ...] = ()
    engine: EngineName
    data_version: str = ""
    contract_version: str = ""
    detail: str = ""

    @property
    def passed(self) -> bool:
        """Whether there is evidence that the rule holds."""
        return self.verdict is Verdict.PASSED

    @property
    def is_unsatisfied(self) -> bool:
        """Whether the rule failed beyond its tolerance, or could not be judged."""
        return self.verdict in (Verdict.FAILED, Verdict.UNKNOWN)

    @property
    def is_blocking(self) -> bool:
        """Whether nothing may be published."""
        return self.severity is Severity.BLOCK and self.is_unsatisfied

    @property
    def is_disagreement(self) -> bool:
        """Whether the audit found a broken quarantine rule among rows that the SQL fates let through.

        Rows about to be published have already passed these rules in SQL, so the two compilations disagree.
        """
        is_audited_row = self.engine == "pandera" and self.kind.is_row_kind
        return is_audited_row and self.severity is Severity.QUARANTINE and self.is_unsatisfied


def hide_everything(row: Row) -> Row:
    """The redaction used where nobody said what may be shown: only the place of the row stays."""
    return {name: value if name in PLACE_COLUMNS else HIDDEN for name, value in row.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What every result of one evaluation shares.

    Attributes:
        data_version: the version of the data that is judged.
        expected_rows: rows the caller knows to be there; None where nobody counted them independently.
        redact: what may be shown of a failing row; hides everything unless told.
    """

    data_version: str = ""
    contract_version: str = ""
    expected_rows: int | None = None
    redact: Redactor = hide_everything


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What an engine saw of one rule; the sample is not yet redacted."""

    examined: int = 0
    failing: int = 0
    sample: Sequence[Row] = field(default=(), repr=False)


def judge(rule: Rule, *, rows_examined: int, failing_rows: int, expected_rows: int | None) -> Judgement:
    """Decides a rule that counts failing rows.

    Raises:
        ValueError: the counts cannot be true, or the rule does not count rows.
    """
    if rule.kind in _WITHOUT_ROWS:
        raise ValueError(f"rule {rule.name!r} is a {rule.kind}: it does not count failing rows")
    if not 0 <= failing_rows <= rows_examined:
        raise ValueError(f"rule {rule.name!r}: {failing_rows} failing of {rows_examined} examined rows")
    expected = rows_examined if expected_rows is None else expected_rows
    if failing_rows > allowed_rows(rule.tolerance, rows_examined):
        return Judgement(verdict=Verdict.FAILED, detail=f"{failing_rows} of {rows_examined} rows broke the rule")
    if rows_examined != expected:
        return Judgement(verdict=Verdict.UNKNOWN, detail=f"{expected} rows expected, {rows_examined} examined")
    if rows_examined == 0:
        return Judgement(verdict=Verdict.NOT_APPLICABLE, detail="no rows, and none expected")
    detail = f"{failing_rows} failing rows are within the tolerance" if failing_rows else ""
    return Judgement(verdict=Verdict.PASSED, detail=detail)


def allowed_rows(tolerance: Tolerance, rows_examined: int) -> int:
    """How many rows may fail: the larger of the tolerance's count and its share of the examined rows."""
    return max(tolerance.rows, int(tolerance.ratio * rows_examined))


def conclude(
    rule: Rule, judgement: Judgement, evidence: Evidence, *, engine: EngineName, counts: Counts | None = None
) -> RuleResult:
    """The result of a rule, its sample redacted."""
    counts = counts or Counts()
    return RuleResult(
        rule=rule.name,
        kind=rule.kind,
        reason=rule.reason,
        severity=rule.severity,
        verdict=judgement.verdict,
        rows_examined=counts.examined,
        failing_rows=counts.failing,
        sample=tuple(dict(evidence.redact(row)) for row in counts.sample[:SAMPLE_ROWS]),
        engine=engine,
        data_version=evidence.data_version,
        contract_version=evidence.contract_version,
        detail=judgement.detail,
    )


def unknown(detail: str) -> Judgement:
    """The verdict of a check that could not be judged."""
    return Judgement(verdict=Verdict.UNKNOWN, detail=detail)
