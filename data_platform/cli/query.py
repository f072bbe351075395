"""The work of `query`: an operator's read of any layer. It runs over exactly the files of the versions named, leaves an
audit line before anything is shown, and masks classified columns unless told otherwise.
"""

from __future__ import annotations

import csv
import getpass
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import duckdb
from duckdb import DuckDBPyConnection
from sqlglot import exp

from data_platform.cli.environment import platform_here
from data_platform.cli.output import plain, print_json, print_table, say, working
from data_platform.cli.reading import Relation, read_as_of, relations_of
from data_platform.errors import ConfigurationError
from data_platform.governance.error_text import quotes_no_data, said
from data_platform.governance.redaction import MASK
from data_platform.lakehouse.duck import register_query
from data_platform.lineage.column_lineage import column_lineage
from data_platform.metastore.operator_log import OperatorEntry
from data_platform.observability.tracing.finding import makers_of
from data_platform.publication.candidate import Run
from data_platform.transforms.query import Query, UnreadableQuery, read_query
from data_platform.wiring.platform import Platform

_SHOWN_ROWS = 100
_FETCHED_ROWS = 2_000
_TABLE_FUNCTIONS = frozenset({"unnest", "generate_series", "range"})
_REACHING_OUT = frozenset({"getenv", "which_secret", "current_setting", "getvariable"})
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def query(*, statement: str, as_of: str | None, unmask: bool, form: str, limit: int | None) -> int:
    """Runs one SELECT and prints its rows as `form`: table, json or csv."""
    parsed = parse(statement)
    with platform_here() as platform:
        relations = relations_of(platform, parsed, read_as_of(platform, as_of))
        run = platform.run(job="query")
        read = makers_of(platform.metastore, {relation.name: relation.version for relation in relations})
        about = {"run_id": run.id, "tables": ", ".join(f"{one.name}@{one.version}" for one in relations)}
        with (
            platform.tracer.span("query", follow=read, **about) as span,
            platform.engine.session(preserve_order=True) as con,
        ):
            run = replace(run, traceparent=span.traceparent)
            with working("reading"), platform.meter.work("query"):
                rows_count = _run(con, parsed, relations)
            names = [row[0] for row in con.execute("DESCRIBE result").fetchall()]
            masked = set[str]() if unmask else masked_columns(parsed, relations, names)
            shown = min(rows_count, limit or (_SHOWN_ROWS if form == "table" else rows_count))
            note = f"{statement} -- unmasked" if unmask else statement
            leave_line(platform, parsed, relations, OperatorNote(note, shown, run))
            rows = _masked_rows(con, names, masked, shown)
            _PRINTERS[form](names, rows, relations)
    if shown < rows_count:
        say(f"{shown} of {rows_count} rows; --limit shows more")
    if masked:
        say(f"masked: {', '.join(sorted(masked))}; --unmask shows classified columns and says so in the audit line")
    return 0


@dataclass(frozen=True, slots=True)
class OperatorNote:
    """What the audit line says besides who, when and which tables."""

    statement: str
    rows_returned: int
    run: Run | None = None


def leave_line(platform: Platform, parsed: Query, relations: Sequence[Relation], note: OperatorNote) -> None:
    """The audit line, and with it the lineage of the read."""
    now, tables = platform.clock.now(), {relation.name: relation.version for relation in relations}
    entry = OperatorEntry(
        who=getpass.getuser(), at=now, rows_returned=note.rows_returned, statement=note.statement, tables=tables
    )
    lineage = platform.lineage.read(note.run or platform.run(job="query"), tables, sql=without_values(parsed))
    with platform.metastore.transaction() as tx:
        platform.metastore.operator_log.append(entry, tx=tx)
        platform.metastore.outbox.append(lineage, tx=tx)


def without_values(parsed: Query) -> str:
    """The SELECT with a ? for each value: lineage leaves the platform, and what an operator looks for is data."""
    bare = parsed.tree.transform(lambda node: exp.Placeholder() if isinstance(node, exp.Literal) else node)
    return bare.sql(dialect="duckdb", comments=False)


def parse(statement: str) -> Query:
    """Parses one SELECT that reads tables and nothing else.

    Raises:
        ConfigurationError: it is not one SELECT, or calls what reaches outside.
    """
    try:
        parsed = read_query(statement)
    except UnreadableQuery as error:
        raise ConfigurationError(str(error)) from error
    for node in parsed.tree.find_all(exp.Func, exp.Table):
        source = node.this if isinstance(node, exp.Table) else node
        name = str(source.this if isinstance(source, exp.Anonymous) else getattr(source, "name", "")).lower()
        if isinstance(node, exp.Table) and isinstance(source, exp.Func):
            called = name or source.key
            if source.key not in _TABLE_FUNCTIONS and called not in _TABLE_FUNCTIONS and source.key != "generateseries":
                raise ConfigurationError(
                    f"the SELECT calls {called}; it may read only tables: <layer>.<domain>.<dataset>"
                )
        elif name in _REACHING_OUT:
            raise ConfigurationError(f"the SELECT calls {name}, which reaches outside the tables")
    return parsed


def masked_columns(parsed: Query, relations: Sequence[Relation], names: Sequence[str]) -> set[str]:
    """Output columns that come from a classified column, or whose origin cannot be told; counts are shown."""
    classified = {(relation.name.lower(), column.lower()) for relation in relations for column in relation.classified}
    if not classified:
        return set()
    schemas = {relation.name: relation.columns for relation in relations}
    traced = column_lineage(parsed.tree.sql(dialect="duckdb"), schemas=schemas, outputs=list(names))
    found = set(traced.unresolved) | _ambiguous(parsed)
    for output in traced.edges:
        if any((source.table.lower(), source.column.lower()) in classified for source in traced.sources(output)):
            found.add(output)
    return (found & set(names)) - _counts(parsed, names)


def _counts(parsed: Query, names: Sequence[str]) -> set[str]:
    if not isinstance(parsed.tree, exp.Select) or len(parsed.tree.selects) != len(names):
        return set()  # a star stands for several columns, so that places no longer tell
    # By place: the engine names an expression without an alias itself.
    return {
        name for name, node in zip(names, parsed.tree.selects, strict=True) if isinstance(node.unalias(), exp.Count)
    } - _ambiguous(parsed)


def _ambiguous(parsed: Query) -> set[str]:
    times = Counter(node.alias_or_name.lower() for node in parsed.tree.selects)
    return {node.alias_or_name for node in parsed.tree.selects if times[node.alias_or_name.lower()] > 1}


def _run(con: DuckDBPyConnection, parsed: Query, relations: Sequence[Relation]) -> int:
    """Fills the session table `result` and returns its rows. From here on only the relations' files can be opened."""
    for relation in relations:
        register_query(con, relation.name, relation.select)
    files = [file for relation in relations for file in relation.files]
    con.execute("SET allowed_paths = $1", [files])
    with suppress(duckdb.CatalogException):  # not in every version
        con.execute("SET python_enable_replacements = false")
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")
    try:
        con.execute(f"CREATE TEMP TABLE result AS {parsed.tree.sql(dialect='duckdb')}")
    except duckdb.Error as error:
        text = str(error) if quotes_no_data(error) else said(error)  # else it would say what the masks hide
        raise ConfigurationError(f"the SELECT cannot run: {text}") from error
    count = con.execute("SELECT count(*) FROM result").fetchone()
    return int(count[0]) if count else 0


def _masked_rows(con: DuckDBPyConnection, names: Sequence[str], masked: set[str], count: int) -> Iterator[list[object]]:
    hidden = [name in masked for name in names]
    cursor = con.execute("SELECT * FROM result LIMIT $1", [count])
    while rows := cursor.fetchmany(_FETCHED_ROWS):
        for row in rows:
            yield [MASK if is_hidden else value for value, is_hidden in zip(row, hidden, strict=True)]


def _print_table(names: Sequence[str], rows: Iterator[list[object]], relations: Sequence[Relation]) -> None:
    print_table("", names, list(rows))
    say("read " + ", ".join(f"{relation.name}@{relation.version}" for relation in relations))


def _print_json(names: Sequence[str], rows: Iterator[list[object]], relations: Sequence[Relation]) -> None:
    print_json(
        {
            "columns": list(names),
            "rows": [dict(zip(names, row, strict=True)) for row in rows],
            "tables": {relation.name: relation.version for relation in relations},
        }
    )


def _print_csv(names: Sequence[str], rows: Iterator[list[object]], _relations: Sequence[Relation]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([defused(name) for name in names])
    writer.writerows([defused(value) for value in row] for row in rows)


def defused(value: object) -> object:
    """The value as a CSV cell: text that a spreadsheet would run as a formula gets an apostrophe in front."""
    text = plain(value)
    return f"'{text}" if isinstance(value, str) and value.startswith(_FORMULA) else "" if text is None else text


_PRINTERS = {"table": _print_table, "json": _print_json, "csv": _print_csv}
