from __future__ import annotations

import pytest

from data_platform.lineage.column_lineage import column_lineage

SCHEMAS = {
    "raw.commerce.orders": ["order_id", "customer_id", "Amount", "ts", "tags", "info"],
    "raw.commerce.customers": ["customer_id", "name"],
}
ORDERS = "raw.commerce.orders"
CUSTOMERS = "raw.commerce.customers"


def traced(sql: str, *outputs: str) -> tuple[dict[str, set[str]], tuple[str, ...]]:
    found = column_lineage(sql, schemas=SCHEMAS, outputs=outputs)
    edges = {
        output: {f"{source.table.split('.')[-1]}.{source.column}" for source in found.sources(output)}
        for output in found.edges
    }
    return edges, found.unresolved


@pytest.mark.parametrize(
    ("sql", "edges"),
    [
        pytest.param(f"SELECT order_id AS k FROM {ORDERS}", {"k": {"orders.order_id"}}, id="rename"),
        pytest.param(f"SELECT amount * 2 AS a FROM {ORDERS}", {"a": {"orders.Amount"}}, id="expression, other case"),
        pytest.param(f"SELECT 1 AS one FROM {ORDERS}", {"one": set()}, id="constant"),
        pytest.param(f"SELECT count(*) AS n FROM {ORDERS}", {"n": set()}, id="count of rows"),
        pytest.param(
            f"SELECT * FROM {ORDERS}", {"order_id": {"orders.order_id"}, "Amount": {"orders.Amount"}}, id="star"
        ),
        pytest.param(
            f"SELECT * EXCLUDE (ts), ts::DATE AS d FROM {ORDERS}",
            {"d": {"orders.ts"}, "order_id": {"orders.order_id"}},
            id="star with exclusion",
        ),
        pytest.param(
            f"WITH a AS (SELECT * FROM {ORDERS}), b AS (SELECT a.*, c.name FROM a JOIN {CUSTOMERS} c USING (customer_id))"
            " SELECT upper(name) AS name, amount FROM b",
            {"name": {"customers.name"}, "amount": {"orders.Amount"}},
            id="chained CTEs with stars and a join",
        ),
        pytest.param(
            f"WITH orders AS (SELECT customer_id AS order_id FROM {ORDERS}) SELECT order_id FROM orders",
            {"order_id": {"orders.customer_id"}},
            id="CTE with the name of the table",
        ),
        pytest.param(
            f"SELECT order_id AS k FROM {ORDERS} UNION ALL SELECT customer_id FROM {CUSTOMERS}",
            {"k": {"orders.order_id", "customers.customer_id"}},
            id="union by position",
        ),
        pytest.param(
            f"SELECT row_number() OVER (PARTITION BY customer_id ORDER BY ts) AS r FROM {ORDERS}",
            {"r": {"orders.customer_id", "orders.ts"}},
            id="window",
        ),
        pytest.param(
            f"SELECT CASE WHEN amount > 5 THEN customer_id END AS c FROM {ORDERS} WHERE ts IS NOT NULL",
            {"c": {"orders.Amount", "orders.customer_id"}},
            id="case, and a filter that is no edge",
        ),
        pytest.param(
            f"SELECT (SELECT max(name) FROM {CUSTOMERS} c WHERE c.customer_id = o.customer_id) AS m FROM {ORDERS} o",
            {"m": {"customers.name", "customers.customer_id", "orders.customer_id"}},
            id="scalar subquery",
        ),
        pytest.param(
            f"SELECT t.tag FROM {ORDERS}, unnest(tags) AS t(tag)", {"tag": {"orders.tags"}}, id="unnest in FROM"
        ),
        pytest.param(f"SELECT amount AS m, m + 1 AS n FROM {ORDERS}", {"n": {"orders.Amount"}}, id="lateral alias"),
        pytest.param(
            f"SELECT coalesce(o.customer_id, c.customer_id) AS k FROM {ORDERS} o FULL JOIN {CUSTOMERS} c"
            " ON o.customer_id = c.customer_id",
            {"k": {"orders.customer_id", "customers.customer_id"}},
            id="full join",
        ),
    ],
)
def test_output_columns_are_traced_to_their_input_columns(sql: str, edges: dict[str, set[str]]) -> None:
    assert traced(sql, *edges) == (edges, ())


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("SELECT a FROM raw.commerce.unknown", id="unknown table"),
        pytest.param("SELECT * FROM raw.commerce.unknown", id="star of an unknown table"),
        pytest.param(f"SELECT missing AS a FROM {ORDERS}", id="column that the table lacks"),
        pytest.param(f"WITH c AS (SELECT order_id FROM {ORDERS}) SELECT missing AS a FROM c", id="column a CTE lacks"),
        pytest.param(f"SELECT customer_id AS a FROM {ORDERS}, {CUSTOMERS}", id="ambiguous column"),
        pytest.param(f"SELECT o AS a FROM {ORDERS} o", id="whole row"),
        pytest.param(f"SELECT order_id FROM {ORDERS}", id="output that the query lacks"),
        pytest.param("SELECT a FROM read_parquet('x.parquet')", id="file"),
        pytest.param("SELECT FROM WHERE (", id="no SQL"),
        pytest.param("SELECT 1 AS a; SELECT 2 AS a", id="two statements"),
    ],
)
def test_what_cannot_be_told_is_listed_and_not_guessed(sql: str) -> None:
    assert traced(sql, "a") == ({}, ("a",))


def test_one_unresolved_column_does_not_hide_the_others() -> None:
    edges, unresolved = traced(f"SELECT missing AS a, order_id FROM {ORDERS}", "a", "order_id")
    assert edges == {"order_id": {"orders.order_id"}}
    assert unresolved == ("a",)


def test_table_and_column_names_are_given_as_the_schemas_write_them() -> None:
    found = column_lineage(f"SELECT AMOUNT AS a FROM {ORDERS.upper()}", schemas=SCHEMAS, outputs=["a"])
    (source,) = found.sources("a")
    assert (source.table, source.column) == ("raw.commerce.orders", "Amount")
