"""A lease on one table, so that two writers do not do the same work. Correctness never rests on it: put-if-absent and
version checks do. The lock dies with its process.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Leases(Protocol):
    """Hands leases out: among the processes of a host (`FileLeases`), or of several (`metastore.leases`)."""

    def hold(self, name: str) -> AbstractContextManager[None]:
        """Waits for the lease of `name` (a table path) and holds it for the block."""
        ...


@dataclass(frozen=True, slots=True)
class FileLeases:
    """Leases as file locks in one folder of the home."""

    folder: Path

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Waits for the lease of `name` (a table path) and holds it for the block."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{name.replace('/', '.')}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
