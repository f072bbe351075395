"""`data-platform doctor`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.command()
@click.option(
    "--repair", is_flag=True, help="Derive lost records again from manifests and commits; never changes data."
)
@click.option("--alive", "only_alive", is_flag=True, help="Only what should be at work; for a cron or a supervisor.")
@options.as_json
def doctor(repair: bool, only_alive: bool, as_json: bool) -> int:
    """Examine home, store, tables and metastore, and whether connectors, lineage, watch and Dagster are at work.

    Ends with 1 if something is wrong; names cause and next command.
    """
    return work("doctor:doctor", repair=repair, only_alive=only_alive, as_json=as_json)
