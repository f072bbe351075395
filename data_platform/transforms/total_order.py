"""Whether a window's ORDER BY leaves no tie: only then do row_number, lag and their like give the same at every run.

A window is totally ordered where PARTITION BY and ORDER BY together hold a key of the rows it ranges over. Keys are
those of contracts, followed through subqueries; a join has none that could be told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sqlglot import exp

from data_platform.contracts.domains import Project
from data_platform.contracts.model import Contract, DatasetName, Layer, Materialization

# These depend on which of two equal rows comes first; rank and its like, and aggregates over peers, do not.
_BY_ROW = (exp.RowNumber, exp.FirstValue, exp.LastValue, exp.NthValue, exp.Lag, exp.Lead, exp.Ntile)


def unsettled_windows(project: Project, tree: exp.Query) -> Iterator[exp.Window]:
    """The windows whose function depends on the order of rows that their ORDER BY leaves equal."""
    for window in tree.find_all(exp.Window):
        select = window.find_ancestor(exp.Select)
        if select is None or not window.args.get("order") or not _depends_on_ties(window):
            continue
        named = {column.name for column in _columns(window)}
        if not any(key <= named for key in _keys_of_source(project, select, _expressions(tree))):
            yield window


def _depends_on_ties(window: exp.Window) -> bool:
    function = window.this
    if isinstance(function, exp.IgnoreNulls | exp.RespectNulls):
        function = function.this
    spec = window.args.get("spec")
    return isinstance(function, _BY_ROW) or (spec is not None and spec.args.get("kind") == "ROWS")


def _columns(window: exp.Window) -> Iterator[exp.Column]:
    """Columns that stand in PARTITION BY or ORDER BY as themselves; an expression may make rows equal."""
    ordered = [term.this for term in window.args["order"].expressions]
    for node in [*(window.args.get("partition_by") or []), *ordered]:
        if isinstance(node, exp.Column):
            yield node


def _expressions(tree: exp.Query) -> Mapping[str, exp.Expr]:
    return {cte.alias: cte.this for cte in tree.find_all(exp.CTE)}


def _keys_of_source(project: Project, select: exp.Select, named: Mapping[str, exp.Expr]) -> list[frozenset[str]]:
    """Keys of the rows that a SELECT ranges over. A window of a grouped SELECT ranges over its groups."""
    grouped = select.args.get("group")
    if grouped is not None:
        names = [node.name for node in grouped.expressions if isinstance(node, exp.Column)]
        return [frozenset(names)] if len(names) == len(grouped.expressions) and names else []
    source = select.args.get("from_") or select.args.get("from")
    if source is None or select.args.get("joins") or select.args.get("laterals"):
        return []
    return _keys_of(project, source.this, named)


def _keys_of(project: Project, source: exp.Expr, named: Mapping[str, exp.Expr]) -> list[frozenset[str]]:
    if isinstance(source, exp.Subquery):
        return _keys_of_output(project, source.this, named)
    if not isinstance(source, exp.Table):
        return []
    if not source.db and source.name in named:
        return _keys_of_output(project, named[source.name], {k: v for k, v in named.items() if k != source.name})
    try:
        dataset = project.datasets.get(DatasetName.parse(".".join(part.name for part in source.parts)))
    except ValueError:
        return []
    return _keys_of_contract(dataset.contract) if dataset else []


def _keys_of_output(project: Project, query: exp.Expr, named: Mapping[str, exp.Expr]) -> list[frozenset[str]]:
    """The keys of a subquery under the names that it gives its columns."""
    if not isinstance(query, exp.Select):
        return []
    given = {
        node.this.name if isinstance(node, exp.Alias) else node.name: node.alias_or_name
        for node in query.selects
        if isinstance(node.this if isinstance(node, exp.Alias) else node, exp.Column)
    }
    has_all = any(isinstance(node, exp.Star) for node in query.selects)
    keys = _keys_of_source(project, query, named)
    kept = [frozenset(given.get(name, name) for name in key) for key in keys if has_all or key <= given.keys()]
    if query.args.get("distinct"):
        kept.append(frozenset(node.alias_or_name for node in query.selects))
    return kept


def _keys_of_contract(contract: Contract) -> list[frozenset[str]]:
    if contract.name.layer is Layer.RAW:
        return [frozenset({"_batch_id", "_record_no"})]
    history = ["valid_from"] if contract.materialization is Materialization.SCD2 else []
    candidates: Iterable[Iterable[str]] = [
        [*contract.primary_key, *history] if contract.primary_key else [],
        *([column.name] for column in contract.columns if column.unique and column.required),
    ]
    return [frozenset(key) for key in candidates if key]
