"""What a dataset's query must not do, checked before anything runs: every fault is named with file, line and fix.

The determinism lint is what lets a rebuild reach the same content hash; a declared exception in the contract
(`platform.nondeterminism`) is listed by `contracts show` instead of refused.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

import duckdb
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from data_platform.contracts.domains import Dataset, Project
from data_platform.contracts.model import DatasetName, Layer, Materialization
from data_platform.contracts.types import quote_identifier
from data_platform.errors import Fault
from data_platform.transforms.projection import GENERATED
from data_platform.transforms.query import PARTITION_PARAMETERS, Query, UnreadableQuery, read_query
from data_platform.transforms.relations import duckdb_columns

ONE_TO_ONE = frozenset({Materialization.ADMIT, Materialization.MERGE, Materialization.SCD2})
READABLE = {Layer.CURATED: {Layer.RAW, Layer.CURATED}, Layer.SERVED: {Layer.CURATED, Layer.SERVED}}

_UNORDERED = (exp.First, exp.AnyValue, exp.ArrayAgg, exp.GroupConcat, exp.ArgMax, exp.ArgMin, exp.Last, exp.List)
_VOLATILE = (exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.Rand, exp.Randn, exp.Uuid)
_VOLATILE_NAMES = frozenset(
    """
    now today random setseed nextval uuid uuidv4 uuidv7 gen_random_uuid current_localtime current_localtimestamp
    get_current_timestamp get_current_time transaction_timestamp txid_current
    """.split()  # noqa: SIM905 - one word after another reads better than quotes
)
_UNORDERED_NAMES = frozenset(
    ("list", "array_agg", "string_agg", "listagg", "first", "last", "any_value", "arbitrary", "mode")
)
_REACHING_OUT = frozenset(
    """
    getenv getvariable query query_table current_setting duckdb_secrets which_secret read_text read_blob glob
    """.split()  # noqa: SIM905
)
_TABLE_FUNCTIONS = frozenset({"unnest", "generate_series", "range"})


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
    faults += _function_faults(dataset, query, path)
    if faults:
        return faults
    return [*_column_faults(project, dataset, query, path), *_float_faults(project, dataset, query, path)]


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
            _line(node),
            f"{dataset.name} ({kind}) uses {what}: one row must stay one row",
            "dropping rows is a rule in the contract; joining or grouping is another dataset",
        )


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


def _function_faults(dataset: Dataset, query: Query, path: str) -> Iterator[Fault]:
    excused = {name.lower() for name in dataset.contract.nondeterminism}
    for node in query.tree.walk():
        name = _function_name(node)
        if name in _REACHING_OUT or (
            isinstance(node, exp.Table) and isinstance(node.this, exp.Func) and name not in _TABLE_FUNCTIONS
        ):
            yield Fault(
                path,
                _line(node),
                f"{dataset.name} calls {name or node.sql(dialect='duckdb')}",
                "a query reads only datasets; bring outside data in through a connector",
            )
        elif name not in excused and (reason := _nondeterminism(node, name)):
            yield Fault(
                path,
                _line(node),
                f"{dataset.name}: {reason}",
                "make it deterministic, or declare it under platform.nondeterminism",
            )


def _nondeterminism(node: exp.Expr, name: str) -> str | None:
    if isinstance(node, _VOLATILE) or name in _VOLATILE_NAMES:
        return f"{name or node.key} gives another value at every run"
    if (isinstance(node, _UNORDERED) or name in _UNORDERED_NAMES) and not _is_ordered(node):
        return f"{name or node.key} without ORDER BY depends on the order of files"
    if isinstance(node, exp.Window) and not node.args.get("order") and not _is_plain_aggregate(node.this):
        return "a window without ORDER BY depends on the order of files"
    if isinstance(node, exp.Limit) and not (node.parent and node.parent.args.get("order")):
        return "LIMIT without ORDER BY picks arbitrary rows"
    if isinstance(node, exp.Distinct) and node.args.get("on") and not (node.parent and node.parent.args.get("order")):
        return "DISTINCT ON without ORDER BY picks arbitrary rows"
    if isinstance(node, exp.TableSample):
        return "a sample picks arbitrary rows"
    return None


def _is_plain_aggregate(node: exp.Expr) -> bool:
    return isinstance(node, exp.Sum | exp.Count | exp.Min | exp.Max | exp.CountIf)


def _is_ordered(node: exp.Expr) -> bool:
    if isinstance(node.parent, exp.WithinGroup | exp.Order):
        return True
    window = node.find_ancestor(exp.Window)
    if window is not None and window.this is node and window.args.get("order"):
        return True
    return node.find(exp.Order) is not None


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


def qualified(name: DatasetName) -> str:
    """The dataset's name as quoted SQL."""
    return f"{name.layer}.{quote_identifier(name.domain)}.{quote_identifier(name.name)}"


def normal_type(text: str) -> str:
    """One spelling for each DuckDB type."""
    return text.upper().replace(" ", "").replace("TIMESTAMPTZ", "TIMESTAMPWITHTIMEZONE")


def _float_faults(project: Project, dataset: Dataset, query: Query, path: str) -> Iterator[Fault]:
    schema = MappingSchema(dialect="duckdb")
    for name in query.inputs:
        table = exp.to_table(qualified(name), dialect="duckdb")
        schema.add_table(table, duckdb_columns(project.datasets[name].contract), dialect="duckdb")
    try:
        tree = annotate_types(
            qualify(query.tree.copy(), schema=schema, dialect="duckdb"), schema=schema, dialect="duckdb"
        )
    except SqlglotError as error:
        yield Fault(path, 1, f"{dataset.name}: {str(error).splitlines()[0]}", "qualify the column with its table")
        return
    excused = {name.lower() for name in dataset.contract.nondeterminism}
    for node in tree.find_all(exp.Sum, exp.Avg):
        argument = node.this
        if argument.type is not None and argument.type.is_type("double", "float") and node.key not in excused:
            yield Fault(
                path,
                _line(node),
                f"{dataset.name}: {node.key.upper()} over a float differs from run to run",
                "use a decimal type, or declare it under platform.nondeterminism",
            )


def _function_name(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower()
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Func):
        return _function_name(node.this)
    if isinstance(node, exp.Func):
        return node.sql_name().lower() if hasattr(node, "sql_name") else node.key
    return ""


def _line(node: exp.Expr) -> int:
    lines = [n.meta["line"] for n in node.walk() if "line" in n.meta]
    if not lines and node.parent is not None:
        return _line(node.parent)
    return min(lines, default=1)


def _line_of_table(query: Query, name: str) -> int:
    for table in query.tree.find_all(exp.Table):
        if ".".join(part.name for part in table.parts) == name:
            return _line(table)
    return 1


def _nearest(name: DatasetName, known: Iterable[DatasetName]) -> str:
    close = difflib.get_close_matches(str(name), [str(k) for k in known], n=1)
    return f"did you mean {close[0]}?" if close else "write its contract first"
