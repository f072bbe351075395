"""Dagster's instance for runs that a program starts: the same one that `dagster dev` in the project's folder shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.instance.ref import InstanceRef

from data_platform.orchestration.storage import config_folder, sqlite_folder
from data_platform.settings import Settings

_NO_LOGS = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance of `DAGSTER_HOME`; without it, of the project's `dagster.yaml`; without that, one in the home.

    What steps print is not captured: the terminal belongs to whoever called.
    """
    folder = config_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    if folder == settings.dagster_home:
        (folder / "dagster.yaml").touch()  # without one Dagster warns each time that it takes its defaults
    overrides = {"compute_logs": _NO_LOGS, "telemetry": {"enabled": False}, **_storage(folder)}
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(folder), overrides=overrides)) as instance:
        yield instance


def _storage(folder: Path) -> dict[str, Any]:
    """SQLite storage with absolute places, which Dagster would resolve against the working directory, and pooled
    connections. Any other storage stays as `dagster.yaml` says.
    """
    base_dir = sqlite_folder(folder)
    if base_dir is None:
        return {}
    place = str(base_dir)
    pooled = {
        "module": "data_platform.orchestration.event_log",
        "class": "PooledSqliteStorage",
        "config": {"base_dir": place},
    }
    artifacts = {"module": "dagster._core.storage.root", "class": "LocalArtifactStorage", "config": {"base_dir": place}}
    return {"storage": {"custom": pooled}, "local_artifact_storage": artifacts}
