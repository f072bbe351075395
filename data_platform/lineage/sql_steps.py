"""How the parts of one SQL expression bear on its value. Following columns through queries is in `sql_tracing`."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from data_platform.lineage.facts import Influence

Step = tuple[exp.Expr, Influence]

# Window functions that hand on one row's value, and functions that sqlglot does not know to aggregate.
_PICKING = (exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue)
# fmt: off
_AGGREGATES = frozenset({
    "any_value", "arbitrary", "arg_max_null", "arg_min_null", "bitstring_agg", "bool_and", "bool_or", "count_if",
    "countif", "count_star", "entropy", "favg", "fsum", "geomean", "geometric_mean", "histogram", "histogram_exact",
    "kahan_sum", "kurtosis", "kurtosis_pop", "list", "mad", "max_by", "median", "min_by", "mode", "product", "quantile",
    "quantile_cont", "quantile_disc", "regr_avgx", "regr_avgy", "regr_count", "reservoir_quantile", "skewness", "sem",
    "string_agg", "sumkahan", "weighted_avg",
})
# fmt: on
_LEAVES = (exp.Identifier, exp.Literal, exp.DataType, exp.Var, exp.Null, exp.Boolean, exp.Placeholder, exp.Parameter)


def is_aggregate(node: exp.Expr) -> bool:
    """Whether the expression's own function sees the values of many rows."""
    if isinstance(node, exp.AggFunc):
        return not isinstance(node, _PICKING)
    return isinstance(node, exp.Anonymous) and str(node.this).lower() in _AGGREGATES


def has_aggregate(node: exp.Expr) -> bool:
    """Whether an aggregate of the query itself stands in the expression: not that of a subquery or of a window."""
    if isinstance(node, exp.Query | exp.Window):
        return False
    return is_aggregate(node) or any(has_aggregate(child) for child in node.iter_expressions())


def steps(node: exp.Expr) -> Iterator[Step]:
    """The parts of an expression, each with how it bears on the value; queries and columns have no parts."""
    match node:
        case exp.Case():
            yield from _parts([node.this, *(branch.this for branch in node.args["ifs"])], Influence.CONDITIONAL)
            results = [*(branch.args["true"] for branch in node.args["ifs"]), node.args.get("default")]
            yield from _parts(results, Influence.TRANSFORMATION)
        case exp.If():
            yield node.this, Influence.CONDITIONAL
            yield from _parts([node.args.get("true"), node.args.get("false")], Influence.TRANSFORMATION)
        case exp.Alias() | exp.Paren():
            yield node.this, Influence.IDENTITY
        case exp.Window():
            yield node.this, Influence.IDENTITY
            yield from _parts([*node.args.get("partition_by", ()), node.args.get("order")], Influence.WINDOW)
        case exp.Filter():
            yield node.this, Influence.IDENTITY
            yield node.expression, Influence.CONDITIONAL
        case exp.Order() if node.this:
            yield node.this, Influence.IDENTITY
            yield from _parts(node.expressions, Influence.SORT)
        case exp.WithinGroup():
            yield from _parts([node.this, *node.expression.expressions], Influence.AGGREGATION)
        case exp.Lambda():
            yield node.this, Influence.TRANSFORMATION  # its parameters stand for parts of the other arguments
        case _:
            how = Influence.AGGREGATION if is_aggregate(node) else Influence.TRANSFORMATION
            counted = node.this if isinstance(node, exp.Count) and isinstance(node.this, exp.Star) else None
            yield from _parts([child for child in node.iter_expressions() if child is not counted], how)


def bound_names(node: exp.Expr) -> frozenset[str]:
    """Names that an expression gives to values inside it: parameters of lambdas, variables of list comprehensions."""
    names = set()
    above: exp.Expr | None = node
    while (above := above.parent if above else None) is not None and not isinstance(above, exp.Query):
        if isinstance(above, exp.Lambda):
            names |= {parameter.name.lower() for parameter in above.expressions}
        elif isinstance(above, exp.Comprehension):
            names.add(above.expression.name.lower())
    return frozenset(names)


def _parts(nodes: list[exp.Expr | None], how: Influence) -> Iterator[Step]:
    return ((node, how) for node in nodes if node is not None and not isinstance(node, _LEAVES))
