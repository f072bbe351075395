"""What end-to-end tests share: the kiosk's files, and what one undisturbed walk over them leaves behind."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from data_platform.wiring.platform import Platform
from data_platform_tests.end_to_end.kiosk_files import write_kiosk, write_late_orders
from data_platform_tests.end_to_end.walking import at, hashes, walk


@dataclass(frozen=True)
class CleanRun:
    """One undisturbed walk over both drops: its home after each, and the hashes of every table at the end."""

    home: Path
    first: Path
    second: Path
    hashes: dict[str, str]
    home_after_first: Path

    @property
    def sources(self) -> tuple[Path, Path]:
        """The source folder before and after the second drop."""
        return self.first, self.second

    def copy(self, home: Path) -> Path:
        """The home as the walk left it, elsewhere, free to be damaged."""
        shutil.copytree(self.home, home)
        return home


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> CleanRun:
    folder = tmp_path_factory.mktemp("clean")
    first = write_kiosk(folder / "first")
    second = Path(shutil.copytree(first, folder / "second"))
    write_late_orders(second)
    with at(folder / "home", first) as platform:
        walk(platform)
    shutil.copytree(folder / "home", folder / "home_after_first")
    with at(folder / "home", second) as platform:
        walk(platform)
        return CleanRun(folder / "home", first, second, hashes(platform), folder / "home_after_first")


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[Platform]:
    """A kiosk with an empty source folder."""
    (tmp_path / "source").mkdir()
    with at(tmp_path / "home", tmp_path / "source") as platform:
        yield platform
