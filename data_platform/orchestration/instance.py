"""Dagster's instance for runs that a program starts: the same one that `dagster dev` in the project's folder shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster._core.instance.ref import InstanceRef

from data_platform.settings import Settings, project_folder

_NO_LOGS = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance of `DAGSTER_HOME`; without it, of the project's `dagster.yaml`; without that, one in the home.

    What steps print is not captured: the terminal belongs to whoever called.
    """
    folder = _config_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    overrides = {"compute_logs": _NO_LOGS, "telemetry": {"enabled": False}, **_storage(folder)}
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(folder), overrides=overrides)) as instance:
        yield instance


def has_storage(settings: Settings) -> bool:
    """Whether anybody ever turned a sensor or schedule on, or ran a daemon, as far as the storage's place tells."""
    folder = _config_folder(settings)
    base_dir = _storage(folder).get("local_artifact_storage", {}).get("config", {}).get("base_dir")
    return base_dir is None or (Path(base_dir) / "schedules" / "schedules.db").is_file()


def _config_folder(settings: Settings) -> Path:
    named = os.environ.get("DAGSTER_HOME")  # Dagster's own variable, which its commands obey too
    if named:
        return Path(named)
    project = project_folder()
    return project if (project / "dagster.yaml").is_file() else settings.dagster_home


def _storage(folder: Path) -> dict[str, Any]:
    """SQLite storage with absolute places, which Dagster would resolve against the working directory, and pooled
    connections. Any other storage stays as `dagster.yaml` says.
    """
    file = folder / "dagster.yaml"
    written: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8")) or {} if file.is_file() else {}
    storage = written.get("storage", {"sqlite": {"base_dir": "."}})
    base_dir = storage.get("sqlite", {}).get("base_dir")
    if not isinstance(base_dir, str):
        return {}
    place = str(folder / base_dir)
    pooled = {
        "module": "data_platform.orchestration.event_log",
        "class": "PooledSqliteStorage",
        "config": {"base_dir": place},
    }
    artifacts = {"module": "dagster._core.storage.root", "class": "LocalArtifactStorage", "config": {"base_dir": place}}
    return {"storage": {"custom": pooled}, "local_artifact_storage": artifacts}
