"""`data-platform demo`."""

from __future__ import annotations

from pathlib import Path

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.command()
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Where the platform keeps its data.")
@options.as_json
def demo(home: Path | None, as_json: bool) -> int:
    """Take sample_data the whole way, from files to the served layer, and show what became of it.

    Ends with 0 only if every dataset was published and every ledger closes to 0. Running it again changes nothing.
    """
    return work("demo:demo", home=home, as_json=as_json)
