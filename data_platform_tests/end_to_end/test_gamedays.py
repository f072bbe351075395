"""Game days as they are typed: the record is written, dated, and everything expected was seen."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from data_platform.cli.main import run

STAGES = ["before", "injected", "protected", "detected", "routed", "mitigated", "recovered"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("DATA_PLATFORM_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DATA_PLATFORM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATA_PLATFORM_THREADS", "2")
    return tmp_path / "home"


def record(home: Path) -> dict[str, Any]:
    (file,) = (home / "gamedays").glob("*.json")
    assert re.match(r"\d{4}-\d{2}-\d{2}T\d{6}Z-F\d\.json", file.name)
    told: dict[str, Any] = json.loads(file.read_text())
    digest = told.pop("sha256")
    assert hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest() == digest
    assert digest in file.with_suffix(".md").read_text()
    return told


def test_a_schema_change_and_a_bad_deploy_are_caught_told_once_and_taken_back(home: Path) -> None:
    code = run(["gameday", "F1"])
    told = record(home)
    missed = [entry for entry in told["entries"] if entry["is_met"] is False]
    assert (code, missed) == (0, [])
    seen = [entry["stage"] for entry in told["entries"]]
    assert list(dict.fromkeys(seen)) == STAGES
    assert seen.count("detected") == seen.count("recovered") == 2
    assert all(e["facts"]["seconds"] <= 60 for e in told["entries"] if e["stage"] == "detected")
    assert sorted(path.name for path in home.iterdir()) == ["gamedays"]  # nothing of the team's own was touched


@pytest.mark.campaign
def test_three_silent_connectors_are_found_each_with_its_own_diagnosis(home: Path) -> None:
    code = run(["gameday", "F7"])
    told = record(home)
    assert (code, [entry for entry in told["entries"] if entry["is_met"] is False]) == (0, [])
    diagnoses = {entry["facts"]["diagnosis"] for entry in told["entries"] if entry["stage"] == "detected"}
    assert diagnoses == {"stuck", "refused", "empty"}
