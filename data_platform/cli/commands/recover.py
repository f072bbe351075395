"""`data-platform recover`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.command()
@click.argument("table")
@options.yes
def recover(table: str, yes: bool) -> int:
    """Take TABLE (e.g. raw.shop.orders) back behind a damaged head, and derive what was lost again.

    The damaged log entry is kept under the table's _damaged folder; nothing is deleted.
    """
    return work("recover:recover", table=table, yes=yes)
