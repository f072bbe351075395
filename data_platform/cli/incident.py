"""The work of `incident`."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from data_platform.cli.environment import platform_here
from data_platform.cli.output import counted, print_json, print_table, say
from data_platform.cli.times import moment, typed_span
from data_platform.errors import ConfigurationError
from data_platform.incidents.dossier import dossier
from data_platform.incidents.evidence import facts
from data_platform.incidents.playbook import read_playbook
from data_platform.incidents.report import report as report_of
from data_platform.incidents.suppressing import checked, names_of, scope_of
from data_platform.metastore.component_beats import WATCH
from data_platform.metastore.incidents import IncidentEntry
from data_platform.metastore.suppressions import SuppressionEntry
from data_platform.wiring.platform import Platform

_NAMED = 3  # of what still fails
_SHOWN = (
    *("incident_id", "cause", "alert", "severity", "state", "owner", "recipient", "began_at", "detected_at"),
    "acknowledged_by",
)


def list_incidents(*, is_all: bool, limit: int, as_json: bool) -> int:
    """Prints incidents; 1 where one is open."""
    with platform_here() as platform:
        found = platform.metastore.operations.incidents.recent(is_open=not is_all, limit=limit)
        watched = _watched(platform)
        held = platform.metastore.operations.suppressions.at(platform.clock.now())
    if as_json:
        print_json(found)
    else:
        columns = ("id", "severity", "state", "since", "what", "owner", "recipient")
        print_table("", columns, [_row(one) for one in found])
        if not found:
            say(f"no incident is open; {watched}" if not is_all else f"there was no incident; {watched}")
        for one in held:
            say(f"suppressed: {one.scope} until {one.expires_at:%Y-%m-%d %H:%M} UTC ({one.ticket}, {one.who})")
    return 1 if any(not one.is_over for one in found) else 0


def _watched(platform: Platform) -> str:
    """Whether no incident means anything: only a watch opens them."""
    beat = platform.metastore.operations.component_beats.of(WATCH)
    if beat is None:
        return "but nothing watches: `data-platform serve`, `data-platform watch` or the sensor `watch`"
    now = platform.clock.now()
    at = f"the watch was at work {(now - beat.beat_at).total_seconds():.0f} s ago"
    return f"but {at} and not since: start it again" if beat.is_stopped or beat.is_silent(now) else at


def show(*, incident_id: str, as_json: bool) -> int:
    """Prints one incident."""
    with platform_here() as platform:
        incident = platform.people.find(incident_id)
        told = dossier(platform.metastore, incident)
    if as_json:
        print_json(told)
        return 0
    print_table(
        incident.title,
        ("what", "is"),
        [*((key, _said(told["incident"][key])) for key in _SHOWN), ("runbook", incident.detail.get("runbook", ""))],
    )
    if told["run_id"]:
        say(f"the run behind it: {told['run_id']}; `data-platform trace {told['run_id']}` and `data-platform logs`")
    radius = incident.detail.get("blast_radius", {})
    if incident.detail.get("ended"):
        say(str(incident.detail["ended"]))
    owners = ", ".join(radius.get("owners", ())) or "nobody"
    beyond = f"; with those outside the project: data-platform catalog impact {incident.dataset}"
    say(f"hits {counted(radius.get('count', 0), 'dataset')} of {owners}{beyond if incident.dataset else ''}")
    rows = [
        (s.alert, s.subject, _said(s.first_seen), _said(s.cleared_at), _worded(s.evidence))
        for s in told["symptoms"][:50]
    ]
    print_table("\nsymptoms", ("alert", "of", "since", "until", "evidence"), rows)
    changes = [
        (c.get("what"), c.get("from", ""), c.get("to", ""), moment(datetime.fromisoformat(c["at"])))
        for c in incident.detail["changes"]
    ]
    if changes:
        print_table("\nlast changes before", ("what", "from", "to", "at"), changes)
    print_table(
        "\nhistory", ("at", "who", "what", ""), [(_said(e.at), e.who, e.kind, e.detail) for e in told["history"]]
    )
    notes = [
        (n.kind, n.severity, n.recipient, n.channel, _said(n.delivered_at), n.error) for n in told["notifications"]
    ]
    print_table("\nnotifications", ("kind", "severity", "to", "through", "delivered", "error"), notes)
    return 0


def ack(*, incident_id: str, note: str, who: str | None) -> int:
    """Takes an incident."""
    with platform_here() as platform:
        taken = platform.people.acknowledge(incident_id, who=acting(who), note=note)
    say(f"{taken.incident_id} is {taken.acknowledged_by}'s: {taken.title}")
    return 0


def resolve(*, incident_id: str, reason: str, who: str | None) -> int:
    """Ends an incident."""
    with platform_here() as platform:
        ended = platform.people.resolve(incident_id, who=acting(who), reason=reason)
        symptoms = platform.metastore.operations.symptoms.of([ended.incident_id])
    say(f"{ended.incident_id} is resolved: {reason}")
    # what happened once is settled by a person's word; what is so now is not
    lasting = [f"{one.alert} of {one.subject}" for one in symptoms if one.cleared_at is None and not one.marks]
    if lasting:
        more = f" and {len(lasting) - _NAMED} more" if len(lasting) > _NAMED else ""
        say(f"still failing now: {', '.join(lasting[:_NAMED])}{more}; it will open again at the next turn of the watch")
    return 0


def suppress(*, ticket: str, scope: str, lasts: str, reason: str, who: str | None) -> int:
    """Declares a suppression."""
    with platform_here() as platform:
        covered = scope_of(scope, names_of(platform.project))
        now = platform.clock.now()
        asked = SuppressionEntry(
            ticket=ticket,
            scope=covered.text,
            starts_at=now,
            expires_at=now + _span(lasts),
            who=acting(who),
            reason=reason,
        )
        entry = checked(asked)
        platform.metastore.operations.suppressions.declare(entry)
    say(f"warning: this holds back {covered}, and what follows from them; lost data and breaches are told all the same")
    say(f"nothing is opened about {covered.text} until {entry.expires_at:%Y-%m-%d %H:%M} UTC ({ticket})")
    return 0


def decide(*, incident_id: str, playbook: str, answers: Sequence[str], who: str | None) -> int:
    """Walks a playbook, and keeps the answers."""
    tree = read_playbook(playbook)
    given = {name: said for name, _, said in (answer.partition("=") for answer in answers)}
    outcome = tree.walk(given)
    if outcome.question is not None:
        say(f"{outcome.question.name}: {outcome.question.ask} ({' | '.join(outcome.question.answers)})")
        return 1
    with platform_here() as platform:
        detail = f"{playbook}: {', '.join(f'{k}={v}' for k, v in given.items())}: {outcome.decision}"
        platform.people.note(incident_id, who=acting(who), kind="decided", detail=detail)
    say(outcome.decision)
    return 0


def report(*, days: int, as_json: bool) -> int:
    """Prints the times and the noise."""
    with platform_here() as platform:
        now = platform.clock.now()
        found = report_of(platform.metastore, since=now - timedelta(days=days), until=now)
    if as_json:
        print_json(found)
    else:
        rows = [(key, _said(value)) for key, value in asdict(found).items()]
        print_table(f"the last {days} days", ("what", "is"), rows)
    return 0


def acting(who: str | None) -> str:
    """Who does it."""
    return who or getpass.getuser()


def _row(one: IncidentEntry) -> tuple[object, ...]:
    since = f"{one.detected_at:%Y-%m-%d %H:%M}"
    return (one.incident_id, one.severity.value, one.state.value, since, one.title, one.owner, one.recipient)


def _worded(evidence: Mapping[str, object]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in facts(evidence))


def _said(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, float):
        return f"{value:.2f}"
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _span(text: str) -> timedelta:
    span = typed_span(text)
    if span is None:
        raise ConfigurationError(f"{text!r} is no span of time; write 30m, 2h or 1d")
    return span
