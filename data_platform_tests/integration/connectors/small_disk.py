"""A disk of a few pages below a folder, which a test fills and frees again: a tmpfs of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PAGE_BYTES = 4096
_SIZE_BYTES = 32 << 20


@dataclass(frozen=True)
class SmallDisk:
    """Where it is mounted."""

    folder: Path

    @property
    def free_pages(self) -> int:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize // PAGE_BYTES

    def leave(self, pages: int) -> None:
        """Fills it but for so many pages."""
        self.free()
        with self._ballast.open("wb") as file:
            file.write(b"x" * (max(0, self.free_pages - pages) * PAGE_BYTES))

    def free(self) -> None:
        """Takes away what `leave` has filled it with."""
        self._ballast.unlink(missing_ok=True)

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Mounts it; skips with the reason where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE_BYTES}", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small disk cannot be mounted here, which takes root: {error}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)
