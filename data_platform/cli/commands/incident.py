"""`data-platform incident`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.group()
def incident() -> None:
    """What is wrong now and was: one incident for each root cause, with its owner, its history and its runbook."""


@incident.command("list")
@click.option("--all", "is_all", is_flag=True, help="Also those that are resolved.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@options.as_json
def list_incidents(is_all: bool, limit: int, as_json: bool) -> int:
    """List open incidents, the newest first. Ends with 1 if there are any."""
    return work("incident:list_incidents", is_all=is_all, limit=limit, as_json=as_json)


@incident.command()
@click.argument("incident_id", metavar="ID")
@options.as_json
def show(incident_id: str, as_json: bool) -> int:
    """Show one incident: cause, symptoms, blast radius, last changes, history, notifications. ID may be its end."""
    return work("incident:show", incident_id=incident_id, as_json=as_json)


@incident.command()
@click.argument("incident_id", metavar="ID")
@click.option("--note", default="", help="What is being done.")
@options.acting
def ack(incident_id: str, note: str, who: str | None) -> int:
    """Take an incident: it is not escalated any more."""
    return work("incident:ack", incident_id=incident_id, note=note, who=who)


@incident.command()
@click.argument("incident_id", metavar="ID")
@click.option("--reason", required=True, help="Why it is over; kept with your name.")
@options.acting
def resolve(incident_id: str, reason: str, who: str | None) -> int:
    """End an incident. What fails now brings it back; of what happened once, only what is new."""
    return work("incident:resolve", incident_id=incident_id, reason=reason, who=who)


@incident.command()
@click.option("--ticket", required=True, help="Where the planned work is written down.")
@click.option("--scope", required=True, help="A dataset, DATASET/SOURCE, a domain, an alert, or served.shop.*")
@click.option("--for", "lasts", required=True, help="How long from now: 30m, 2h, 1d; at most 7 days.")
@click.option("--reason", default="", help="What is being done.")
@options.acting
def suppress(ticket: str, scope: str, lasts: str, reason: str, who: str | None) -> int:
    """Open nothing about a scope, and what follows from it, while planned work goes on.

    Lost data and breaches are told all the same. It ends by itself.
    """
    return work("incident:suppress", ticket=ticket, scope=scope, lasts=lasts, reason=reason, who=who)


@incident.command()
@click.argument("incident_id", metavar="ID")
@click.argument("playbook")
@click.option("--answer", "answers", multiple=True, metavar="QUESTION=ANSWER", help="Again for each question.")
@options.acting
def decide(incident_id: str, playbook: str, answers: tuple[str, ...], who: str | None) -> int:
    """Walk a PLAYBOOK for an incident: without answers its next question, with all of them what to do; kept."""
    return work("incident:decide", incident_id=incident_id, playbook=playbook, answers=answers, who=who)


@incident.command()
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 3650), help="Until now.")
@options.as_json
def report(days: int, as_json: bool) -> int:
    """Show times to detect, acknowledge, mitigate and recover, noise, alerts a shift, alerts that nobody acted on."""
    return work("incident:report", days=days, as_json=as_json)
