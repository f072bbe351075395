"""`data-platform rejected`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.group()
def rejected() -> None:
    """Look at what sources delivered that could not be read. The text of records is never shown."""


@rejected.command("list")
@click.argument("dataset", required=False)
@click.option("--limit", default=50, show_default=True, help="How many items of a DATASET to list.")
@options.as_json
def list_rejected(dataset: str | None, limit: int, as_json: bool) -> int:
    """Count rejected files and records by source and reason, or list those of a raw DATASET with their places."""
    return work("rejected:list_rejected", dataset=dataset, limit=limit, as_json=as_json)
