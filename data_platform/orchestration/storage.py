"""Where Dagster's instance keeps what it knows, told without loading Dagster: that takes seconds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from data_platform.settings import Settings, project_folder


def has_storage(settings: Settings) -> bool:
    """Whether anybody ever turned a sensor or schedule on, or ran a daemon, as far as the storage's place tells."""
    base_dir = sqlite_folder(config_folder(settings))
    return base_dir is None or (base_dir / "schedules" / "schedules.db").is_file()


def config_folder(settings: Settings) -> Path:
    """The folder of `dagster.yaml`: `DAGSTER_HOME`; without it the project, if it has one; otherwise in the home."""
    named = os.environ.get("DAGSTER_HOME")  # Dagster's own variable, which its commands obey too
    if named:
        return Path(named)
    project = project_folder()
    return project if (project / "dagster.yaml").is_file() else settings.dagster_home


def sqlite_folder(folder: Path) -> Path | None:
    """Where the instance configured in a folder keeps its SQLite files; None where it has another storage."""
    file = folder / "dagster.yaml"
    written: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8")) or {} if file.is_file() else {}
    storage = written.get("storage", {"sqlite": {"base_dir": "."}})
    base_dir = storage.get("sqlite", {}).get("base_dir")
    return folder / base_dir if isinstance(base_dir, str) else None
