"""Rules that need the whole table: unique keys, references, row counts and measures, each one pass in DuckDB.

Rules that one row decides are in `predicates` and `audit`. Binding a dataset's own name for measures is the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from data_platform.contracts.model import DatasetName
from data_platform.contracts.rules import Rule, RuleKind
from data_platform.contracts.types import quote_identifier
from data_platform.errors import ConfigurationError
from data_platform.lakehouse.duck import store_error
from data_platform.quality.measures import judge_measure
from data_platform.quality.verdicts import (
    SAMPLE_ROWS,
    Counts,
    Evidence,
    Judgement,
    Row,
    RuleResult,
    conclude,
    judge,
    unknown,
)

# What these say holds SQL and names, never a value of the data.
_TELLING = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relations:
    """What a table rule is judged on, as SQL that can stand in a FROM clause.

    Attributes:
        staged: the rows about to be published, e.g. `read_parquet([...])`, `(SELECT …)` or a quoted name.
        kept: the published rows that stay beside them; None where nothing stays.
        targets: the published rows of the datasets that references point to.
    """

    staged: str
    kept: str | None = None
    targets: Mapping[DatasetName, str] = field(default_factory=dict)

    @property
    def whole(self) -> str:
        """Kept and staged rows together."""
        if self.kept is None:
            return self.staged
        return f"(SELECT * FROM {self.staged} UNION ALL BY NAME SELECT * FROM {self.kept})"


def evaluate(con: duckdb.DuckDBPyConnection, rule: Rule, relations: Relations, evidence: Evidence) -> RuleResult:
    """Judges one table rule; a query that crashes, or a target that is not there, is `unknown`.

    For UNIQUE and REFERENCE the evidence's expected rows are the staged ones; ROW_COUNT and MEASURE ignore them.

    Raises:
        ConfigurationError: the rule is of a row kind.
    """
    if rule.kind.is_row_kind:
        raise ConfigurationError(f"rule {rule.name!r} is a {rule.kind}: one row decides it, no table is needed")
    try:
        judgement, counts = _judged(con, rule, relations, evidence)
    except duckdb.Error as error:
        if (told := store_error(error)) is not None:
            raise told from error  # no evidence of anything: the whole run may be tried again
        judgement, counts = unknown(_told(error)), Counts()
    return conclude(rule, judgement, evidence, engine="duckdb", counts=counts)


def _judged(
    con: duckdb.DuckDBPyConnection, rule: Rule, relations: Relations, evidence: Evidence
) -> tuple[Judgement, Counts]:
    if rule.kind is RuleKind.UNIQUE:
        counts = _repeated_keys(con, rule.columns, relations)
    elif rule.kind is RuleKind.REFERENCE:
        reference = rule.reference
        target = relations.targets.get(reference.target) if reference else None
        if reference is None or target is None:
            return unknown(f"the referenced dataset {reference.target if reference else ''} was not given"), Counts()
        counts = _orphans(con, (reference.columns, reference.target_columns), relations.staged, target)
    else:
        rows = _number(con, f"SELECT count(*) FROM {relations.whole}")
        query = f"SELECT {rows}" if rule.kind is RuleKind.ROW_COUNT else rule.query or ""
        return judge_measure(rule, _answers(con, query), rows), Counts(examined=rows)
    judgement = judge(
        rule,
        rows_examined=counts.examined,
        failing_rows=counts.failing,
        expected_rows=evidence.expected_rows,
    )
    return judgement, counts


def _repeated_keys(con: duckdb.DuckDBPyConnection, columns: Sequence[str], relations: Relations) -> Counts:
    """Staged rows whose key another staged row or a kept row has. As in SQL, a key with a NULL equals no other."""
    keys = [quote_identifier(name) for name in columns]
    names = ", ".join(keys)
    is_kept = "FALSE"
    if relations.kept is not None:
        same = " AND ".join(f"kept.{key} = counted.{key}" for key in keys)
        is_kept = f"EXISTS (SELECT 1 FROM {relations.kept} AS kept WHERE {same})"
    failing = f"""
        SELECT * FROM (
            SELECT {names}, count(*) AS "_rows" FROM {relations.staged} AS staged
            WHERE {_all_present("staged", keys)} GROUP BY ALL
        ) AS counted
        WHERE "_rows" > 1 OR {is_kept}
    """
    return _counted(con, failing, columns, relations.staged)


def _orphans(
    con: duckdb.DuckDBPyConnection, pair: tuple[tuple[str, ...], tuple[str, ...]], staged: str, target: str
) -> Counts:
    """Staged rows whose reference no target row has. A reference with a NULL refers to nothing and is fine."""
    columns, target_columns = pair
    keys = [quote_identifier(name) for name in columns]
    same = " AND ".join(
        f"target.{quote_identifier(there)} = counted.{here}" for here, there in zip(keys, target_columns, strict=True)
    )
    failing = f"""
        SELECT * FROM (
            SELECT {", ".join(keys)}, count(*) AS "_rows" FROM {staged} AS staged
            WHERE {_all_present("staged", keys)} GROUP BY ALL
        ) AS counted
        WHERE NOT EXISTS (SELECT 1 FROM {target} AS target WHERE {same})
    """
    return _counted(con, failing, columns, staged)


def _counted(con: duckdb.DuckDBPyConnection, failing: str, columns: Sequence[str], staged: str) -> Counts:
    examined = _number(con, f"SELECT count(*) FROM {staged}")
    broken = _number(con, f'SELECT coalesce(sum("_rows"), 0) FROM ({failing})')
    sample: list[Row] = []
    if broken:
        names = ", ".join(quote_identifier(name) for name in columns)
        rows = con.execute(f"SELECT {names} FROM ({failing}) ORDER BY ALL LIMIT {SAMPLE_ROWS}").fetchall()
        sample = [dict(zip(columns, row, strict=True)) for row in rows]
    return Counts(examined=examined, failing=broken, sample=sample)


def _all_present(relation: str, keys: Sequence[str]) -> str:
    return " AND ".join(f"{relation}.{key} IS NOT NULL" for key in keys)


def _number(con: duckdb.DuckDBPyConnection, query: str) -> int:
    ((number,),) = con.execute(query).fetchall()
    return int(number)


def _answers(con: duckdb.DuckDBPyConnection, query: str) -> list[tuple[object, ...]]:
    """The first two rows: enough to see that there is not exactly one."""
    relation = con.sql(query)
    return relation.limit(2).fetchall() if isinstance(relation, duckdb.DuckDBPyRelation) else []


def _told(error: duckdb.Error) -> str:
    if isinstance(error, _TELLING):
        return f"CHECK_ERROR: the query cannot run: {str(error).splitlines()[0]}"
    return f"CHECK_ERROR: the query stopped with {type(error).__name__} (its text may hold data and is not shown)"
