"""Each row rule, in both compilations, against outcomes written by hand."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from data_platform.contracts.rules import RuleKind
from data_platform.contracts.types import quote_identifier
from data_platform.errors import ConfigurationError
from data_platform.quality.predicates import literal, predicate
from data_platform_tests.unit.quality.engines import both, in_pandera, in_sql
from data_platform_tests.unit.quality.rule_makers import rule

UTC_US = pa.timestamp("us", tz="UTC")


def test_only_not_null_refuses_null() -> None:
    assert both(rule(RuleKind.NOT_NULL, "x"), [None, "", "a"], pa.string()) == [False, True, True]
    rules = [
        (rule(RuleKind.BOUNDS, "x", minimum=1), pa.int64()),
        (rule(RuleKind.BOUNDS, "x", minimum=1, exclusive_maximum=2), pa.float64()),
        (rule(RuleKind.LENGTH, "x", minimum=1), pa.string()),
        (rule(RuleKind.PATTERN, "x", pattern="a+"), pa.string()),
        (rule(RuleKind.ENUM, "x", enum=("a",)), pa.string()),
        (rule(RuleKind.ENUM, "x", enum=(1,)), pa.int32()),
        (rule(RuleKind.MULTIPLE_OF, "x", multiple_of=2), pa.int64()),
        (rule(RuleKind.MULTIPLE_OF, "x", multiple_of=2), pa.float64()),
        (rule(RuleKind.CHARSET, "x", charset="identifier"), pa.string()),
        (rule(RuleKind.CHARSET, "x", charset="email"), pa.string()),
        (rule(RuleKind.ROW_SQL, query="x > 1"), pa.int64()),
        (rule(RuleKind.ROW_SQL, query="abs(x) > 1"), pa.int64()),
    ]
    for each, kind in rules:
        assert both(each, [None], kind) == [True], each


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"minimum": 0}, [False, True, True, True, False, False, False]),
        ({"maximum": 0}, [True, True, False, False, False, False, False]),
        ({"exclusive_minimum": 0}, [False, False, True, True, False, False, False]),
        ({"exclusive_maximum": Decimal("0.5")}, [True, True, False, False, False, False, False]),
        ({"minimum": 0, "maximum": 1}, [False, True, True, False, False, False, False]),
        ({"minimum": -1e308, "exclusive_maximum": 1e308}, [True, True, True, True, False, False, False]),
    ],
)
def test_nan_and_the_infinities_break_any_bound(fields: dict[str, object], outcome: list[bool]) -> None:
    values = [-1.0, 0.0, 0.5, 2.0, math.nan, math.inf, -math.inf]
    assert both(rule(RuleKind.BOUNDS, "x", **fields), values, pa.float64()) == outcome


def test_without_a_bound_nan_is_a_value() -> None:
    assert both(rule(RuleKind.NOT_NULL, "x"), [math.nan, None], pa.float64()) == [True, False]


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"minimum": Decimal("1.5")}, [False, True, True]),
        ({"exclusive_minimum": Decimal("1.5")}, [False, True, True]),
        ({"maximum": Decimal("1.5")}, [True, False, False]),
        ({"exclusive_maximum": Decimal("2.5")}, [True, True, False]),
        ({"exclusive_minimum": 2}, [False, False, True]),
        ({"minimum": -(10**25)}, [True, True, True]),
        ({"minimum": 10**25}, [False, False, False]),
        ({"maximum": 10**25}, [True, True, True]),
    ],
)
def test_a_bound_between_or_beyond_integers_keeps_its_meaning(fields: dict[str, object], outcome: list[bool]) -> None:
    assert both(rule(RuleKind.BOUNDS, "x", **fields), [1, 2, 3], pa.int64()) == outcome


def test_large_integers_are_compared_exactly() -> None:
    values = [9_007_199_254_740_992, 9_007_199_254_740_993, 9_223_372_036_854_775_807]
    bound = rule(RuleKind.BOUNDS, "x", exclusive_minimum=9_007_199_254_740_992)
    assert both(bound, values, pa.int64()) == [False, True, True]


def test_decimals_are_compared_exactly() -> None:
    kind = pa.decimal128(18, 2)
    values = [Decimal("0.00"), Decimal("0.01"), Decimal("0.02"), None]
    assert both(rule(RuleKind.BOUNDS, "x", minimum=Decimal("0.015")), values, kind) == [False, False, True, True]
    assert both(rule(RuleKind.BOUNDS, "x", maximum=0.01), values, kind) == [True, True, False, True]
    for beyond in (10**16, 10**30):  # the least number that the column cannot hold, and a far larger one
        assert both(rule(RuleKind.BOUNDS, "x", minimum=beyond), values, kind) == [False, False, False, True]
        assert both(rule(RuleKind.BOUNDS, "x", maximum=beyond), values, kind) == [True, True, True, True]
        assert both(rule(RuleKind.BOUNDS, "x", maximum=-beyond), values, kind) == [False, False, False, True]


def test_dates_and_moments_are_bounded_in_utc() -> None:
    days = [date(2019, 12, 31), date(2020, 1, 1)]
    assert both(rule(RuleKind.BOUNDS, "x", minimum=date(2020, 1, 1)), days, pa.date32()) == [False, True]
    moments = [datetime(2019, 12, 31, 23, 59, 59, 999_999, UTC), datetime(2020, 1, 1, tzinfo=UTC)]
    for bound in (date(2020, 1, 1), datetime(2020, 1, 1, tzinfo=UTC)):
        assert both(rule(RuleKind.BOUNDS, "x", minimum=bound), moments, UTC_US) == [False, True]


def test_length_counts_code_points() -> None:
    values = ["", "a", "e\u0301", "👨\u200d👩\u200d👧", "a\x00b"]
    fits = rule(RuleKind.LENGTH, "x", minimum=1, maximum=3)
    assert both(fits, values, pa.string()) == [False, True, True, False, True]


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("a|ab", ["a", "ab"], ["abc", "", "A"]),
        (r"\d{2}", ["12"], ["1", "123", "\u0663\u0664", "12\n"]),
        (r"[\d-]+", ["1-2"], ["1_2", "\u0663"]),
        (r"\w+", ["aZ_9"], ["é", "a b"]),
        (r"[^\W\d]+", ["ab_"], ["a1", "é"]),
        (r"a.b", ["axb", "aéb"], ["a\nb", "ab"]),
        (r"^a$", ["a"], ["a\n", "ba"]),
        (r"(?i)stra(ß|ss)e", ["STRASSE", "straße"], ["strase"]),
        (r"\p{Lu}\p{L}*", ["Élan"], ["élan"]),
        (r"[[:alpha:]]+", ["ab"], ["é", "1"]),
        (r"[a&&b]+", ["a&b"], ["c"]),
        (r"[[a]+", ["[a["], ["b"]),
        (r"[]a]+", ["]a"], ["b"]),
        (r"[][a]+", ["][a"], ["b"]),
        (r"[^][a]+", ["b"], ["]", "[", "a"]),
        (r"a\sb", ["a b", "a\tb"], ["a\u00a0b"]),
        (r"\Qa.b\E+", ["a.b", "a.bb"], ["axb"]),
        (r"'\\" "", ["'\\"], ["'"]),
        (r"é\b.*", ["éa"], ["é", "éé"]),
    ],
)
def test_patterns_match_the_whole_value_alike_in_both_engines(
    pattern: str, matching: list[str], other: list[str]
) -> None:
    outcome = both(rule(RuleKind.PATTERN, "x", pattern=pattern), matching + other, pa.string())
    assert outcome == [True] * len(matching) + [False] * len(other)


def test_an_enum_holds_quotes_and_numbers_of_any_type() -> None:
    assert both(rule(RuleKind.ENUM, "x", enum=("it's", "b")), ["it's", "its", "b", ""], pa.string()) == [
        True,
        False,
        True,
        False,
    ]
    assert both(rule(RuleKind.ENUM, "x", enum=(1, Decimal("2.5"))), [1, 2, 3], pa.int32()) == [True, False, False]
    assert both(
        rule(RuleKind.ENUM, "x", enum=(Decimal("0.10"),)), [Decimal("0.10"), Decimal("0.11")], pa.decimal128(9, 2)
    ) == [True, False]
    assert both(rule(RuleKind.ENUM, "x", enum=(0.1, 2)), [0.1, 2.0, math.nan], pa.float64()) == [True, True, False]
    assert both(rule(RuleKind.ENUM, "x", enum=(True,)), [True, False], pa.bool_()) == [True, False]
    assert both(
        rule(RuleKind.ENUM, "x", enum=(date(2020, 1, 1),)), [date(2020, 1, 1), date(2020, 1, 2)], pa.date32()
    ) == [True, False]


def test_multiples_are_exact_for_exact_numbers_and_near_for_doubles() -> None:
    assert both(rule(RuleKind.MULTIPLE_OF, "x", multiple_of=5), [0, -10, 7], pa.int64()) == [True, True, False]
    values = [Decimal("1.20"), Decimal("1.21"), Decimal("-0.05")]
    assert both(rule(RuleKind.MULTIPLE_OF, "x", multiple_of=Decimal("0.05")), values, pa.decimal128(10, 2)) == [
        True,
        False,
        True,
    ]
    doubles = [0.3, 0.35, math.nan, math.inf, 1e15]
    assert both(rule(RuleKind.MULTIPLE_OF, "x", multiple_of=0.1), doubles, pa.float64()) == [
        True,
        False,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("value", "is_identifier", "is_email"),
    [
        ("ann@shop.example", True, True),
        ("АБВ-1", True, False),
        ("straße 7", True, False),
        ("日本語", True, False),
        ("", True, False),
        ("a b", True, False),
        ("pаypal@shop.example", False, False),  # the first a is Cyrillic (csv-36)
        ("Ωmega", False, False),
        ("a\u200bb@shop.example", False, False),
        ("\u202eexe.txt", False, False),
        ("a\x00b", False, False),
        ("a\nb", False, False),
        ("a\u2028b", False, False),
        ("\ue000", False, False),
        ("\u0378", False, False),  # unassigned
        ("a\u3164b", False, False),
        ("a\ufe0f", False, False),
        (" a@b", False, False),
        ("a@b ", False, False),
        ("a@b\u00a0", False, False),
        ("a@b@c", True, False),
        ("@b", True, False),
        ("a@", True, False),
        ("@", True, False),
        ("a@b", True, True),
    ],
)
def test_charset_policies_refuse_what_is_unseen_or_mixed(value: str, is_identifier: bool, is_email: bool) -> None:
    assert both(rule(RuleKind.CHARSET, "x", charset="identifier"), [value], pa.string()) == [is_identifier]
    assert both(rule(RuleKind.CHARSET, "x", charset="email"), [value], pa.string()) == [is_email]


def test_characters_that_nobody_sees_are_refused_and_their_neighbours_are_not() -> None:
    identifier = rule(RuleKind.CHARSET, "x", charset="identifier")
    unseen = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180d\u180f\u2800\u3164\ufe00\ufe0f\uffa0\U000e0100\U000e01ef"
    seen = "\u034e\u0350\u115e\u1161\u17b3\u17b6\u180a\u27ff\u2801\u3163\u3165\ufe10\uff9f\uffa1"
    assert both(identifier, [f"a{each}b" for each in unseen], pa.string()) == [False] * len(unseen)
    assert both(identifier, [f"a{each}b" for each in seen], pa.string()) == [True] * len(seen)


def test_event_times_stay_between_not_before_and_a_while_after_receipt() -> None:
    received = datetime(2026, 3, 1, 12, tzinfo=UTC)
    table = pa.table(
        {
            "at": pa.array(
                [
                    datetime(1970, 1, 1, tzinfo=UTC),
                    datetime(2020, 1, 1, tzinfo=UTC),
                    datetime(2026, 3, 1, 13, tzinfo=UTC),
                    datetime(2026, 3, 1, 13, 0, 0, 1, UTC),
                    datetime(2036, 3, 1, tzinfo=UTC),
                    None,
                    received,
                ],
                UTC_US,
            ),
            "_ingested_at": pa.array([received] * 6 + [None], UTC_US),
        }
    )
    fits = rule(RuleKind.EVENT_TIME, "at", minimum=datetime(2020, 1, 1, tzinfo=UTC), max_ahead_seconds=3600)
    expected = [False, True, True, False, False, True, False]
    assert in_sql(fits, table) == in_pandera(fits, table) == expected
    as_date = table.set_column(0, "at", table["at"].cast(pa.timestamp("us")).cast(pa.date32(), safe=False))
    assert in_sql(fits, as_date) == in_pandera(fits, as_date) == [False, True, True, True, False, True, False]


def test_extra_fields_must_not_be_there() -> None:
    table = pa.table({"_extra": pa.array([None, "{}"], pa.string())})
    extra = rule(RuleKind.EXTRA_FIELDS)
    assert in_sql(extra, table) == in_pandera(extra, table) == [True, False]


def test_names_and_values_cannot_leave_their_place_in_the_sql() -> None:
    table = pa.table({'a"; DROP': pa.array(["x'); --", "y"])})
    hostile = rule(RuleKind.ENUM, 'a"; DROP', enum=("x'); --",))
    assert in_sql(hostile, table) == in_pandera(hostile, table) == [True, False]
    assert literal("a'b\\") == "'a''b\\'"


def test_a_table_rule_has_no_predicate() -> None:
    with pytest.raises(ConfigurationError, match="one row alone does not decide"):
        predicate(rule(RuleKind.UNIQUE, "x"), lambda name: name)


def test_values_without_a_literal_are_refused() -> None:
    with pytest.raises(ConfigurationError):
        literal(math.nan)


def test_a_row_on_which_an_expression_cannot_be_computed_breaks_the_rule() -> None:
    whole = rule(RuleKind.ROW_SQL, query="CAST(x AS INTEGER) > 3")
    assert both(whole, ["4", "3", "secret", None, ""], pa.string()) == [True, False, False, True, False]
    assert both(rule(RuleKind.ROW_SQL, query="x * 4 > x"), [1, 2**62, None], pa.int64()) == [True, False, True]
    assert both(rule(RuleKind.ROW_SQL, query="1 / x > 0"), [1, 0], pa.int64()) == [True, True]


@pytest.mark.parametrize(
    "query",
    ["x >", "sum(x) > 1", "x > (SELECT 1)", "row_number() OVER () = 1", "SELECT x", "x = 1; DROP TABLE rows_", ""],
)
def test_an_expression_that_reads_more_than_its_row_is_refused(query: str) -> None:
    with pytest.raises(ConfigurationError, match="row_sql"):
        predicate(rule(RuleKind.ROW_SQL, query=query), quote_identifier)


def test_fields_of_objects_are_read_from_their_column() -> None:
    table = pa.table({"x": pa.array([{"a b": {"c": 1}}, {"a b": {"c": 2}}, None])})
    nested = rule(RuleKind.ROW_SQL, query='x."a b".c = 1')
    assert in_sql(nested, table) == in_pandera(nested, table) == [True, False, True]


def test_lambdas_keep_their_own_names() -> None:
    table = pa.table({"x": pa.array([[1, 2], [0], []], pa.list_(pa.int64()))})
    each = rule(RuleKind.ROW_SQL, query="len(list_filter(x, lambda y: y < 1)) = 0")
    assert in_sql(each, table) == in_pandera(each, table) == [True, False, True]
