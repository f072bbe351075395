"""`data-platform warehouse`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.group()
def warehouse() -> None:
    """The served layer as one DuckDB file for people and BI tools."""


@warehouse.command()
@options.as_json
def build(as_json: bool) -> int:
    """Make the file say what the served tables say; does nothing where it does already."""
    return work("status:build_warehouse", as_json=as_json)
