"""The work of `runbook`."""

from __future__ import annotations

from pathlib import Path

import click

from data_platform.cli.environment import platform_here, watching_here
from data_platform.cli.incident import acting
from data_platform.cli.output import print_json, print_table, say
from data_platform.contracts.places import nearest
from data_platform.errors import ConfigurationError
from data_platform.incidents import runbook
from data_platform.incidents.playbook import playbooks, read_playbook
from data_platform.metastore.automatic_acts import ActEntry
from data_platform.wiring.platform import Platform


def list_runbooks(*, as_json: bool) -> int:
    """Prints runbooks and playbooks."""
    with watching_here() as platform:
        rows = [("runbook", name, _title(path)) for name, path in runbook.names(_folders(platform))]
    rows += [("playbook", name, read_playbook(name).title) for name in playbooks()]
    if as_json:
        print_json([{"kind": kind, "name": name, "title": title} for kind, name, title in rows])
    else:
        print_table("", ("kind", "name", "about"), rows)
    return 0


def show(*, name: str, domain: str | None) -> int:
    """Prints a runbook."""
    folder = None
    if domain is not None:
        with watching_here() as platform:
            known = [one.name for one in platform.project.domains]
            if domain not in known:
                raise ConfigurationError(f"there is no domain {domain!r}; {nearest(domain, known)}")
            folder = _folder(platform, domain)
    click.echo(runbook.read(name, folder), nl=False)
    return 0


def run(*, name: str, is_dry: bool, incident_id: str | None, who: str | None) -> int:
    """Takes the steps that only look; says which ones a person has to take."""
    from data_platform.cli.main import run as run_command

    worst = 0
    with watching_here() as platform:
        if incident_id is not None:
            incident_id = platform.people.find(incident_id).incident_id
        folder = _folder(platform, incident_id and _domain_of(platform, incident_id))
        steps = list(runbook.steps(runbook.read(name, folder)))
    for step in steps:
        if not step.is_safe:
            say(f"{step.section}: by hand: {step.command}")
            continue
        say(f"{step.section}: {step.command}")
        code = 0 if is_dry else run_command(step.words[1:])
        worst = max(worst, code if code > 1 else 0)  # 1 is what a look finds wrong: that is why somebody looks
        if not is_dry:
            _note(name, step.command, code=code, incident_id=incident_id, who=acting(who))
    return worst


def _note(name: str, command: str, *, code: int, incident_id: str | None, who: str) -> None:
    with platform_here() as platform:
        act = ActEntry(
            at=platform.clock.now(), kind="runbook_step", subject=name, outcome=f"exit {code}", detail=command
        )
        platform.metastore.operations.automatic_acts.append(act)
        if incident_id is not None:
            platform.people.note(incident_id, who=who, kind="runbook", detail=f"{command}: exit {code}")


def _domain_of(platform: Platform, incident_id: str) -> str:
    return platform.people.find(incident_id).domain


def _folders(platform: Platform) -> list[Path]:
    return [domain.path / "runbooks" for domain in platform.project.domains]


def _folder(platform: Platform, domain: str | None) -> Path | None:
    return next((one.path / "runbooks" for one in platform.project.domains if one.name == domain), None)


def _title(path: Path) -> str:
    return path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").strip()
