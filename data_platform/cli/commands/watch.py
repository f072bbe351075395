"""`data-platform watch`, `breaker` and `runbook`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.command()
@click.option("--once", is_flag=True, help="One turn, then end.")
@click.option("--every", default=15.0, show_default=True, type=click.FloatRange(1, 3600), help="Seconds between turns.")
@click.option("--expect", is_flag=True, help="Only say whether some watch is at work; ends with 1 if none is.")
@options.as_json
def watch(once: bool, every: float, expect: bool, as_json: bool) -> int:
    """Watch everything: measure, judge objectives, keep incidents, tell those on call, until stopped.

    `data-platform serve` and Dagster's sensor `watch` do the same; two at once do not tell anything twice.
    """
    return work("watch:watch", is_once=once, every=every, is_expecting=expect, as_json=as_json)


@click.group()
def breaker() -> None:
    """Circuit breakers: what fails again and again is left alone for a while, then tried once."""


@breaker.command("list")
@options.as_json
def list_breakers(as_json: bool) -> int:
    """List every breaker. Ends with 1 if one is not closed."""
    return work("watch:list_breakers", as_json=as_json)


@breaker.command()
@click.argument("name")
@options.acting
def reset(name: str, who: str | None) -> int:
    """Close breaker NAME now: the next call is made."""
    return work("watch:reset_breaker", name=name, who=who)


@click.group()
def runbook() -> None:
    """What to do about each alert: what it means, what to look at, what mends it."""


@runbook.command("list")
@options.as_json
def list_runbooks(as_json: bool) -> int:
    """List runbooks and playbooks; domains may have their own."""
    return work("runbook:list_runbooks", as_json=as_json)


@runbook.command()
@click.argument("name")
@click.option("--domain", help="The runbook of this domain, if it has its own.")
def show(name: str, domain: str | None) -> int:
    """Print runbook NAME."""
    return work("runbook:show", name=name, domain=domain)


@runbook.command()
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Only say which steps would be taken.")
@click.option("--incident", "incident_id", help="Note the steps in the history of this incident.")
@options.acting
def run(name: str, dry_run: bool, incident_id: str | None, who: str | None) -> int:
    """Take the steps of runbook NAME that only look and need no decision."""
    return work("runbook:run", name=name, is_dry=dry_run, incident_id=incident_id, who=who)
