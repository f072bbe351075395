"""Column lineage from a SELECT: which input columns bear on each output column, and which on the rows there are.

What cannot be told is listed as unresolved, never guessed. How a query is followed is in `sql_tracing`; what the
platform's own steps add is in `project_lineage`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope
from sqlglot.schema import MappingSchema

from data_platform.lineage.facts import ColumnLineage, Edge, Influence, SourceColumn
from data_platform.lineage.sql_tracing import Relation, Tracing

DIALECT = "duckdb"

_Schemas = tuple[tuple[str, tuple[str, ...]], ...]


def column_lineage(sql: str, *, schemas: Mapping[str, Sequence[str]], outputs: Sequence[str]) -> ColumnLineage:
    """Traces `outputs` of one SELECT to the tables in `schemas`; what was traced before is remembered.

    Args:
        sql: the SELECT, in DuckDB's dialect.
        schemas: the columns of each input table, by `<layer>.<domain>.<name>`; names are compared without case.
        outputs: the output columns to trace.
    """
    given = tuple(sorted((table, tuple(columns)) for table, columns in schemas.items()))
    return _traced(sql, given, tuple(outputs))


@lru_cache(maxsize=4096)
def _traced(sql: str, schemas: _Schemas, outputs: tuple[str, ...]) -> ColumnLineage:
    relation = _relation(sql, schemas)
    if relation is None:
        return ColumnLineage(edges={}, unresolved=outputs, is_rows_known=False)
    found = {output: relation.columns.get(output.lower()) for output in outputs}
    return ColumnLineage(
        edges={output: edges for output, edges in found.items() if edges is not None},
        rows=relation.rows,
        unresolved=tuple(output for output, edges in found.items() if edges is None),
        is_rows_known=relation.is_rows_known,
    )


@lru_cache(maxsize=4096)
def tables_of(sql: str) -> frozenset[str]:
    """Every dotted table name in a statement, as written; none where it does not parse."""
    try:
        parsed = sqlglot.parse_one(sql, dialect=DIALECT)
    except SqlglotError:
        return frozenset()
    return frozenset(".".join(part.name for part in t.parts) for t in parsed.find_all(exp.Table) if len(t.parts) > 1)


def _relation(sql: str, schemas: _Schemas) -> Relation | None:
    """What the SELECT gives; None where it cannot be read."""
    tables = {table.lower(): _base(table, columns) for table, columns in schemas}
    try:
        parsed = sqlglot.parse_one(sql, dialect=DIALECT)
        schema = MappingSchema(_nested(schemas), dialect=DIALECT)
        query = qualify(parsed, schema=schema, dialect=DIALECT, validate_qualify_columns=False, identify=False)
        scope = build_scope(query)
    except (SqlglotError, ValueError, AttributeError):  # the last: qualify on a statement that is no query
        return None
    return Tracing(scope, tables.get).relation(scope) if scope is not None else None


def _base(table: str, columns: Sequence[str]) -> Relation:
    return Relation({c.lower(): frozenset({Edge(SourceColumn(table, c), Influence.IDENTITY)}) for c in columns})


def _nested(schemas: _Schemas) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for table, columns in schemas:
        *path, name = table.split(".")
        branch = tree
        for part in path:
            branch = branch.setdefault(part, {})
        branch[name] = dict.fromkeys(columns, "unknown")
    return tree
