"""The determinism lint: what in a query would give another result at another run, so that a rebuild could not reach the
same content hash; and what reaches outside the datasets.

A declared exception in the contract (`platform.nondeterminism`) is listed by `contracts show` instead of refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from data_platform.contracts.domains import Dataset, Project
from data_platform.errors import Fault
from data_platform.transforms.query import Query, line_of
from data_platform.transforms.relations import duckdb_columns, qualified
from data_platform.transforms.total_order import unsettled_windows

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
) | {"arg_max_null", "arg_min_null"}
# They add up floats in the order in which threads finish, whatever they are given.
_FLOATING_NAMES = frozenset(
    """
    stddev stddev_pop stddev_samp variance variance_pop var_pop var_samp corr covar_pop covar_samp skewness kurtosis
    kurtosis_pop sem geomean geometric_mean product favg fsum sumkahan kahan_sum regr_slope regr_intercept regr_r2
    regr_sxx regr_sxy regr_syy approx_quantile reservoir_quantile approx_top_k
    """.split()  # noqa: SIM905
)
_REACHING_OUT = frozenset(
    """
    getenv getvariable query query_table current_setting duckdb_secrets which_secret read_text read_blob glob
    """.split()  # noqa: SIM905
)
_TABLE_FUNCTIONS = frozenset({"unnest", "generate_series", "range"})


def function_faults(dataset: Dataset, query: Query, path: str) -> Iterator[Fault]:
    """Functions that reach outside the datasets, and those whose result is not decided by the rows."""
    excused = {name.lower() for name in dataset.contract.nondeterminism}
    for node in query.tree.walk():
        name = _function_name(node)
        if name in _REACHING_OUT or (
            isinstance(node, exp.Table) and isinstance(node.this, exp.Func) and name not in _TABLE_FUNCTIONS
        ):
            yield Fault(
                path,
                line_of(node),
                f"{dataset.name} calls {name or node.sql(dialect='duckdb')}",
                "a query reads only datasets; bring outside data in through a connector",
            )
        elif not excused & _spellings(node) and (reason := _nondeterminism(node, name)):
            yield Fault(
                path,
                line_of(node),
                f"{dataset.name}: {reason}",
                "make it deterministic, or declare it under platform.nondeterminism",
            )


def _nondeterminism(node: exp.Expr, name: str) -> str | None:
    if isinstance(node, _VOLATILE) or name in _VOLATILE_NAMES:
        return f"{name or node.key} gives another value at every run"
    if name in _FLOATING_NAMES:
        return f"{name} differs from run to run"
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


def float_faults(project: Project, dataset: Dataset, query: Query, path: str) -> Iterator[Fault]:
    """Sums and averages of floats, which depend on the order of addition."""
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
                line_of(node),
                f"{dataset.name}: {node.key.upper()} over a float differs from run to run",
                "use a decimal type, or declare it under platform.nondeterminism",
            )


def order_faults(project: Project, dataset: Dataset, query: Query, path: str) -> Iterator[Fault]:
    """Windows whose ORDER BY leaves ties."""
    excused = {name.lower() for name in dataset.contract.nondeterminism}
    for window in unsettled_windows(project, query.tree):
        if not excused & _spellings(window.this):
            name = _function_name(window.this)
            yield Fault(
                path,
                line_of(window),
                f"{dataset.name}: {name} over rows that its ORDER BY leaves equal picks an arbitrary one",
                "add the key of the input to ORDER BY, or declare the function under platform.nondeterminism",
            )


def _spellings(node: exp.Expr) -> set[str]:
    """Every name under which the function can be written, and so be excused."""
    names = {_function_name(node)}
    if isinstance(node, exp.Func) and not isinstance(node, exp.Anonymous):
        names |= {name.lower() for name in node.sql_names()}
    return names | ({"string_agg", "listagg"} if isinstance(node, exp.GroupConcat) else set())


def _function_name(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower()
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Func):
        return _function_name(node.this)
    if isinstance(node, exp.Func):
        return node.sql_name().lower() if hasattr(node, "sql_name") else node.key
    return ""
