"""Whole-table rules, against pandas as the oracle."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import duckdb
import pandas as pd
import pytest

from data_platform.contracts.model import DatasetName, Layer, Reference, Severity, Tolerance
from data_platform.contracts.rules import Rule, RuleKind
from data_platform.errors import ConfigurationError
from data_platform.governance.redaction import MASK, redactor
from data_platform.quality.table_rules import Relations, evaluate
from data_platform.quality.verdicts import Evidence, RuleResult, Verdict
from data_platform_tests.unit.quality.rule_makers import STRING, column, contract, rule

CUSTOMERS = DatasetName(Layer.CURATED, "shop", "customers")
UNIQUE = rule(RuleKind.UNIQUE, columns=("a", "b"))
REFERENCE = rule(RuleKind.REFERENCE, columns=("a", "b"), reference=Reference(("a", "b"), CUSTOMERS, ("x", "y")))
KEYS = pd.DataFrame({"a": pd.Series(dtype="Int64"), "b": pd.Series(dtype="string")})


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 2}) as connection:
        yield connection


def _keys(chance: random.Random, rows: int) -> pd.DataFrame:
    a = [chance.choice([None, *range(12)]) for _ in range(rows)]
    b = [chance.choice([None, "p", "q", "r"]) for _ in range(rows)]
    return pd.DataFrame({"a": pd.array(a, "Int64"), "b": pd.array(b, "string")})


def _put(con: duckdb.DuckDBPyConnection, name: str, frame: pd.DataFrame) -> str:
    names = ", ".join(f"{each} {'BIGINT' if each in 'ax' else 'VARCHAR'}" for each in frame.columns)
    con.execute(f"CREATE OR REPLACE TABLE {name} ({names})")
    if len(frame):
        marks = ", ".join("?" for _ in frame.columns)
        rows = frame.astype(object).where(frame.notna(), None).values.tolist()
        con.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
    return name


@pytest.mark.parametrize("seed", range(8))
def test_unique_and_reference_count_what_pandas_counts(con: duckdb.DuckDBPyConnection, seed: int) -> None:
    chance = random.Random(seed)
    staged, kept, target = (_keys(chance, chance.randrange(1, 40)) for _ in range(3))
    relations = Relations(
        staged=_put(con, "s", staged),
        kept=_put(con, "k", kept),
        targets={CUSTOMERS: _put(con, "t", target.rename(columns={"a": "x", "b": "y"}))},
    )
    whole = staged.dropna()
    is_repeated = whole.duplicated(keep=False) | whole.apply(tuple, axis=1).isin(
        set(kept.dropna().apply(tuple, axis=1))
    )
    is_orphan = ~whole.apply(tuple, axis=1).isin(set(target.dropna().apply(tuple, axis=1)))

    unique = evaluate(con, UNIQUE, relations, Evidence(expected_rows=len(staged)))
    reference = evaluate(con, REFERENCE, relations, Evidence(expected_rows=len(staged)))

    assert (unique.rows_examined, unique.failing_rows) == (len(staged), int(is_repeated.sum()))
    assert (reference.rows_examined, reference.failing_rows) == (len(staged), int(is_orphan.sum()))
    assert unique.verdict is (Verdict.FAILED if is_repeated.any() else Verdict.PASSED)
    assert len(unique.sample) <= 5


def _one(con: duckdb.DuckDBPyConnection, each: Rule, relations: Relations, **evidence: object) -> RuleResult:
    return evaluate(con, each, relations, Evidence(**evidence))  # type: ignore[arg-type]


def test_kept_rows_may_repeat_each_other_but_staged_rows_may_not(con: duckdb.DuckDBPyConnection) -> None:
    kept = _put(con, "k", pd.DataFrame({"a": [1, 1], "b": ["p", "p"]}))
    staged = _put(con, "s", pd.DataFrame({"a": [2], "b": ["p"]}))
    assert _one(con, UNIQUE, Relations(staged=staged, kept=kept)).passed
    assert _one(con, UNIQUE, Relations(staged=kept)).failing_rows == 2


def test_no_rows_and_none_expected_does_not_apply(con: duckdb.DuckDBPyConnection) -> None:
    empty = _put(con, "s", KEYS)
    for each in (UNIQUE, REFERENCE):
        relations = Relations(staged=empty, targets={CUSTOMERS: "(SELECT 1::BIGINT AS x, 'p' AS y)"})
        assert _one(con, each, relations, expected_rows=0).verdict is Verdict.NOT_APPLICABLE
        assert _one(con, each, relations, expected_rows=3).verdict is Verdict.UNKNOWN


def test_a_target_that_was_not_given_is_unknown(con: duckdb.DuckDBPyConnection) -> None:
    staged = _put(con, "s", pd.DataFrame({"a": [1], "b": ["p"]}))
    result = _one(con, replace(REFERENCE, severity=Severity.BLOCK), Relations(staged=staged))
    assert (result.verdict, result.is_blocking) == (Verdict.UNKNOWN, True)
    assert "curated.shop.customers" in result.detail


def test_samples_show_the_failing_keys_redacted(con: duckdb.DuckDBPyConnection) -> None:
    staged = _put(con, "s", pd.DataFrame({"a": [7, 7], "b": ["secret", "secret"]}))
    redact = redactor(contract(column("a", STRING), column("b", STRING, classification="confidential")))
    result = _one(con, UNIQUE, Relations(staged=staged), redact=redact)
    assert result.sample == ({"a": 7, "b": MASK},)
    assert "secret" not in repr(result)


@pytest.mark.parametrize(
    ("operator", "bounds", "fine"),
    [
        ("mustBe", ["3"], {3}),
        ("mustNotBe", ["3"], {0, 2, 4}),
        ("mustBeGreaterThan", ["2"], {3, 4}),
        ("mustBeGreaterOrEqualTo", ["2"], {2, 3, 4}),
        ("mustBeLessThan", ["2"], {0}),
        ("mustBeLessOrEqualTo", ["2"], {0, 2}),
        ("mustBeBetween", ["2", "3"], {2, 3}),
        ("mustNotBeBetween", ["2", "3"], {0, 4}),
    ],
)
def test_row_counts_and_measures_keep_to_every_operator(
    con: duckdb.DuckDBPyConnection, operator: str, bounds: list[str], fine: set[int]
) -> None:
    must = tuple((operator, Decimal(bound)) for bound in bounds)
    for rows in (0, 2, 3, 4):
        relations = Relations(
            staged=f"(SELECT 1 AS a FROM range({rows // 2}))", kept=f"(SELECT 1 AS a FROM range({rows - rows // 2}))"
        )
        counted = _one(con, rule(RuleKind.ROW_COUNT, must=must), relations)
        measured = _one(con, rule(RuleKind.MEASURE, must=must, query=f"SELECT {rows}.0::DOUBLE"), relations)
        expected = Verdict.PASSED if rows in fine else Verdict.FAILED
        assert (counted.verdict, measured.verdict, counted.rows_examined) == (expected, expected, rows)


@pytest.mark.parametrize(
    ("query", "verdict"),
    [
        ("SELECT 0.1 + 0.2", Verdict.PASSED),
        ("SELECT NULL", Verdict.UNKNOWN),
        ("SELECT 1 WHERE false", Verdict.UNKNOWN),
        ("SELECT * FROM range(2)", Verdict.UNKNOWN),
        ("SELECT 1, 2", Verdict.UNKNOWN),
        ("SELECT 'secret'", Verdict.UNKNOWN),
        ("SELECT true", Verdict.UNKNOWN),
        ("SELECT 'nan'::DOUBLE", Verdict.UNKNOWN),
        ("SELECT 'secret'::INTEGER", Verdict.UNKNOWN),
        ("SELECT error('secret')", Verdict.UNKNOWN),
        ("SELECT nothing FROM nowhere", Verdict.UNKNOWN),
        ("SELEC", Verdict.UNKNOWN),
        ("", Verdict.UNKNOWN),
    ],
)
def test_a_measure_that_gives_no_number_is_unknown(
    con: duckdb.DuckDBPyConnection, query: str, verdict: Verdict
) -> None:
    must = (("mustBe", Decimal("0.3")),)
    result = _one(con, rule(RuleKind.MEASURE, must=must, query=query), Relations(staged="(SELECT 1 AS a)"))
    assert result.verdict is verdict
    assert "secret" not in repr(result)


def test_a_measure_over_nothing_that_gives_nothing_does_not_apply(con: duckdb.DuckDBPyConnection) -> None:
    empty = Relations(staged="(SELECT 1 AS a LIMIT 0)")
    measure = rule(RuleKind.MEASURE, must=(("mustBe", Decimal(1)),), query="SELECT max(a) FROM (SELECT 1 AS a LIMIT 0)")
    assert _one(con, measure, empty).verdict is Verdict.NOT_APPLICABLE


def test_bounds_that_nobody_can_read_are_unknown(con: duckdb.DuckDBPyConnection) -> None:
    for must in ((), (("mustBeBetween", Decimal(1)),), (("mustResemble", Decimal(1)),)):
        assert _one(con, rule(RuleKind.ROW_COUNT, must=must), Relations(staged="(SELECT 1)")).verdict is Verdict.UNKNOWN


def test_a_tolerance_forgives_repeated_keys(con: duckdb.DuckDBPyConnection) -> None:
    staged = _put(con, "s", pd.DataFrame({"a": [1, 1, 2, 3], "b": ["p"] * 4}))
    forgiving = replace(UNIQUE, tolerance=Tolerance(ratio=Decimal("0.5")))
    assert _one(con, forgiving, Relations(staged=staged)).passed


def test_a_row_rule_is_refused(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ConfigurationError, match="one row decides"):
        _one(con, rule(RuleKind.NOT_NULL, "a"), Relations(staged="(SELECT 1 AS a)"))
