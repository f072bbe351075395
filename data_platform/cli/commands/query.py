"""`data-platform query`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.command()
@click.argument("statement", metavar="SELECT")
@click.option(
    "--as-of",
    metavar="VERSION|TIMESTAMP|RUN",
    help="A table's version (one table in the SELECT), a time (ISO 8601), or the inputs of a run.",
)
@click.option("--unmask", is_flag=True, help="Show classified columns; the audit line says so.")
@click.option("--csv", "as_csv", is_flag=True, help="CSV on stdout; cells that a spreadsheet would run are defused.")
@click.option(
    "--limit", type=click.IntRange(min=1), help="At most so many rows; 100 for the table, none for CSV and JSON."
)
@options.as_json
def query(statement: str, as_of: str | None, unmask: bool, as_csv: bool, limit: int | None, as_json: bool) -> int:
    """Read any layer with one SELECT: raw, rejected, curated, quarantine, late, decisions and served tables.

    Tables are named <layer>.<domain>.<dataset>. For operators: every call leaves an audit line.
    """
    if as_csv and as_json:
        raise click.UsageError("choose one of --csv and --json")
    form = "csv" if as_csv else "json" if as_json else "table"
    return work("query:query", statement=statement, as_of=as_of, unmask=unmask, form=form, limit=limit)
