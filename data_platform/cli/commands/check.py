"""`data-platform check`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.group()
def check() -> None:
    """Ask whether something is ready."""


@check.command()
@click.argument("dataset")
@options.as_json
def prod(dataset: str, as_json: bool) -> int:
    """Ask whether DATASET may be promoted: owner, rules, objectives, alert route, runbook, cost tags, evidence.

    Ends with 1, and what to add, if it lacks anything.
    """
    return work("readiness:check_production", dataset=dataset, as_json=as_json)
