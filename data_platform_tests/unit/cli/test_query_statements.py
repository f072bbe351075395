"""Which statements an operator may run, and which columns of the answer are masked."""

from __future__ import annotations

import pytest

from data_platform.cli.query import masked_columns, parse
from data_platform.cli.reading import Relation
from data_platform.errors import ConfigurationError

ORDERS = Relation(
    name="curated.shop.orders", version=1, select="", files=(),
    columns=("order_id", "email", "amount"), classified=frozenset({"email"}),
)  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM query('SELECT 1')",
        "SELECT getenv('HOME')",
        "SELECT * FROM curated.shop.orders, glob('*')",
        "DROP TABLE x",
        "SELECT 1; SELECT 2",
        "SELECT FROM WHERE",
    ],
)
def test_a_statement_that_is_no_plain_select_is_refused(statement: str) -> None:
    with pytest.raises(ConfigurationError):
        parse(statement)


@pytest.mark.parametrize("statement", ["SELECT 1", "SELECT * FROM range(3)", "SELECT unnest([1, 2])"])
def test_selects_without_tables_are_fine(statement: str) -> None:
    assert parse(statement).inputs == ()


@pytest.mark.parametrize(
    ("statement", "names", "masked"),
    [
        ("SELECT email FROM curated.shop.orders", ["email"], {"email"}),
        ("SELECT * FROM curated.shop.orders", ["order_id", "email", "amount"], {"email"}),
        ("SELECT upper(email) AS e, amount FROM curated.shop.orders", ["e", "amount"], {"e"}),
        ("WITH t AS (SELECT email AS e FROM curated.shop.orders) SELECT e AS f FROM t", ["f"], {"f"}),
        ("SELECT count(DISTINCT email) AS n FROM curated.shop.orders", ["n"], set()),
        ("SELECT count(*) FROM curated.shop.orders", ["count_star()"], set()),
        ("SELECT count(*) AS x, email AS x FROM curated.shop.orders", ["x", "x"], {"x"}),
        ("SELECT sum(amount) AS total FROM curated.shop.orders WHERE email = 'a'", ["total"], set()),
        ("SELECT COLUMNS('e.*') FROM curated.shop.orders", ["email"], {"email"}),
        ("SELECT o FROM curated.shop.orders AS o", ["o"], {"o"}),
    ],
)
def test_columns_that_come_from_a_classified_one_are_masked(statement: str, names: list[str], masked: set[str]) -> None:
    assert masked_columns(parse(statement), [ORDERS], names) == masked
