"""Column lineage from a SELECT: which input columns each output column is computed from.

An edge means that the input column stands in the expression that gives the value, window and CASE included. Columns
that only filter, join or group rows are not edges. What cannot be told is listed as unresolved, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope
from sqlglot.schema import MappingSchema

from data_platform.lineage.facts import ColumnLineage, SourceColumn

DIALECT = "duckdb"


class _UnresolvedError(Exception):
    """The origin of a column cannot be told."""


def column_lineage(sql: str, *, schemas: Mapping[str, Sequence[str]], outputs: Sequence[str]) -> ColumnLineage:
    """Traces `outputs` of one SELECT to the tables in `schemas`.

    Args:
        sql: the SELECT, in DuckDB's dialect.
        schemas: the columns of each input table, by `<layer>.<domain>.<name>`; names are compared without case.
        outputs: the output columns to trace.
    """
    try:
        query, schema, scope = _scope(sql, schemas=schemas)
    except (SqlglotError, _UnresolvedError):
        return ColumnLineage(edges={}, unresolved=tuple(outputs))
    known = {
        (table.lower(), column.lower()): SourceColumn(table, column)
        for table, columns in schemas.items()
        for column in columns
    }
    edges: dict[str, frozenset[SourceColumn]] = {}
    for output in outputs:
        try:
            column = exp.column(exp.to_identifier(output.lower(), quoted=True))
            root = lineage(column, query, schema, scope=scope, dialect=DIALECT, copy=False, trim_selects=False)
            edges[output] = frozenset(_sources(root, known=known))
        except (SqlglotError, ValueError, _UnresolvedError):
            continue
    return ColumnLineage(edges=edges, unresolved=tuple(output for output in outputs if output not in edges))


def _scope(sql: str, *, schemas: Mapping[str, Sequence[str]]) -> tuple[exp.Expr, MappingSchema, Scope]:
    parsed = sqlglot.parse_one(sql, dialect=DIALECT)
    if any(operation.args.get("by_name") for operation in parsed.find_all(exp.SetOperation)):
        raise _UnresolvedError  # columns would be matched by position
    schema = MappingSchema(_nested(schemas), dialect=DIALECT)
    query = qualify(parsed, schema=schema, dialect=DIALECT, validate_qualify_columns=False, identify=False)
    scope = build_scope(query)
    if scope is None:
        raise _UnresolvedError
    return query, schema, scope


def _nested(schemas: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for table, columns in schemas.items():
        *path, name = table.split(".")
        branch = tree
        for part in path:
            branch = branch.setdefault(part, {})
        branch[name] = dict.fromkeys(columns, "unknown")
    return tree


def _sources(root: Node, *, known: Mapping[tuple[str, str], SourceColumn]) -> Iterator[SourceColumn]:
    for node in root.walk():
        if isinstance(node.expression, exp.Query | exp.Placeholder | exp.Star):
            raise _UnresolvedError
        if node.expression.find(exp.TableColumn, exp.Columns):
            raise _UnresolvedError  # a whole row, or columns chosen by a pattern
        if isinstance(node.expression, exp.Table):
            table = ".".join(part.name for part in node.expression.parts).lower()
            column = exp.to_column(node.name, dialect=DIALECT).name.lower()
            if (table, column) not in known:
                raise _UnresolvedError
            yield known[table, column]
