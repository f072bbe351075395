from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from data_platform.cli.main import root
from data_platform.incidents import runbook
from data_platform.incidents.explaining import _TITLES
from data_platform.incidents.model import HELD, Alert
from data_platform.incidents.playbook import playbooks, read_playbook
from data_platform.incidents.rules.all import FAMILIES

BOOKS = dict(runbook.names())
LINK = re.compile(r"\[[^\]]+\]\(([^)]+)\)")


def test_each_alert_has_a_runbook_and_a_title_and_a_rule_and_each_runbook_an_alert() -> None:
    alerts = {alert.value for alert in Alert}
    assert set(BOOKS) == alerts
    assert set(_TITLES) == alerts
    assert {alert.value for _, ours in FAMILIES.values() for alert in ours} == alerts


@pytest.mark.parametrize("name", BOOKS)
def test_a_runbook_says_all_that_is_asked_at_night(name: str) -> None:
    text = BOOKS[name].read_text()
    assert tuple(re.findall(r"^## (.+)$", text, re.MULTILINE)) == runbook.SECTIONS
    assert text.startswith("# ")
    for target in LINK.findall(text):
        assert (BOOKS[name].parent / target).exists(), target
    for named in re.findall(r"playbook `([a-z_]+)`", text):
        assert named in list(playbooks())


@pytest.mark.parametrize("name", BOOKS)
def test_a_runbook_says_where_the_evidence_is_and_how_the_incident_ends(name: str) -> None:
    text = BOOKS[name].read_text()
    diagnose = [step.command for step in runbook.steps(text) if step.section == "Diagnose"]
    assert "data-platform incident show ID" in diagnose
    verify = text.split("## Verify")[1].split("## Escalate")[0]
    assert re.search(r"^It (never )?ends ", verify, re.MULTILINE)
    is_by_hand = any(
        step.command.startswith("data-platform incident resolve ID --reason") for step in runbook.steps(text)
    )
    assert is_by_hand == (Alert(name) in HELD)


@pytest.mark.parametrize("name", BOOKS)
def test_every_command_of_a_runbook_exists_as_it_is_written(name: str) -> None:
    steps = list(runbook.steps(BOOKS[name].read_text()))
    assert any(step.section == "Diagnose" and step.is_safe for step in steps)
    assert any(step.section == "Verify" for step in steps)
    for step in steps:
        assert step.words[0] == "data-platform"
        _parse(step.words[1:])


def _parse(words: list[str]) -> None:
    """Parses a command line to its end without running it."""
    command: click.Command = root
    context = click.Context(command, info_name="data-platform")
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, words
        command, words = found, words[1:]
        context = click.Context(command, parent=context, info_name=command.name)
    command.parse_args(context, list(words))


def test_a_domains_own_runbook_wins(tmp_path: Path) -> None:
    (tmp_path / "run_failed.md").write_text("# Ours\n")
    assert runbook.read("run-failed", tmp_path) == "# Ours\n"
    assert runbook.runbook_of("run_failed", str(tmp_path)) == str(tmp_path / "run_failed.md")
    assert runbook.runbook_of("data_loss", str(tmp_path)).endswith("runbooks/data_loss.md")
    assert Path(runbook.runbook_of("data_loss")).is_file()


def test_only_complete_commands_that_look_are_run_by_a_machine() -> None:
    text = "## Diagnose\n```sh\ndata-platform doctor\ndata-platform trace RUN_ID\ndata-platform incident show ID\nrm -r x\n```\n## Mitigate\n```sh\ndata-platform run\n```\n"
    assert [step.command for step in runbook.steps(text) if step.is_safe] == ["data-platform doctor"]


@pytest.mark.parametrize("name", list(playbooks()))
def test_every_answer_of_a_playbook_leads_to_a_decision(name: str) -> None:
    tree = read_playbook(name)
    reached = set()

    def walk(given: dict[str, str]) -> None:
        outcome = tree.walk(given)
        if outcome.question is None:
            reached.add(outcome.decision)
            return
        for answer in outcome.question.answers:
            walk({**given, outcome.question.name: answer})

    walk({})
    assert reached == set(tree.decisions.values())
