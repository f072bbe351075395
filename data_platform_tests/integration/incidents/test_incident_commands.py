from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_platform.cli.main import run
from data_platform.metastore.component_beats import ComponentBeat
from data_platform.metastore.engine import open_metastore
from data_platform.metastore.security_events import SecurityEvent


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_PLATFORM_HOME", str(tmp_path))
    opened = open_metastore(f"sqlite:///{tmp_path}/metastore.db")
    opened.migrate()
    now = datetime.now(UTC)
    opened.operations.security_events.append(
        SecurityEvent(at=now, kind="leaked_credential", subject="token:x", detail="found in a public place")
    )
    old = now - timedelta(hours=1)
    beat = ComponentBeat(component="sensor:x", instance="h:1", beat_at=old, expected_every_seconds=30)
    opened.operations.component_beats.beat(beat)
    opened.close()
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    assert run(words) == code
    return json.loads(capsys.readouterr().out)


def test_an_incident_is_seen_taken_decided_and_resolved(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["watch", "--expect"]) == 1
    assert run(["watch", "--once"]) == 0
    assert run(["watch", "--expect"]) == 0
    capsys.readouterr()
    found = told(capsys, "incident", "list", "--json", code=1)
    breach = next(one for one in found if one["alert"] == "security_breach")
    assert {one["alert"] for one in found} == {"security_breach", "watch_silent"}
    end = breach["incident_id"][-6:]
    assert run(["incident", "ack", end, "--as", "kim", "--note", "looking"]) == 0
    assert run(["incident", "decide", end, "security", "--as", "kim"]) == 1  # the first question is open
    answers = ("--answer", "is_credential=yes", "--answer", "is_used=no")
    assert run(["incident", "decide", end, "security", *answers, "--as", "kim"]) == 0
    assert run(["incident", "show", end]) == 0
    capsys.readouterr()
    assert run(["incident", "resolve", end, "--reason", "rotated", "--as", "kim"]) == 0
    assert "still failing" not in capsys.readouterr().err  # what happened once is settled by that
    shown = told(capsys, "incident", "show", end, "--json")
    assert [line["kind"] for line in shown["history"]] == ["opened", "acknowledged", "decided", "resolved"]
    assert shown["incident"]["resolved_by"] == "kim"
    assert shown["notifications"][0]["error"].startswith("no channel")
    assert run(["watch", "--once"]) == 0  # a person has dealt with it
    capsys.readouterr()
    report = told(capsys, "incident", "report", "--json")
    assert (report["incidents"], report["pages"], report["actionable"]) == (2, 1, 0.5)
    silent = next(one["incident_id"] for one in found if one["alert"] == "watch_silent")
    assert run(["incident", "resolve", silent, "--reason", "hm", "--as", "kim"]) == 0
    said = capsys.readouterr().err
    assert "still failing now: watch_silent of " in said
    assert said.endswith("it will open again at the next turn of the watch\n")


def test_a_suppression_is_refused_without_a_near_end_and_a_scope(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suppress = ["incident", "suppress", "--ticket", "T-1", "--as", "kim"]
    assert run([*suppress, "--scope", "curated.commerce.orders", "--for", "2h"]) == 0
    assert "this holds back 16 alerts of 1 dataset" in capsys.readouterr().err
    assert run(["incident", "list"]) == 0
    listed = capsys.readouterr().err
    assert re.search(r"suppressed: curated\.commerce\.orders until \d{4}-\d\d-\d\d \d\d:\d\d UTC \(T-1, kim\)", listed)
    assert run([*suppress, "--scope", "curated.commerce.order", "--for", "2h"]) == 2
    assert "write curated.commerce.orders" in capsys.readouterr().err
    assert run([*suppress, "--scope", "*", "--for", "2h"]) == 2
    assert run([*suppress, "--scope", "curated.commerce.orders", "--for", "soon"]) == 2
    assert run([*suppress, "--scope", "curated.commerce.orders", "--for", "8d"]) == 2
    assert run(["breaker", "reset", "nothing"]) == 2
    assert run(["incident", "show", "nothing"]) == 2


def test_a_runbook_is_shown_and_its_looks_are_taken(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runbook", "show", "connector-lost"]) == 0
    assert "## Mitigate" in capsys.readouterr().out
    assert run(["runbook", "show", "connector-lost", "--domain", "commerce"]) == 0
    assert run(["runbook", "show", "connector-lost", "--domain", "comerce"]) == 2
    assert "there is no domain 'comerce'; write 'commerce'" in capsys.readouterr().err
    assert run(["runbook", "run", "breaker_open", "--dry-run"]) == 0
    assert run(["runbook", "run", "breaker_open", "--as", "kim"]) == 0
    listed = told_list(capsys)
    assert {"breaker_open", "data_loss"} <= listed


def told_list(capsys: pytest.CaptureFixture[str]) -> set[str]:
    capsys.readouterr()
    return {one["name"] for one in told(capsys, "runbook", "list", "--json")}
