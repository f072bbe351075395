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
    overrides: dict[str, Any] = {"compute_logs": _NO_LOGS, "telemetry": {"enabled": False}}
    folder = _config_folder(settings)
    if folder == settings.dagster_home:
        folder.mkdir(parents=True, exist_ok=True)
    else:
        overrides |= _absolute_places(folder)
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(folder), overrides=overrides)) as instance:
        yield instance


def _config_folder(settings: Settings) -> Path:
    named = os.environ.get("DAGSTER_HOME")  # Dagster's own variable, which its commands obey too
    if named:
        return Path(named)
    project = project_folder()
    return project if (project / "dagster.yaml").is_file() else settings.dagster_home


def _absolute_places(folder: Path) -> dict[str, Any]:
    """Storage places of `dagster.yaml` made absolute: Dagster would resolve them against the working directory."""
    file = folder / "dagster.yaml"
    written: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8")) or {} if file.is_file() else {}
    places = {name: written[name] for name in ("storage", "local_artifact_storage") if name in written}
    return {name: _absolute(value, folder) for name, value in places.items()}


def _absolute(value: Any, folder: Path) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: str(folder / inner) if key == "base_dir" and isinstance(inner, str) else _absolute(inner, folder)
            for key, inner in value.items()}
