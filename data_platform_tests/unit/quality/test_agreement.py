"""The two compilations of every row rule agree, on generated rows full of violations."""

from __future__ import annotations

import math
import random
import unicodedata
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_platform.contracts.model import Severity
from data_platform.contracts.rules import Rule, RuleKind
from data_platform.contracts.types import quote_identifier
from data_platform.quality.audit import BatchAudit
from data_platform.quality.fates import bind, failing_rules_sql
from data_platform.quality.verdicts import Evidence, Verdict
from data_platform_tests.unit.quality.engines import in_pandera, in_sql
from data_platform_tests.unit.quality.rule_makers import rule

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SCHEMA = pa.schema(
    [
        ("code", pa.string()),
        ("email", pa.string()),
        ("state", pa.string()),
        ("n", pa.int64()),
        ("amount", pa.decimal128(18, 2)),
        ("price", pa.decimal128(18, 2)),
        ("ratio", pa.float64()),
        ("flag", pa.bool_()),
        ("day", pa.date32()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("_ingested_at", pa.timestamp("us", tz="UTC")),
        ("_extra", pa.string()),
    ]
)
RULES: tuple[Rule, ...] = (
    rule(RuleKind.NOT_NULL, "code"),
    rule(RuleKind.PATTERN, "code", pattern=r"[A-Z]{2,3}-\d+|\w*"),
    rule(RuleKind.LENGTH, "code", minimum=2, maximum=6),
    rule(RuleKind.CHARSET, "code", charset="identifier"),
    rule(RuleKind.CHARSET, "email", charset="email"),
    rule(RuleKind.ENUM, "state", enum=("new", "paid", "it's")),
    rule(RuleKind.BOUNDS, "n", minimum=0, exclusive_maximum=Decimal("10.5")),
    rule(RuleKind.MULTIPLE_OF, "n", multiple_of=2),
    rule(RuleKind.BOUNDS, "amount", exclusive_minimum=0, maximum=Decimal("99.995")),
    rule(RuleKind.MULTIPLE_OF, "amount", multiple_of=Decimal("0.05")),
    rule(RuleKind.BOUNDS, "ratio", minimum=-1),
    rule(RuleKind.MULTIPLE_OF, "ratio", multiple_of=0.25),
    rule(RuleKind.ENUM, "flag", enum=(True,)),
    rule(RuleKind.BOUNDS, "day", minimum=date(2020, 1, 1), exclusive_maximum=date(2026, 1, 1)),
    rule(RuleKind.EVENT_TIME, "at", minimum=datetime(2020, 1, 1, tzinfo=UTC), max_ahead_seconds=600),
    rule(RuleKind.EXTRA_FIELDS),
    rule(RuleKind.ROW_SQL, name="sql_paid", query="state <> 'paid' OR amount > 0"),
    rule(RuleKind.ROW_SQL, name="sql_price", query="NOT (price > amount) AND (n BETWEEN 0 AND 5 OR flag IS NULL)"),
    rule(RuleKind.ROW_SQL, name="sql_days", query="day >= DATE '2021-01-01' OR state IN ('new', 'paid')"),
    rule(RuleKind.ROW_SQL, name="sql_sum", query="ratio * 2 + 1 > ratio AND length(code) <= 4 AND ratio - 0.5 <= 1"),
    rule(RuleKind.ROW_SQL, name="sql_overflow", query="n * 4 > n"),
    rule(RuleKind.ROW_SQL, name="sql_duck", query="abs(ratio) < 2 OR lower(state) = 'new'"),
    rule(RuleKind.ROW_SQL, name="sql_case", query="CASE WHEN flag THEN n > 3 ELSE amount IS NOT NULL END"),
)  # fmt: skip
NAMES = [each.name for each in RULES]

_CHOICES: dict[str, list[object]] = {
    "code": ["AB-1", "ABC-99", "ab", "ABCD-1", "A", "", "AB-\u0661", "é", "a\u200bb", "aж", " a", "a ", "AB-12345", "a\nb", "\u202eab"],
    "email": ["a@b", "a@b@c", "@", "é@b", "a b@c", " a@b", "plain", "a@b\u200b", ""],
    "state": ["new", "paid", "it's", "its", "NEW", ""],
    "n": [-1, 0, 1, 2, 5, 6, 10, 11, 2**62, -(2**62)],
    "amount": [Decimal(t) for t in ("-0.01", "0.00", "0.05", "0.06", "99.99", "100.00", "9999999999999999.99")],
    "price": [Decimal(t) for t in ("-0.01", "0.00", "0.05", "0.06", "99.99", "100.00")],
    "ratio": [-1.5, -1.0, -0.0, 0.25, 0.3, 1.5, 2.0, math.nan, math.inf, -math.inf, 1e300],
    "flag": [True, False],
    "day": [date(2019, 12, 31), date(2020, 1, 1), date(2025, 12, 31), date(2026, 1, 1), date(1, 1, 1)],
    "at": [NOW, NOW + timedelta(seconds=600), NOW + timedelta(seconds=600, microseconds=1), datetime(1970, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)],
    "_ingested_at": [NOW],
    "_extra": [None, None, '{"a": 1}'],
}  # fmt: skip


def _random_table(rows: int, seed: int) -> pa.Table:
    chance = random.Random(seed)

    def pick(name: str) -> object:
        is_null = name != "_ingested_at" and chance.random() < 0.1
        return None if is_null else chance.choice(_CHOICES[name])

    return pa.Table.from_pylist([{name: pick(name) for name in SCHEMA.names} for _ in range(rows)], SCHEMA)


TABLE = _random_table(10_000, seed=20260301)


@pytest.mark.parametrize("each", RULES, ids=NAMES)
def test_both_compilations_agree_on_ten_thousand_mixed_rows(each: Rule) -> None:
    sql, pandera = in_sql(each, TABLE), in_pandera(each, TABLE)
    assert None not in sql
    assert sql == pandera
    assert 0 < sql.count(False) < len(sql)


def test_the_audit_counts_what_the_fates_list_and_reports_every_rule_of_a_row() -> None:
    audit = BatchAudit(RULES, SCHEMA)
    for batch in TABLE.to_batches(max_chunksize=1_024):
        audit.add(batch)
    results = audit.results(Evidence(expected_rows=TABLE.num_rows))
    with duckdb.connect(config={"threads": 1}) as con:
        con.execute("SET TimeZone = 'UTC'")
        con.register("rows_", TABLE)
        fates = con.execute(f"SELECT {failing_rules_sql(bind(RULES, quote_identifier))} FROM rows_").fetchall()
    listed = {name: sum(name in row[0] for row in fates) for name in NAMES}
    assert {each.rule: each.failing_rows for each in results} == listed
    assert all(each.verdict is Verdict.FAILED and each.rows_examined == 10_000 for each in results)
    assert max(len(row[0]) for row in fates) > 3
    in_duckdb = {each.rule for each in results if each.engine == "duckdb"}
    assert in_duckdb == {"sql_overflow", "sql_duck", "sql_case"}


def test_rows_that_pass_the_fates_pass_the_audit() -> None:
    with duckdb.connect(config={"threads": 1}) as con:
        con.execute("SET TimeZone = 'UTC'")
        con.register("rows_", TABLE)
        few = [each for each in RULES if each.columns != ("code",)]
        passing = con.sql(f"SELECT * FROM rows_ WHERE len({failing_rules_sql(bind(few, quote_identifier))}) = 0")
        table = passing.to_arrow_table()
    assert table.num_rows > 0
    audit = BatchAudit(few, table.schema)
    for batch in table.to_batches():
        audit.add(batch)
    assert {each.verdict for each in audit.results(Evidence(expected_rows=table.num_rows))} == {Verdict.PASSED}


# The engines carry Unicode tables of different years, so only characters as old as both are compared for equality.
_OLD = st.characters(exclude_categories=("Cs",)).filter(lambda each: unicodedata.ucd_3_2_0.category(each) != "Cn")
_TEXT = st.one_of(st.none(), st.text(_OLD, max_size=6), st.text(st.sampled_from("aZ0_-.@ éжλ\u200b\n\x00"), max_size=6))
_PATTERNS = st.sampled_from(
    [
        r"\w+",
        r"[^\s@]+@[^\s@]+",
        r"\D*",
        r"a|b|",
        r"[\w.-]{2,4}",
        r"(?i)a.*z",
        r"\S+\s?\S*",
        r"[^a]",
        r"\p{L}+",
        r".{0,3}",
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_TEXT, min_size=1, max_size=20), _PATTERNS, st.integers(0, 4))
def test_text_rules_agree_on_any_text(values: list[str | None], pattern: str, length: int) -> None:
    table = pa.table({"x": pa.array(values, pa.string())})
    for each in (
        rule(RuleKind.PATTERN, "x", pattern=pattern),
        rule(RuleKind.LENGTH, "x", minimum=length, maximum=length + 1),
        rule(RuleKind.CHARSET, "x", charset="identifier"),
        rule(RuleKind.CHARSET, "x", charset="email"),
        rule(RuleKind.BOUNDS, "x", minimum="a", exclusive_maximum="é"),
        rule(RuleKind.ENUM, "x", enum=("a", "", "é")),
    ):
        assert in_sql(each, table) == in_pandera(each, table), each


_BOUND = st.one_of(
    st.integers(-(2**65), 2**65),
    st.decimals(min_value=-1000, max_value=1000, places=3, allow_nan=False),
    st.floats(-1e6, 1e6, allow_nan=False),
)
_FIELDS = st.dictionaries(
    st.sampled_from(["minimum", "maximum", "exclusive_minimum", "exclusive_maximum"]), _BOUND, min_size=1
)


@settings(max_examples=60, deadline=None)
@given(_FIELDS, st.data())
def test_bounds_agree_on_any_number(fields: dict[str, object], data: st.DataObject) -> None:
    each = rule(RuleKind.BOUNDS, "x", **fields)
    money = st.decimals(min_value=-10_000, max_value=10_000, places=2, allow_nan=False)
    for values, kind in (
        (st.integers(-(2**63), 2**63 - 1), pa.int64()),
        (st.integers(-(2**31), 2**31 - 1), pa.int32()),
        (st.floats(), pa.float64()),
        (money, pa.decimal128(18, 2)),
    ):
        rows = data.draw(st.lists(st.none() | values, min_size=1, max_size=10))
        table = pa.table({"x": pa.array(rows, kind)})
        assert in_sql(each, table) == in_pandera(each, table), (each, kind)


def test_of_characters_that_only_one_engine_knows_the_sql_fates_refuse_more() -> None:
    table = pa.table({"x": ["\U0001cc00", "\U0001e6c0", "\U0002ebf0", "\u0378"]})
    identifier = rule(RuleKind.CHARSET, "x", charset="identifier")
    sql, pandera = in_sql(identifier, table), in_pandera(identifier, table)
    assert all(audited for fated, audited in zip(sql, pandera, strict=True) if fated)
    assert (sql[-1], pandera[-1]) == (False, False)


def test_every_row_kind_is_among_the_rules_compared() -> None:
    assert {each.kind for each in RULES} == {kind for kind in RuleKind if kind.is_row_kind}
    assert {each.severity for each in RULES} == {Severity.QUARANTINE}
