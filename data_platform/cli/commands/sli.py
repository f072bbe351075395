"""`data-platform sli`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.group()
def sli() -> None:
    """Indicators: what is measured, how, and what it says. Values as datasets: `served.platform.*`."""


@sli.command("list")
@options.as_json
def list_(as_json: bool) -> int:
    """List every indicator with its target and its page, and those that have no source yet."""
    return work("sli:list_", as_json=as_json)


@sli.command()
@click.argument("name", metavar="SLI")
@click.option("--dataset", help="Only one dataset; its history.")
@click.option("--limit", default=50, show_default=True, help="How many values.")
@options.as_json
def show(name: str, dataset: str | None, limit: int, as_json: bool) -> int:
    """Show the newest value of each dataset, or one dataset's values, the newest first."""
    return work("sli:show", name=name, dataset=dataset, limit=limit, as_json=as_json)


@sli.command()
@click.argument("name", metavar="SLI")
def explain(name: str) -> int:
    """Print how an indicator is computed, what could fool it, and which test shows that it is not fooled."""
    return work("sli:explain", name=name)


@sli.command()
@options.as_json
def measure(as_json: bool) -> int:
    """Measure everything now, as the watch does every few seconds."""
    return work("sli:measure", as_json=as_json)


@sli.command()
@options.as_json
def publish(as_json: bool) -> int:
    """Publish what was measured as the datasets served.platform.*, as happens every hour. Writes only what changed."""
    return work("sli:publish", as_json=as_json)
