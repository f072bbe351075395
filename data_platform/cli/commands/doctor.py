"""`data-platform doctor`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.command()
@click.option(
    "--repair", is_flag=True, help="Derive lost records again from manifests and commits; never changes data."
)
@options.as_json
def doctor(repair: bool, as_json: bool) -> int:
    """Examine home, store, tables and metastore. Ends with 1 if something is wrong; names cause and next command."""
    return work("doctor:doctor", repair=repair, as_json=as_json)
