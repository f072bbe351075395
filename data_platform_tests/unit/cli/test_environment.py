"""Settings of commands: exported variables, then the project's `.env`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from data_platform.cli.environment import settings_here


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("DATA_PLATFORM_"):
            monkeypatch.delenv(name)
    (tmp_path / "workspace.yaml").write_text("load_from: []\n")
    (tmp_path / ".env").write_text("DATA_PLATFORM_DOMAINS=domains\nDATA_PLATFORM_THREADS=1\nOTHER=1\n")
    for name in ("DATA_PLATFORM_DOMAINS", "DATA_PLATFORM_THREADS"):
        monkeypatch.setenv(name, "")  # so that whatever the test exports is taken back
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_env_file_of_the_project_is_read(project: Path) -> None:
    settings = settings_here()
    assert settings.domains == (project / "domains",)
    assert settings.threads == 1
    assert "OTHER" not in os.environ


def test_exported_variables_win(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_PLATFORM_THREADS", "2")
    assert settings_here().threads == 2


def test_a_folder_below_the_project_sees_the_same_settings(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = project / "data" / "orders"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    settings = settings_here()
    assert (settings.domains, settings.home) == ((project / "domains",), project / ".data_platform")
