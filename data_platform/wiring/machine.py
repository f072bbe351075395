"""What is known of the installation and the machine that this process runs on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from data_platform.settings import Settings


def code_version() -> str:
    """The installed version of the platform."""
    try:
        return version("data-platform")
    except PackageNotFoundError:
        return "unreleased"


def free_disks(settings: Settings) -> Iterator[tuple[str, float]]:
    """The free share of the disks that hold home and store, as far as they are on this machine."""
    places = {"home": settings.home, **({} if "://" in settings.store else {"store": Path(settings.store)})}
    for name, folder in places.items():
        if folder.exists():
            usage = shutil.disk_usage(folder)
            yield name, usage.free / usage.total if usage.total else 0.0
