"""`data-platform quarantine`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.group()
def quarantine() -> None:
    """Look at rows held back by a rule, and release them. Classified values are never shown."""


@quarantine.command("list")
@click.argument("dataset", required=False)
@click.option("--limit", default=50, show_default=True, help="How many rows of a DATASET to list.")
@options.as_json
def list_held(dataset: str | None, limit: int, as_json: bool) -> int:
    """Count quarantined rows by rule, or list those of a curated DATASET."""
    return work("held:list_held", fate="quarantined", dataset=dataset, limit=limit, as_json=as_json)


@quarantine.command()
@click.argument("dataset")
@click.argument("batch")
@click.argument("record", type=int)
@options.as_json
def show(dataset: str, batch: str, record: int, as_json: bool) -> int:
    """Show one row of DATASET, redacted, with every rule it broke."""
    return work("held:show", fate="quarantined", dataset=dataset, batch=batch, record=record, as_json=as_json)


@quarantine.command()
@click.argument("dataset")
@click.argument("batch", required=False)
@click.argument("record", required=False, type=int)
@click.option("--rule", help="Release the rows whose only broken rule is this one.")
@click.option("--all", "everything", is_flag=True, help="Release every quarantined row of DATASET.")
@click.option("--note", required=True, help="Why the rows are good after all; kept with the decision.")
@options.yes
def release(
    dataset: str, batch: str | None, record: int | None, rule: str | None, everything: bool, note: str, yes: bool
) -> int:
    """Decide that rows are good after all, and run again what that touches."""
    return work(
        "held:decide", fate="quarantined", dataset=dataset, chosen=(batch, record, rule, everything), note=note, yes=yes
    )
