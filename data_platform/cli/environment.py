"""The settings as commands see them: exported variables first, then the project's `.env`, as `dagster` reads it too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dotenv import dotenv_values

from data_platform.settings import PREFIX, Settings, load_settings, project_folder

if TYPE_CHECKING:
    from data_platform.wiring.platform import Platform

_PATHS = ("HOME", "STORE", "SOURCE", "DOMAINS", "PRICES", "ROUTES")


def settings_here(**overrides: Any) -> Settings:
    """The settings of the project around the working directory; `overrides` that are None count as not given.

    Raises:
        ConfigurationError: a variable is unknown or its value cannot be used.
    """
    read_dotenv(project_folder())
    return load_settings(**{name: value for name, value in overrides.items() if value is not None})


def read_dotenv(folder: Path) -> None:
    """Exports the `DATA_PLATFORM_*` lines of `<folder>/.env` that are not yet; relative paths are the folder's."""
    for name, value in dotenv_values(folder / ".env").items():
        if name.startswith(PREFIX) and value and name not in os.environ:
            os.environ[name] = _absolute(folder, name.removeprefix(PREFIX), value)


@contextmanager
def platform_here(**overrides: Any) -> Iterator[Platform]:
    """The platform of the project around the working directory, closed at the end of the block."""
    from data_platform.wiring.platform import open_platform  # who only reads contracts needs no engine and no metastore

    with open_platform(settings_here(**overrides)) as platform:
        yield platform


@contextmanager
def watching_here() -> Iterator[Platform]:
    """The same for commands that only watch and show: over the sound part of the project, with a word on the rest."""
    from data_platform.wiring.platform import open_platform
    from data_platform.wiring.reading import sound_reader

    settings = settings_here()
    with open_platform(settings, reader=sound_reader(settings)) as platform:
        if platform.soundness.files:
            tell_soundness(platform)
        yield platform


def tell_soundness(platform: Platform) -> None:
    """Says which files are faulty, or that none is."""
    from data_platform.cli.output import say

    files = platform.soundness.files
    are = "is 1 faulty file" if len(files) == 1 else f"are {len(files)} faulty files"
    rest = f", of which is shown what was sound last: {', '.join(files)}; data-platform contracts lint"
    say(f"there {are}{rest}" if files else "there are no faulty files any more")


def _absolute(folder: Path, name: str, value: str) -> str:
    if name not in _PATHS or "://" in value:
        return value
    return os.pathsep.join(str(folder / Path(part).expanduser()) for part in value.split(os.pathsep) if part)
