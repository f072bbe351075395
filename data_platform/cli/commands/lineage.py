"""`data-platform lineage`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.group()
def lineage() -> None:
    """See where lineage events are sent, and send them. Where to is DATA_PLATFORM_LINEAGE."""


@lineage.command()
@options.as_json
def status(as_json: bool) -> int:
    """Show each sink: delivered, waiting, refused, failing since, next attempt. Ends with 1 if one fails or refused."""
    return work("lineage:status", as_json=as_json)


@lineage.command()
@click.option("--limit", default=50, show_default=True, help="How many of each sink.")
@options.as_json
def refused(limit: int, as_json: bool) -> int:
    """List the events that sinks will not take, and why; --json shows the events themselves."""
    return work("lineage:refused", limit=limit, as_json=as_json)


@lineage.command()
@click.option("--all", "everything", is_flag=True, help="Go on until every sink has everything or stops taking.")
@click.option("--retry-refused", is_flag=True, help="First offer once more what sinks refused.")
@options.as_json
def send(everything: bool, retry_refused: bool, as_json: bool) -> int:
    """Send waiting events now, also to sinks that failed a moment ago. Ends with 1 if a sink did not take them."""
    return work("lineage:send", everything=everything, retry_refused=retry_refused, as_json=as_json)
