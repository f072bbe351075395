"""The audit: verdicts with evidence, no silent green, nothing of the data in what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import polars as pl
import pyarrow as pa
import pytest
from pandera.config import ValidationDepth, config_context

from data_platform.contracts.model import Severity, Tolerance
from data_platform.contracts.rules import Rule, RuleKind
from data_platform.governance.redaction import redactor
from data_platform.quality import pandera_checks
from data_platform.quality.audit import BatchAudit
from data_platform.quality.verdicts import HIDDEN, Evidence, RuleResult, Verdict
from data_platform_tests.unit.quality.rule_makers import STRING, column, contract, rule

SCHEMA = pa.schema([("id", pa.string()), ("n", pa.int64()), ("_record_no", pa.int64())])
NOT_NULL = rule(RuleKind.NOT_NULL, "id", severity=Severity.BLOCK)
RANGE = rule(RuleKind.BOUNDS, "n", minimum=5, maximum=20)
PATTERN = rule(RuleKind.PATTERN, "id", pattern="[a-z]+")


def batch(ids: list[str | None], numbers: list[int | None]) -> pa.RecordBatch:
    return pa.record_batch([ids, numbers, list(range(1, len(ids) + 1))], schema=SCHEMA)


def audited(rules: list[Rule], *batches: pa.RecordBatch, **evidence: object) -> tuple[RuleResult, ...]:
    audit = BatchAudit(rules, SCHEMA)
    for each in batches:
        audit.add(each)
    return audit.results(Evidence(**evidence))  # type: ignore[arg-type]


def test_every_rule_that_a_row_breaks_is_reported() -> None:
    results = audited([NOT_NULL, RANGE, PATTERN], batch([None, "A", "b"], [2, 180, 7]), expected_rows=3)
    assert {each.rule: each.failing_rows for each in results} == {"id_not_null": 1, "n_bounds": 2, "id_pattern": 1}
    assert {each.verdict for each in results} == {Verdict.FAILED}


def test_counts_run_over_all_batches_and_the_sample_stops_at_five() -> None:
    results = audited([RANGE], *[batch(["a", "b"], [1, 7])] * 9, expected_rows=18)
    assert (results[0].rows_examined, results[0].failing_rows, len(results[0].sample)) == (18, 9, 5)


def test_an_empty_frame_with_the_right_schema_is_fine_but_not_passed() -> None:
    (empty,) = audited([RANGE], batch([], []), expected_rows=0)
    assert (empty.verdict, empty.passed, empty.is_unsatisfied) == (Verdict.NOT_APPLICABLE, False, False)
    (unseen,) = audited([RANGE], batch([], []), expected_rows=4)
    assert unseen.verdict is Verdict.UNKNOWN
    (never_added,) = audited([RANGE], expected_rows=4)
    assert never_added.verdict is Verdict.UNKNOWN


def test_rows_that_nobody_examined_make_the_verdict_unknown() -> None:
    (result,) = audited([NOT_NULL], batch(["a"], [7]), expected_rows=2)
    assert (result.verdict, result.is_blocking) == (Verdict.UNKNOWN, True)


def test_a_check_that_raises_is_unknown_and_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(*_: object) -> pl.Expr:
        return pl.col("id").map_elements(lambda value: 1 / 0, return_dtype=pl.Boolean)

    monkeypatch.setattr(pandera_checks, "_expression", raising)
    broken, sql = audited(
        [NOT_NULL, rule(RuleKind.ROW_SQL, query="n = 7")], batch(["secret-value"], [7]), expected_rows=1
    )
    assert (broken.verdict, broken.is_blocking, broken.passed) == (Verdict.UNKNOWN, True, False)
    assert broken.detail.startswith("CHECK_ERROR")
    assert "secret-value" not in broken.detail
    assert sql.verdict is Verdict.PASSED


@pytest.mark.parametrize(
    "misfit",
    [
        rule(RuleKind.BOUNDS, "id", minimum=3),
        rule(RuleKind.LENGTH, "n", minimum=1),
        rule(RuleKind.PATTERN, "id", pattern="(?=a)b"),
        rule(RuleKind.NOT_NULL, "missing"),
        rule(RuleKind.ROW_SQL, query="missing > 3"),
        rule(RuleKind.MULTIPLE_OF, "n", multiple_of=0),
        rule(RuleKind.CHARSET, "n", charset="identifier"),
        rule(RuleKind.EVENT_TIME, "id", max_ahead_seconds=3),
        rule(RuleKind.EXTRA_FIELDS),
    ],
    ids=str,
)
def test_a_rule_that_does_not_fit_its_column_is_unknown(misfit: Rule) -> None:
    result, other = audited([misfit, RANGE], batch(["secret-value"], [7]), expected_rows=1)
    assert result.verdict is Verdict.UNKNOWN
    assert "secret-value" not in result.detail
    assert other.verdict is Verdict.PASSED


def test_a_batch_of_another_type_or_shape_makes_every_rule_unknown() -> None:
    other = pa.record_batch({"id": ["a"], "n": [7.0], "_record_no": pa.array([1], pa.int64())})
    wider = batch(["a"], [7]).append_column("more", pa.array([1]))
    fewer = batch(["a"], [7]).drop_columns(["n"])
    for wrong in (other, wider, fewer):
        results = audited([NOT_NULL, RANGE], batch(["a"], [7]), wrong, expected_rows=2)
        assert {each.verdict for each in results} == {Verdict.UNKNOWN}


def test_data_checks_run_whatever_the_environment_tells_pandera() -> None:
    for settings in ({"validation_enabled": False}, {"validation_depth": ValidationDepth.SCHEMA_ONLY}):
        with config_context(**settings):
            (result,) = audited([RANGE], batch(["a", "b"], [2, 180]), expected_rows=2)
        assert (result.verdict, result.failing_rows) == (Verdict.FAILED, 2)


def test_every_row_of_a_batch_stays_on_record() -> None:
    audit = BatchAudit([RANGE], SCHEMA)
    audit.add(batch(["a", "b"], [2, 180]))
    audit.add(batch(["c"], [7]))
    (result,) = audit.results(Evidence(expected_rows=3))
    assert (result.rows_examined, result.failing_rows) == (3, 2)
    assert audit._schema.drop_invalid_rows is False
    assert audit._schema.coerce is False
    assert not any(each.coerce for each in audit._schema.columns.values())


def test_a_tolerance_forgives_by_count_or_by_share() -> None:
    for tolerance, verdict in (
        (Tolerance(rows=1), Verdict.FAILED),
        (Tolerance(rows=2), Verdict.PASSED),
        (Tolerance(ratio=Decimal("0.5")), Verdict.PASSED),
        (Tolerance(ratio=Decimal("0.49")), Verdict.FAILED),
    ):
        (result,) = audited([replace(RANGE, tolerance=tolerance)], batch(["a"] * 4, [1, 2, 7, 8]), expected_rows=4)
        assert (result.verdict, result.failing_rows) == (verdict, 2)


def test_samples_hold_the_rules_columns_and_the_place_and_hide_everything_by_default() -> None:
    (result,) = audited([PATTERN], batch(["ann", "SECRET-7"], [7, 7]), expected_rows=2)
    assert result.sample == ({"id": HIDDEN, "_record_no": 2},)
    assert "SECRET" not in repr(result)


def test_samples_of_sensitive_columns_never_hold_the_value() -> None:
    def sample(classification: str) -> Mapping[str, object]:
        redact = redactor(contract(column("id", STRING, classification=classification)))
        (result,) = audited([PATTERN], batch(["SECRET-7"], [7]), expected_rows=1, redact=redact)
        return result.sample[0]

    assert sample("public") == {"id": "SECRET-7", "_record_no": 1}
    for classification in ("confidential", "restricted", "pii", ""):
        assert "SEC" not in repr(sample(classification))


def test_an_audited_quarantine_rule_that_fails_is_a_disagreement() -> None:
    (result,) = audited([RANGE], batch(["a"], [1]), expected_rows=1)
    assert (result.is_blocking, result.is_disagreement) == (False, True)
    (fine,) = audited([RANGE], batch(["a"], [7]), expected_rows=1)
    assert fine.is_disagreement is False


def test_results_carry_their_versions() -> None:
    (result,) = audited([RANGE], batch(["a"], [7]), expected_rows=1, data_version="orders@3", contract_version="1.2.0")
    assert (result.data_version, result.contract_version, result.engine) == ("orders@3", "1.2.0", "pandera")


def test_nested_columns_pass_through_and_can_be_required() -> None:
    kind = pa.struct([("city", pa.string())])
    rows = pa.record_batch({"place": pa.array([{"city": "Bern"}, None], kind), "tags": pa.array([["a"], []])})
    audit = BatchAudit([rule(RuleKind.NOT_NULL, "place"), rule(RuleKind.NOT_NULL, "tags"),
                        rule(RuleKind.ROW_SQL, query="place.city = 'Bern'")], rows.schema)  # fmt: skip
    audit.add(rows)
    assert [each.failing_rows for each in audit.results(Evidence(expected_rows=2))] == [1, 0, 0]
