"""`data-platform init`."""

from __future__ import annotations

from pathlib import Path

import click

from data_platform.cli.loading import work


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--domain", default="shop", show_default=True, help="Name of the first domain.")
def init(folder: Path, domain: str) -> int:
    """Write a project of a team's own into DIR: one domain, a little data, and the files that Dagster and CI need."""
    return work("init:init", folder=folder, domain=domain)
