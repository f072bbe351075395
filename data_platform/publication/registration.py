"""Tells the lineage of contracts and queries that never ran, once for each state of the project's files.

That it was told is remembered beside the other caches; told again, the events have the same ids and change nothing.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from data_platform.contracts.domains import Project
from data_platform.publication.recording import Recorder


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What the project is, for whoever reads the lineage. `remembered` is a file that may be deleted."""

    recorder: Recorder
    project: Project
    remembered: Path

    def tell(self) -> int:
        """Puts an event for each contract and each query into the outbox; none where the files are as they were.

        Returns:
            how many events say it.
        """
        state = self._state()
        if self.remembered.is_file() and self.remembered.read_text() == state:
            return 0
        told = self.recorder.register()
        self.remembered.parent.mkdir(parents=True, exist_ok=True)
        aside = self.remembered.with_suffix(f".{os.getpid()}")
        aside.write_text(state)
        aside.replace(self.remembered)
        return told

    def _state(self) -> str:
        digest = hashlib.sha256()
        for name, dataset in sorted(self.project.datasets.items()):
            digest.update(f"{name}\0{dataset.contract.sha256}\0{dataset.sql_text or ''}\0".encode())
        return digest.hexdigest()
