"""How input columns bear on outputs: the expectations are written by hand from the meaning of each query.

A source is `<table>.<column>:<influence>`, with I, T, A for the direct ones; `o` and `p` are the two tables.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from data_platform.lineage.column_lineage import column_lineage
from data_platform.lineage.facts import Edge

SCHEMAS = {"raw.c.o": ["id", "cust", "amount", "ts", "tags", "info"], "raw.c.p": ["cust", "name"]}
LETTERS = {"IDENTITY": "I", "TRANSFORMATION": "T", "AGGREGATION": "A"}
ORDERS, PEOPLE = "raw.c.o AS o", "raw.c.p AS p"


class Case(NamedTuple):
    """`columns`: for each output its sources. `rows`: what decides which rows there are."""

    name: str
    sql: str
    columns: dict[str, str]
    rows: str = ""


CASES = [
    # one row to one row
    Case("a column under another name", f"SELECT id AS k FROM {ORDERS}", {"k": "o.id:I"}),
    Case("a cast changes the value", f"SELECT id::VARCHAR AS k FROM {ORDERS}", {"k": "o.id:T"}),
    Case("arithmetic over two columns", f"SELECT amount * id AS x FROM {ORDERS}", {"x": "o.amount:T o.id:T"}),
    Case("parentheses change nothing", f"SELECT (amount) AS x FROM {ORDERS}", {"x": "o.amount:I"}),
    Case("a constant", f"SELECT 1 AS x FROM {ORDERS}", {"x": ""}),
    Case("a parameter is a constant", f"SELECT $partition_start AS x FROM {ORDERS}", {"x": ""}),
    Case(
        "the condition of CASE decides, its results are the value",
        f"SELECT CASE WHEN ts > 1 THEN amount ELSE id END AS x FROM {ORDERS}",
        {"x": "o.ts:CONDITIONAL o.amount:T o.id:T"},
    ),
    Case(
        "CASE over a value",
        f"SELECT CASE o.cust WHEN 'a' THEN amount WHEN name THEN 0 END AS x FROM {ORDERS}, raw.c.p",
        {"x": "o.cust:CONDITIONAL p.name:CONDITIONAL o.amount:T"},
    ),
    Case("if", f"SELECT if(id > 1, amount, 0) AS x FROM {ORDERS}", {"x": "o.id:CONDITIONAL o.amount:T"}),
    Case("every part of coalesce", f"SELECT coalesce(amount, id) AS x FROM {ORDERS}", {"x": "o.amount:T o.id:T"}),
    Case("an alias used beside it", f"SELECT amount AS m, m + id AS x FROM {ORDERS}", {"x": "o.amount:T o.id:T"}),
    Case("a whole star", f"SELECT * FROM {PEOPLE}", {"cust": "p.cust:I", "name": "p.name:I"}),
    Case("a star with one replaced", f"SELECT * REPLACE (upper(name) AS name) FROM {PEOPLE}", {"name": "p.name:T"}),
    # nested values
    Case(
        "a field of a struct",
        f"SELECT info.device AS d, o.info.a.b AS e FROM {ORDERS}",
        {"d": "o.info:T", "e": "o.info:T"},
    ),
    Case("struct_extract", f"SELECT struct_extract(info, 'x') AS d FROM {ORDERS}", {"d": "o.info:T"}),
    Case("a struct put together", f"SELECT {{'a': id, 'b': ts}} AS s FROM {ORDERS}", {"s": "o.id:T o.ts:T"}),
    Case("an element of a list", f"SELECT tags[1] AS t FROM {ORDERS}", {"t": "o.tags:T"}),
    Case(
        "a lambda's parameter is no column",
        f"SELECT list_transform(tags, lambda x: x + id) AS t FROM {ORDERS}",
        {"t": "o.tags:T o.id:T"},
    ),
    Case(
        "a comprehension's variable is no column",
        f"SELECT [x FOR x IN tags IF x > id] AS t FROM {ORDERS}",
        {"t": "o.tags:T o.id:T"},
    ),
    Case(
        "unnest makes rows",
        f"SELECT id, unnest(tags) AS t FROM {ORDERS}",
        {"id": "o.id:I", "t": "o.tags:T"},
        "o.tags:JOIN",
    ),
    Case(
        "unnest in FROM",
        f"SELECT id, u.t FROM {ORDERS}, unnest(tags) AS u(t)",
        {"id": "o.id:I", "t": "o.tags:T"},
        "o.tags:JOIN",
    ),
    # aggregates
    Case(
        "sum by group",
        f"SELECT cust, sum(amount) AS s FROM {ORDERS} GROUP BY cust",
        {"cust": "o.cust:I", "s": "o.amount:A"},
        "o.cust:GROUP_BY",
    ),
    Case(
        "group by all",
        f"SELECT cust, sum(amount) AS s FROM {ORDERS} GROUP BY ALL",
        {"s": "o.amount:A"},
        "o.cust:GROUP_BY",
    ),
    Case("group by place", f"SELECT cust, max(ts) AS s FROM {ORDERS} GROUP BY 1", {"s": "o.ts:A"}, "o.cust:GROUP_BY"),
    Case(
        "a rollup",
        f"SELECT sum(amount) AS s FROM {ORDERS} GROUP BY ROLLUP (cust, ts)",
        {"s": "o.amount:A"},
        "o.cust:GROUP_BY o.ts:GROUP_BY",
    ),
    Case("count of rows", f"SELECT count(*) AS n FROM {ORDERS} WHERE amount > 1", {"n": ""}, "o.amount:FILTER"),
    Case("count of a column", f"SELECT count(DISTINCT cust) AS n FROM {ORDERS}", {"n": "o.cust:A"}),
    Case(
        "FILTER of an aggregate chooses",
        f"SELECT sum(amount) FILTER (WHERE ts > 1) AS s FROM {ORDERS}",
        {"s": "o.amount:A o.ts:CONDITIONAL"},
    ),
    Case("order inside an aggregate", f"SELECT first(id ORDER BY ts) AS f FROM {ORDERS}", {"f": "o.id:A o.ts:SORT"}),
    Case(
        "within group",
        f"SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY amount) AS m FROM {ORDERS}",
        {"m": "o.amount:A"},
    ),
    Case("more was done inside", f"SELECT round(sum(amount)) AS s FROM {ORDERS}", {"s": "o.amount:A"}),
    Case(
        "having",
        f"SELECT cust FROM {ORDERS} GROUP BY cust HAVING sum(amount) > 5",
        {"cust": "o.cust:I"},
        "o.cust:GROUP_BY o.amount:FILTER",
    ),
    Case(
        "distinct groups by what it shows",
        f"SELECT DISTINCT cust, id FROM {ORDERS}",
        {"id": "o.id:I"},
        "o.cust:GROUP_BY o.id:GROUP_BY",
    ),
    Case(
        "distinct on",
        f"SELECT DISTINCT ON (cust) id FROM {ORDERS} ORDER BY ts",
        {"id": "o.id:I"},
        "o.cust:GROUP_BY o.ts:SORT",
    ),
    # windows
    Case(
        "a running sum",
        f"SELECT sum(amount) OVER (PARTITION BY cust ORDER BY ts) AS s FROM {ORDERS}",
        {"s": "o.amount:A o.cust:WINDOW o.ts:WINDOW"},
    ),
    Case(
        "lag hands on a value",
        f"SELECT lag(amount) OVER (ORDER BY ts) AS s FROM {ORDERS}",
        {"s": "o.amount:T o.ts:WINDOW"},
    ),
    Case("a number of a row", f"SELECT row_number() OVER (ORDER BY ts) AS r FROM {ORDERS}", {"r": "o.ts:WINDOW"}),
    Case(
        "a named window",
        f"SELECT sum(amount) OVER w AS s FROM {ORDERS} WINDOW w AS (PARTITION BY cust)",
        {"s": "o.amount:A o.cust:WINDOW"},
    ),
    Case(
        "qualify filters",
        f"SELECT id FROM {ORDERS} QUALIFY row_number() OVER (PARTITION BY cust ORDER BY ts) = 1",
        {"id": "o.id:I"},
        "o.cust:FILTER o.ts:FILTER",
    ),
    # joins
    Case(
        "the condition of a join",
        f"SELECT id, name FROM {ORDERS} JOIN {PEOPLE} ON o.cust = p.cust",
        {"id": "o.id:I", "name": "p.name:I"},
        "o.cust:JOIN p.cust:JOIN",
    ),
    Case(
        "using, outer",
        f"SELECT cust FROM {ORDERS} FULL JOIN {PEOPLE} USING (cust)",
        {"cust": "o.cust:T p.cust:T"},
        "o.cust:JOIN p.cust:JOIN",
    ),
    Case("natural", f"SELECT id FROM {ORDERS} NATURAL JOIN {PEOPLE}", {"id": "o.id:I"}, "o.cust:JOIN p.cust:JOIN"),
    Case(
        "as of",
        f"SELECT id FROM {ORDERS} ASOF JOIN {PEOPLE} ON o.cust = p.cust AND o.ts >= p.name",
        {"id": "o.id:I"},
        "o.cust:JOIN p.cust:JOIN o.ts:JOIN p.name:JOIN",
    ),
    Case(
        "semi",
        f"SELECT id FROM {ORDERS} SEMI JOIN {PEOPLE} ON o.cust = p.cust",
        {"id": "o.id:I"},
        "o.cust:JOIN p.cust:JOIN",
    ),
    Case(
        "join inside parentheses",
        "SELECT id FROM (raw.c.o AS o JOIN raw.c.p AS p ON o.cust = p.cust)",
        {"id": "o.id:I"},
        "o.cust:JOIN p.cust:JOIN",
    ),
    Case(
        "lateral",
        f"SELECT id, m FROM {ORDERS}, LATERAL (SELECT max(name) AS m FROM {PEOPLE} WHERE p.cust = o.cust) AS l",
        {"m": "p.name:A"},
        "o.cust:FILTER p.cust:FILTER",
    ),
    # queries inside queries
    Case(
        "CTE with named columns",
        f"WITH a(x) AS (SELECT id FROM {ORDERS} WHERE ts > 1) SELECT x FROM a",
        {"x": "o.id:I"},
        "o.ts:FILTER",
    ),
    Case(
        "derived table with named columns", f"SELECT x FROM (SELECT id, ts FROM {ORDERS}) AS t(x, y)", {"x": "o.id:I"}
    ),
    Case(
        "aggregate of an aggregate",
        f"SELECT max(s) AS m FROM (SELECT sum(amount) AS s FROM {ORDERS} GROUP BY cust)",
        {"m": "o.amount:A"},
        "o.cust:GROUP_BY",
    ),
    Case(
        "a condition on what a condition chose",
        f"SELECT id FROM (SELECT id, if(ts > 1, amount, 0) AS x FROM {ORDERS}) WHERE x > 1",
        {"id": "o.id:I"},
        "o.ts:FILTER o.amount:FILTER",
    ),
    Case(
        "a scalar subquery bears on its own column alone",
        f"SELECT id, (SELECT max(name) FROM {PEOPLE} WHERE p.cust = o.cust) AS m FROM {ORDERS}",
        {"id": "o.id:I", "m": "p.name:A p.cust:FILTER o.cust:FILTER"},
    ),
    Case(
        "in",
        f"SELECT id FROM {ORDERS} WHERE cust IN (SELECT p.cust FROM {PEOPLE} WHERE name = 'x')",
        {"id": "o.id:I"},
        "o.cust:FILTER p.cust:FILTER p.name:FILTER",
    ),
    Case(
        "exists reads no column",
        f"SELECT id FROM {ORDERS} WHERE EXISTS (SELECT name FROM {PEOPLE} WHERE p.cust = o.cust)",
        {"id": "o.id:I"},
        "o.cust:FILTER p.cust:FILTER",
    ),
    # sets of rows
    Case(
        "union all by place",
        f"SELECT id AS k FROM {ORDERS} UNION ALL SELECT p.cust FROM {PEOPLE}",
        {"k": "o.id:I p.cust:I"},
    ),
    Case(
        "union by name",
        f"SELECT id AS a, cust AS b FROM {ORDERS} UNION ALL BY NAME SELECT name AS c, p.cust AS b FROM {PEOPLE}",
        {"a": "o.id:I", "b": "o.cust:I p.cust:I", "c": "p.name:I"},
    ),
    Case(
        "union of different rows",
        f"SELECT id AS k FROM {ORDERS} UNION SELECT name FROM {PEOPLE}",
        {"k": "o.id:I p.name:I"},
        "o.id:GROUP_BY p.name:GROUP_BY",
    ),
    Case(
        "except",
        f"SELECT id AS k FROM {ORDERS} EXCEPT SELECT name FROM {PEOPLE}",
        {"k": "o.id:I"},
        "o.id:FILTER p.name:FILTER",
    ),
    Case(
        "intersect",
        f"SELECT id AS k FROM {ORDERS} INTERSECT SELECT name FROM {PEOPLE}",
        {"k": "o.id:I"},
        "o.id:FILTER p.name:FILTER",
    ),
    # order
    Case("order", f"SELECT id FROM {ORDERS} ORDER BY ts LIMIT 3", {"id": "o.id:I"}, "o.ts:SORT"),
    Case("order by an alias", f"SELECT amount + 1 AS x FROM {ORDERS} ORDER BY x", {"x": "o.amount:T"}, "o.amount:SORT"),
    Case("numbers from nowhere", f"SELECT g.i, id FROM {ORDERS}, range(3) AS g(i)", {"i": "", "id": "o.id:I"}),
    Case("values from nowhere", "SELECT v.x FROM (VALUES (1), (2)) AS v(x)", {"x": ""}),
]


def written(edges: Iterable[Edge]) -> set[str]:
    return {f"{e.source.table[-1]}.{e.source.column}:{LETTERS.get(e.influence, e.influence.value)}" for e in edges}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_bears_on_each_column_and_on_the_rows(case: Case) -> None:
    found = column_lineage(case.sql, schemas=SCHEMAS, outputs=list(case.columns))
    assert (found.unresolved, found.is_rows_known) == ((), True)
    assert {name: written(edges) for name, edges in found.edges.items()} == {
        name: set(sources.split()) for name, sources in case.columns.items()
    }
    assert written(found.rows) == set(case.rows.split())


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param(
            f"SELECT id FROM {ORDERS} JOIN raw.c.unknown AS u ON o.id = u.id", id="join with an unknown table"
        ),
        pytest.param(f"SELECT id FROM {ORDERS} WHERE missing = 1", id="filter by a column that no table has"),
        pytest.param(f"SELECT id FROM {ORDERS}, read_csv('x.csv') AS f", id="file beside a table"),
        pytest.param(
            f"SELECT id FROM {ORDERS} WHERE cust IN (SELECT c FROM raw.c.unknown)", id="filter by an unknown table"
        ),
    ],
)
def test_rows_that_cannot_be_told_are_not_called_known(sql: str) -> None:
    found = column_lineage(sql, schemas=SCHEMAS, outputs=["id"])
    assert not found.is_rows_known


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param(
            "WITH RECURSIVE r AS (SELECT id, cust FROM raw.c.o UNION ALL SELECT cust, id FROM r) SELECT id FROM r",
            id="a query that reads itself",
        ),
        pytest.param("PIVOT raw.c.o ON cust USING sum(id)", id="a pivot"),
        pytest.param("SELECT COLUMNS('i.*') AS id FROM raw.c.o", id="columns by a pattern"),
        pytest.param("SELECT id FROM raw.c.o UNION ALL SELECT cust, name FROM raw.c.p", id="a union of unlike width"),
        pytest.param("SELECT (SELECT max(x) FROM raw.c.unknown) AS id FROM raw.c.o", id="subquery over the unknown"),
        pytest.param("SELECT sum(amount) OVER nowhere AS id FROM raw.c.o", id="a window that is not there"),
        pytest.param("DELETE FROM raw.c.o", id="no query"),
    ],
)
def test_a_column_that_cannot_be_told_is_unresolved(sql: str) -> None:
    found = column_lineage(sql, schemas=SCHEMAS, outputs=["id"])
    assert (found.edges, found.unresolved) == ({}, ("id",))
