"""`data-platform late`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.group()
def late() -> None:
    """Look at rows that came after their day was published, and admit them. Classified values are never shown."""


@late.command("list")
@click.argument("dataset", required=False)
@click.option("--limit", default=50, show_default=True, help="How many rows of a DATASET to list.")
@options.as_json
def list_held(dataset: str | None, limit: int, as_json: bool) -> int:
    """Count late rows, or list those of a curated DATASET."""
    return work("held:list_held", fate="late", dataset=dataset, limit=limit, as_json=as_json)


@late.command()
@click.argument("dataset")
@click.argument("batch", required=False)
@click.argument("record", required=False, type=int)
@click.option("--all", "everything", is_flag=True, help="Admit every late row of DATASET.")
@click.option("--note", required=True, help="Why closed days may be amended; kept with the decision.")
@options.yes
def admit(dataset: str, batch: str | None, record: int | None, everything: bool, note: str, yes: bool) -> int:
    """Decide that late rows amend their closed days, and run again what that touches."""
    return work(
        "held:decide", fate="late", dataset=dataset, chosen=(batch, record, None, everything), note=note, yes=yes
    )
