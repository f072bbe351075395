"""`data-platform rebuild`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.command()
@click.option(
    "--verify", is_flag=True, help="Compare content hashes with the live tables; the live ones stay as they are."
)
@click.option("--dataset", "datasets", multiple=True, help="Only this dataset and what it reads (may be repeated).")
@options.as_json
def rebuild(verify: bool, datasets: tuple[str, ...], as_json: bool) -> int:
    """Derive raw, curated and served from landing and decisions again, in a temporary home."""
    if not verify:
        raise click.UsageError("the live tables are never replaced: say --verify to rebuild aside and compare")
    return work("rebuild:rebuild", datasets=datasets, as_json=as_json)
