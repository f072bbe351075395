"""`data-platform run`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.command()
@click.argument("datasets", nargs=-1, metavar="[DATASET]...")
@options.as_json
def run(datasets: tuple[str, ...], as_json: bool) -> int:
    """Ingest what the sources have to offer, then materialize what is stale: everything, or the DATASETs named."""
    return work("demo:run", datasets=datasets, as_json=as_json)
