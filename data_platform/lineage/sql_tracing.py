"""Follows columns through the scopes of one qualified query: what bears on each output, and on which rows there are.

How the parts of an expression bear on it is in `sql_steps`; the public function is in `column_lineage`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from data_platform.lineage.facts import Edge, Influence
from data_platform.lineage.sql_steps import bound_names, has_aggregate, steps

Edges = frozenset[Edge]
_NONE: Edges = frozenset()
_GENERATORS = frozenset({"range", "generate_series"})


class UnresolvedError(Exception):
    """The origin of a column cannot be told."""


@dataclass(frozen=True, slots=True)
class Relation:
    """What a table or query gives.

    Attributes:
        columns: what bears on each column, by lower-case name and in order; None where that cannot be told.
        rows: what bears on which rows there are.
        is_rows_known: whether `rows` is all of it.
        every: of a relation whose columns are all made of the same: what bears on each.
    """

    columns: Mapping[str, Edges | None] = field(default_factory=dict)
    rows: Edges = _NONE
    is_rows_known: bool = True
    every: Edges | None = None

    def column(self, name: str) -> Edges:
        """What bears on the column called `name`.

        Raises:
            UnresolvedError: there is no such column, or it cannot be told.
        """
        found = self.columns.get(name.lower(), self.every)
        if found is None:
            raise UnresolvedError
        return found

    def renamed(self, names: Iterable[str]) -> Relation:
        """With other names for the first columns."""
        given = [name.lower() for name in names]
        if not given or self.every is not None:
            return self
        kept = list(self.columns)[len(given) :]
        return Relation(dict(zip([*given, *kept], self.columns.values(), strict=False)), self.rows, self.is_rows_known)


UNKNOWN = Relation(is_rows_known=False)


class Tracing:
    """One query's scopes. `tables` gives the relation of a table by its lower-case dotted name, None if unknown."""

    def __init__(self, root: Scope, tables: Callable[[str], Relation | None]) -> None:
        self._tables = tables
        self._scopes = {id(scope.expression): scope for scope in root.traverse()}
        self._found: dict[int, Relation] = {}
        self._open: set[int] = set()

    def relation(self, scope: Scope) -> Relation:
        """What the scope's query gives; unknown where a query reads itself."""
        key = id(scope.expression)
        if key in self._open:
            return UNKNOWN
        if key not in self._found:
            self._open.add(key)
            self._found[key] = self._relation(scope)
            self._open.remove(key)
        return self._found[key]

    def _relation(self, scope: Scope) -> Relation:
        node = scope.expression
        common = node.args.get("with_")
        if common is not None and common.args.get("recursive") and _reads_itself(common):
            return UNKNOWN
        if isinstance(node, exp.Select):
            return self._select(scope, node)
        if isinstance(node, exp.SetOperation):
            return self._set_operation(scope, node)
        return self._table_function(scope, node)

    def _select(self, scope: Scope, node: exp.Select) -> Relation:
        sources = [self._source(scope, name) for name in scope.selected_sources]
        if any(part.args.get("pivots") for part in _own(node, exp.Table, exp.Subquery)):
            return UNKNOWN
        columns: dict[str, Edges | None] = {}
        for projection in node.selects:
            name = projection.alias_or_name.lower()
            traced = self._try(projection, scope)
            before = columns.get(name, _NONE)  # of two columns of one name either may be meant
            columns[name] = None if traced is None or before is None else traced | before
        is_known = all(source.is_rows_known for source in sources)
        rows = set[Edge]().union(*(source.rows for source in sources))
        for part, how in _row_parts(node):
            traced = self._try(part, scope)
            is_known = is_known and traced is not None
            rows |= _through(traced or (), how)
        return Relation(columns, frozenset(rows), is_known)

    def _set_operation(self, scope: Scope, node: exp.SetOperation) -> Relation:
        left, right = (self.relation(branch) for branch in scope.set_operation_scopes)
        is_union = isinstance(node, exp.Union)
        columns = _stacked(left, right, by_name=bool(node.args.get("by_name"))) if is_union else dict(left.columns)
        rows = left.rows | right.rows
        is_known = left.is_rows_known and right.is_rows_known
        compared = [] if is_union and not node.args.get("distinct") else [left, right]
        for side in compared:
            how = Influence.GROUP_BY if is_union else Influence.FILTER
            for edges in side.columns.values():
                is_known = is_known and edges is not None
                rows |= _through(edges or (), how)
        result = Relation(columns, rows, is_known)
        order = node.args.get("order")
        for key in order.expressions if order else ():
            for column in key.find_all(exp.Column):
                rows |= _through(result.columns.get(column.name.lower()) or (), Influence.SORT)
        return Relation(columns, rows, is_known)

    def _table_function(self, scope: Scope, node: exp.Expr) -> Relation:
        """What a table function in FROM gives: its rows depend on its arguments, as do all its columns."""
        if isinstance(node, exp.Lateral) and isinstance(node.this, exp.Subquery):
            return self.relation(self._scopes[id(node.this.unnest())])
        if isinstance(node, exp.Values):
            columns: list[Edges] = [_NONE] * max((len(row.expressions) for row in node.expressions), default=0)
            return Relation({f"col{place}": edges for place, edges in enumerate(columns)})
        if not isinstance(node, exp.Unnest):
            return UNKNOWN
        edges = _NONE
        for argument in node.expressions:
            traced = self._try(argument, scope)
            if traced is None:
                return UNKNOWN
            edges |= traced
        return Relation(rows=_through(edges, Influence.JOIN), every=_through(edges, Influence.TRANSFORMATION))

    def _source(self, scope: Scope, name: str) -> Relation:
        node, source = scope.selected_sources[name]
        if isinstance(source, Scope):
            relation = self.relation(source)
            parent = source.expression.parent
            if isinstance(parent, exp.CTE):
                relation = relation.renamed(parent.alias_column_names)
        else:
            relation = self._table(source)
        return relation.renamed(node.alias_column_names if isinstance(node, exp.Expr) else ())

    def _table(self, table: exp.Table) -> Relation:
        if isinstance(table.this, exp.Func):
            called = table.this.name.lower() if isinstance(table.this, exp.Anonymous) else table.this.key
            is_constant = table.this.find(exp.Column) is None
            is_generator = called in _GENERATORS or isinstance(table.this, exp.GenerateSeries)
            return Relation(every=_NONE) if is_constant and is_generator else UNKNOWN
        return self._tables(".".join(part.name for part in table.parts).lower()) or UNKNOWN

    def _try(self, node: exp.Expr, scope: Scope) -> Edges | None:
        try:
            return self._trace(node, scope)
        except UnresolvedError:
            return None

    def _trace(self, node: exp.Expr, scope: Scope) -> Edges:
        """What bears on the value of an expression that stands in `scope`."""
        if isinstance(node, exp.Column):
            return self._column(node, scope)
        if isinstance(node, exp.Star | exp.TableColumn | exp.Columns):
            raise UnresolvedError  # a whole row, or columns chosen by a pattern
        if isinstance(node, exp.Exists):
            return self._subquery(node.this, is_read=False)
        if isinstance(node, exp.Query):
            return self._subquery(node)
        found = set[Edge]()
        for part, how in steps(node):
            found |= _through(self._trace(part, scope), how)
        if isinstance(node, exp.Window) and node.args.get("alias") is not None:
            found |= self._named_window(node, scope)
        return frozenset(found)

    def _column(self, node: exp.Column, scope: Scope) -> Edges:
        name, table = node.name.lower(), node.table
        if not table:
            if name in bound_names(node):
                return _NONE
            for projection in scope.expression.selects if isinstance(scope.expression, exp.Select) else ():
                if projection.alias_or_name.lower() == name and not any(n is node for n in projection.walk()):
                    return self._trace(projection, scope)
            raise UnresolvedError
        around: Scope | None = scope
        while around is not None:
            if table in around.selected_sources:
                return self._source(around, table).column(name)
            if table in around.sources:  # what a lateral join may see
                source = around.sources[table]
                return (self.relation(source) if isinstance(source, Scope) else self._table(source)).column(name)
            around = around.parent
        raise UnresolvedError

    def _subquery(self, node: exp.Query, *, is_read: bool = True) -> Edges:
        """What bears on the value of a query inside an expression; where it is not read, only its rows do."""
        inner = self._scopes.get(id(node.unnest() if isinstance(node, exp.Subquery) else node))
        relation = self.relation(inner) if inner is not None else UNKNOWN
        read = list(relation.columns.values()) if is_read else []
        if not relation.is_rows_known or any(edges is None for edges in read):
            raise UnresolvedError
        return relation.rows.union(*(edges or () for edges in read))

    def _named_window(self, node: exp.Window, scope: Scope) -> Edges:
        wanted = node.args["alias"].name.lower()
        for window in scope.expression.args.get("windows") or ():
            if window.name.lower() == wanted:
                parts = [*window.args.get("partition_by", ()), window.args.get("order")]
                traced = (self._trace(part, scope) for part in parts if part is not None)
                return _through(frozenset[Edge]().union(*traced), Influence.WINDOW)
        raise UnresolvedError


def _through(edges: Iterable[Edge], how: Influence) -> Edges:
    return frozenset(edge.through(how) for edge in edges)


def _stacked(left: Relation, right: Relation, *, by_name: bool) -> dict[str, Edges | None]:
    if by_name:
        names = [*left.columns, *(name for name in right.columns if name not in left.columns)]
        pairs = {name: (left.columns.get(name, _NONE), right.columns.get(name, _NONE)) for name in names}
    elif len(left.columns) != len(right.columns):
        pairs = dict.fromkeys(left.columns, (None, None))
    else:
        both = zip(left.columns.values(), right.columns.values(), strict=True)
        pairs = dict(zip(left.columns, both, strict=True))
    return {name: None if a is None or b is None else a | b for name, (a, b) in pairs.items()}


def _row_parts(node: exp.Select) -> Iterator[tuple[exp.Expr, Influence]]:
    """The expressions that decide which rows a SELECT gives, and in which order."""
    for clause, how in (("where", Influence.FILTER), ("having", Influence.FILTER), ("qualify", Influence.FILTER)):
        if (part := node.args.get(clause)) is not None:
            yield part.this, how
    for join in _own(node, exp.Join):
        if (condition := join.args.get("on")) is not None:
            yield condition, Influence.JOIN
        if join.args.get("using") or join.args.get("method") == "NATURAL":
            yield exp.Star(), Influence.JOIN  # the columns compared are not spelled out
    if (group := node.args.get("group")) is not None:
        sets = [key for kind in ("cube", "rollup", "grouping_sets") for key in group.args.get(kind) or ()]
        yield from ((key, Influence.GROUP_BY) for key in [*group.expressions, *sets])
        if group.args.get("all"):
            yield from ((p, Influence.GROUP_BY) for p in node.selects if not has_aggregate(p))
    if (distinct := node.args.get("distinct")) is not None:
        on = distinct.args.get("on")
        yield from ((key, Influence.GROUP_BY) for key in ([on] if on is not None else node.selects))
    if (order := node.args.get("order")) is not None:
        keys = [key.this for key in order.expressions]
        is_all = any(isinstance(key, exp.Var) for key in keys)
        yield from ((key, Influence.SORT) for key in (node.selects if is_all else keys))
    for projection in node.selects:
        yield from ((made, Influence.JOIN) for made in _own(projection, exp.Explode, exp.Unnest))


def _own(node: exp.Expr, *kinds: type[exp.Expr]) -> Iterator[exp.Expr]:
    """Parts of one kind that stand in the query itself, not in one inside it."""
    for child in node.iter_expressions():
        if isinstance(child, kinds):
            yield child
        if not isinstance(child, exp.Select | exp.SetOperation | exp.With):
            yield from _own(child, *kinds)


def _reads_itself(common: exp.Expr) -> bool:
    return any(
        table.name.lower() == cte.alias.lower() and not table.db
        for cte in common.expressions
        for table in cte.this.find_all(exp.Table)
    )
