"""Tells the lineage of contracts and queries that never ran, once for each state of the project's files.

What was told stands in the metastore, beside the catalog that it is told to.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from data_platform.contracts.domains import Project
from data_platform.metastore.lineage_told import ToldEntry
from data_platform.publication.recording import Recorder


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What the project is, for whoever reads the lineage.

    Attributes:
        place: of the project, which tells it from others over the same metastore.
        around: what else the events follow from: where the tables are, and the version of the platform.
    """

    recorder: Recorder
    project: Project
    place: str
    around: tuple[str, ...] = ()

    def tell(self) -> int:
        """Puts an event for whatever is new into the outbox; reads one line where the files are as they were.

        Returns:
            how many events say it.
        """
        told = self.recorder.metastore.lineage_told
        subject, state = f"project {self.place}", self._state()
        before = told.of(subject)
        if before is not None and before.is_told(state):
            return 0
        count = self.recorder.register()
        told.record([ToldEntry(subject=subject, digest=state, told_at=self.recorder.clock.now())])
        return count

    def _state(self) -> str:
        sources = [one for domain in self.project.domains for one in domain.connectors]
        parts: list[object] = [
            self.around,
            [(str(one.dataset), one.name, one.kind, dict(one.options)) for one in sources],
            [(str(name), one.contract.sha256, one.sql_text) for name, one in sorted(self.project.datasets.items())],
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
