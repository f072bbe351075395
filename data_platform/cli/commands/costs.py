"""`data-platform costs`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work

_MONTH = click.option("--month", help="YYYY-MM (UTC); this month by default.")


@click.group()
def costs() -> None:
    """See what runs and stored tables cost, and who is charged. Prices are read from DATA_PLATFORM_PRICES."""


@costs.command()
@click.option(
    "--by", default="domain", show_default=True, help="dataset, domain, owner, cost_centre, or tag:KEY of a cost tag."
)
@_MONTH
@options.as_json
def show(by: str, month: str | None, as_json: bool) -> int:
    """Show what a month cost: direct, shared, stored, for each terabyte, untagged, against budgets."""
    return work("costs:show", by=by, month=month, as_json=as_json)


@costs.command()
@click.argument("owner")
@_MONTH
@options.as_json
def statement(owner: str, month: str | None, as_json: bool) -> int:
    """Show what OWNER, a team of contracts, is charged for a month, in cents that add up."""
    return work("costs:statement", owner=owner, month=month, as_json=as_json)


@costs.command()
@options.as_json
def meter(as_json: bool) -> int:
    """Meter what the store holds today; the nightly upkeep does it as well. Again on one day replaces the first."""
    return work("costs:meter", as_json=as_json)
