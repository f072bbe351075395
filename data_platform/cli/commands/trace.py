"""`data-platform trace`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.command()
@click.argument("id_", metavar="ID")
@options.as_json
def trace(id_: str, as_json: bool) -> int:
    """Print the chain that ID is part of, from the source's batches to the served tables.

    ID is a run id, a batch `<source>/<n>`, a lineage event's id, a trace id, or a table version `<table>@<version>`.
    """
    return work("trace:trace", id_=id_, as_json=as_json)
