"""`data-platform status`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.command()
@options.as_json
def status(as_json: bool) -> int:
    """Show every dataset: rows, checks, ledger residual, how far it is complete, what is stale."""
    return work("status:status", as_json=as_json)
