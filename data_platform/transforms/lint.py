"""What a dataset's query must not do, checked before anything runs: every fault is named with file, line and fix.

What would give another result at another run is found in `determinism`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import replace

import duckdb
from sqlglot import exp

from data_platform.contracts.domains import Dataset, Project
from data_platform.contracts.model import DatasetName, Layer, Materialization
from data_platform.contracts.places import one
from data_platform.contracts.types import quote_identifier
from data_platform.errors import Fault
from data_platform.transforms.changes import BY_KEY, unfit_values, with_deletes
from data_platform.transforms.determinism import float_faults, function_faults, order_faults
from data_platform.transforms.projection import GENERATED, borrowed_columns
from data_platform.transforms.query import PARTITION_PARAMETERS, Query, UnreadableQuery, line_of, read_query
from data_platform.transforms.relations import duckdb_columns, qualified

ONE_TO_ONE = frozenset({Materialization.ADMIT, Materialization.MERGE, Materialization.SCD2})
READABLE = {Layer.CURATED: {Layer.RAW, Layer.CURATED}, Layer.SERVED: {Layer.CURATED, Layer.SERVED}}


def lint_dataset(project: Project, dataset: Dataset) -> list[Fault]:
    """All faults of one dataset's query; an empty list for a raw dataset or a sound query."""
    if dataset.sql_text is None:
        return []
    path = str(dataset.sql_path)
    try:
        query = read_query(dataset.sql_text)
    except UnreadableQuery as error:
        return [Fault(path, 1, f"{dataset.name}: {error}", "write one SELECT in DuckDB's SQL")]
    faults = [*_input_faults(project, dataset, query, path), *_shape_faults(dataset, query, path)]
    faults += [*function_faults(dataset, query, path), *_order_faults(project, dataset, query, path)]
    if faults or project.unread.intersection(query.inputs):
        return faults  # what an input's columns are is told once its own faults are mended
    faults = [*_column_faults(project, dataset, query, path), *float_faults(project, dataset, query, path)]
    return [*faults, *order_faults(project, dataset, query, path)]


def _input_faults(project: Project, dataset: Dataset, query: Query, path: str) -> Iterator[Fault]:
    for unknown in query.unknown_tables:
        yield Fault(
            path,
            _line_of_table(query, unknown),
            f"{dataset.name} reads {unknown!r}, which is no dataset",
            "name inputs as <layer>.<domain>.<dataset>; files and functions are read by connectors",
        )
    for name in query.inputs:
        line = _line_of_table(query, str(name))
        if name in project.unread:
            continue  # its own faults are told of its own file
        if name not in project.datasets:
            yield Fault(
                path, line, f"{dataset.name} reads {name}, which does not exist", _nearest(name, project.datasets)
            )
        elif name == dataset.name:
            yield Fault(path, line, f"{dataset.name} reads itself", "read its inputs; history belongs to scd2")
        elif name.layer not in READABLE[dataset.name.layer]:
            allowed = " and ".join(sorted(READABLE[dataset.name.layer]))
            yield Fault(path, line, f"{dataset.name} reads {name}", f"{dataset.name.layer} reads only {allowed}")
    if not query.inputs:
        yield Fault(path, 1, f"{dataset.name} reads no dataset", "select FROM a dataset")


def _shape_faults(dataset: Dataset, query: Query, path: str) -> Iterator[Fault]:
    kind = dataset.contract.materialization
    wanted = set(PARTITION_PARAMETERS) if kind is Materialization.PARTITION else set()
    missing, extra = wanted - set(query.parameters), set(query.parameters) - wanted
    if missing:
        yield Fault(
            path,
            1,
            f"{dataset.name} is materialized by partition but does not use ${', $'.join(sorted(missing))}",
            "bound the rows: WHERE day >= $partition_start AND day < $partition_end",
        )
    if extra:
        yield Fault(
            path,
            1,
            f"{dataset.name} uses ${', $'.join(sorted(extra))}, which {kind} does not bind",
            "only `partition` datasets have $partition_start and $partition_end",
        )
    if kind not in ONE_TO_ONE:
        return
    if len(query.inputs) != 1 or query.inputs[0].layer is not Layer.RAW:
        yield Fault(
            path,
            1,
            f"{dataset.name} ({kind}) must read exactly one raw dataset",
            "join in a dataset of its own, materialized as `table` or `partition`",
        )
    for node, what in _not_one_to_one(query.tree):
        yield Fault(
            path,
            line_of(node),
            f"{dataset.name} ({kind}) uses {what}: one row must stay one row",
            "dropping rows is a rule in the contract; joining or grouping is another dataset",
        )


def _order_faults(project: Project, dataset: Dataset, query: Query, path: str) -> Iterator[Fault]:
    """A history may be ordered by columns of raw that it does not show; they have to be there and have values."""
    raw = project.datasets.get(query.inputs[0]) if query.inputs else None
    if raw is None or dataset.contract.materialization not in BY_KEY:
        return
    dataset = replace(dataset, contract=with_deletes(dataset.contract, raw.contract))
    present = {column.name: column for column in raw.contract.columns}
    for name in borrowed_columns(dataset.contract):
        if name not in present:
            message = f"neither it nor {raw.name} has column {name!r}, which orders or deletes its rows"
            yield Fault(path, 1, f"{dataset.name}: {message}", "name a column of one of them")
        elif name in dataset.contract.sequence and not present[name].required:
            message = f"its rows are ordered by {name!r} of {raw.name}, which may be NULL"
            yield Fault(path, 1, f"{dataset.name}: {message}", "require it in the raw contract, or select it here")
    deletes = dataset.contract.deletes
    column = {**present, **{own.name: own for own in dataset.contract.columns}}.get(deletes.column) if deletes else None
    if deletes and column and (unfit := unfit_values(deletes, column)):
        message = f"{deletes.column!r} is {one(column.type)}, so no row of it is {', '.join(map(repr, unfit))}"
        yield Fault(path, 1, f"{dataset.name}: {message}", "write platform.deletes in values of the column's type")


def _not_one_to_one(tree: exp.Query) -> Iterator[tuple[exp.Expr, str]]:
    names = {
        exp.Where: "WHERE",
        exp.Join: "JOIN",
        exp.Group: "GROUP BY",
        exp.Having: "HAVING",
        exp.Distinct: "DISTINCT",
        exp.Qualify: "QUALIFY",
        exp.Limit: "LIMIT",
        exp.SetOperation: "a set operation",
        exp.With: "WITH",
        exp.Subquery: "a subquery",
        exp.Window: "a window",
        exp.AggFunc: "an aggregate",
        exp.Unnest: "UNNEST",
        exp.Explode: "UNNEST",
        exp.Offset: "OFFSET",
        exp.Order: "ORDER BY",
        exp.TableSample: "a sample",
        exp.Star: "*",
    }
    for kind, what in names.items():
        node = tree.find(kind)
        if node is not None:
            yield node, what


def _column_faults(project: Project, dataset: Dataset, query: Query, path: str) -> Iterator[Fault]:
    try:
        found = describe(project, query)
    except duckdb.Error as error:
        yield Fault(path, 1, f"{dataset.name}: {str(error).splitlines()[0]}", "mend the query")
        return
    scd2 = dataset.contract.materialization is Materialization.SCD2
    wanted = {c.name: c.type.duckdb() for c in dataset.contract.columns if not (scd2 and c.name in GENERATED)}
    for name in found.keys() - wanted.keys():
        yield Fault(
            path,
            1,
            f"{dataset.name}: the query gives column {name!r}, which the contract lacks",
            "add it to the contract or drop it from the SELECT",
        )
    for name in wanted.keys() - found.keys():
        yield Fault(
            path,
            1,
            f"{dataset.name}: the contract has column {name!r}, which the query does not give",
            "add it to the SELECT or drop it from the contract",
        )
    for name in found.keys() & wanted.keys():
        if normal_type(found[name]) != normal_type(wanted[name]):
            yield Fault(
                path,
                1,
                f"{dataset.name}.{name}: the query gives {found[name]}, the contract says {wanted[name]}",
                f"CAST({name} AS {wanted[name]}) in the query, or change the contract",
            )


def describe(project: Project, query: Query) -> dict[str, str]:
    """Column names and DuckDB types that the query gives over empty inputs of the contracts' types."""
    con = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    try:
        con.execute("SET TimeZone = 'UTC'")
        for layer in Layer:
            con.execute(f"ATTACH ':memory:' AS {layer}")
        for name in query.inputs:
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {name.layer}.{quote_identifier(name.domain)}")
            columns = ", ".join(
                f"CAST(NULL AS {kind}) AS {quote_identifier(column)}"
                for column, kind in duckdb_columns(project.datasets[name].contract).items()
            )
            con.execute(f"CREATE VIEW {qualified(name)} AS SELECT {columns} WHERE false")
        for parameter in PARTITION_PARAMETERS:
            con.execute(f"SET VARIABLE {parameter} = DATE '2000-01-01'")
        return {str(row[0]): str(row[1]) for row in con.execute(f"DESCRIBE {query.sql}").fetchall()}
    finally:
        con.close()


def normal_type(text: str) -> str:
    """One spelling for each DuckDB type."""
    return text.upper().replace(" ", "").replace("TIMESTAMPTZ", "TIMESTAMPWITHTIMEZONE")


def _line_of_table(query: Query, name: str) -> int:
    for table in query.tree.find_all(exp.Table):
        if ".".join(part.name for part in table.parts) == name:
            return line_of(table)
    return 1


def _nearest(name: DatasetName, known: Iterable[DatasetName]) -> str:
    close = difflib.get_close_matches(str(name), [str(k) for k in known], n=1)
    return f"did you mean {close[0]}?" if close else "write its contract first"
