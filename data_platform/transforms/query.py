"""One dataset's SELECT as a syntax tree: its inputs, its parameters, its text for DuckDB.

What a query must not contain is in `lint`; running it is in `compute`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope

from data_platform.contracts.model import DatasetName

PARTITION_PARAMETERS = ("partition_start", "partition_end")


class UnreadableQuery(ValueError):
    """The text is not one SELECT of DuckDB's dialect; the message says where."""


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed SELECT.

    Attributes:
        inputs: the datasets named in FROM clauses, sorted; common table expressions are not inputs.
        unknown_tables: table names that are not `<layer>.<domain>.<dataset>`.
        parameters: names of `$parameters` in the text.
    """

    text: str
    tree: exp.Query
    inputs: tuple[DatasetName, ...]
    unknown_tables: tuple[str, ...]
    parameters: tuple[str, ...]

    @property
    def sql(self) -> str:
        """The query for DuckDB, with partition bounds read from session variables."""
        bound = self.tree.copy().transform(_bind_parameter)
        return bound.sql(dialect="duckdb")


@lru_cache(maxsize=1024)
def read_query(text: str) -> Query:
    """Parses one SELECT; whoever changes the tree copies it first.

    Raises:
        UnreadableQuery: it does not parse, or is not exactly one SELECT.
    """
    try:
        statements = [s for s in sqlglot.parse(text, read="duckdb") if s is not None]
    except SqlglotError as error:
        raise UnreadableQuery(f"the SQL does not parse: {_first_line(error)}") from error
    except RecursionError as error:
        raise UnreadableQuery("the SQL does not parse: it is nested too deeply") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise UnreadableQuery("the file must hold exactly one SELECT")
    tree = statements[0]
    inputs, unknown = _tables(tree)
    parameters = sorted({str(node.this) for node in tree.find_all(exp.Placeholder, exp.Parameter)})
    return Query(text, tree, tuple(sorted(inputs)), tuple(sorted(unknown)), tuple(parameters))


def line_of(node: exp.Expr) -> int:
    """The line on which a part of a query stands; 1 where the parser did not keep it."""
    lines = [n.meta["line"] for n in node.walk() if "line" in n.meta]
    if not lines and node.parent is not None:
        return line_of(node.parent)
    return min(lines, default=1)


def _bind_parameter(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Placeholder) and str(node.this) in PARTITION_PARAMETERS:
        variable = exp.func("getvariable", exp.Literal.string(str(node.this)))
        return exp.cast(variable, "DATE")
    return node


def _tables(tree: exp.Query) -> tuple[set[DatasetName], set[str]]:
    inputs: set[DatasetName] = set()
    unknown: set[str] = set()
    for scope in traverse_scope(tree):
        for table in scope.tables:
            if isinstance(scope.sources.get(table.alias_or_name), exp.Table):
                _classify(table, inputs, unknown)
    return inputs, unknown


def _classify(table: exp.Table, inputs: set[DatasetName], unknown: set[str]) -> None:
    text = ".".join(part.name for part in table.parts)
    try:
        inputs.add(DatasetName.parse(text))
    except ValueError:
        unknown.add(text or table.sql(dialect="duckdb"))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
