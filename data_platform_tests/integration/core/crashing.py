"""A process that dies, without any clean-up, right after one step of an ingest and a materialization.

    python -m data_platform_tests.integration.core.crashing FOLDER STEP...

Each step dies in a child of its own, over the project in FOLDER/STEP.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import data_platform.lineage.events
import data_platform.publication.audit  # noqa: F401 - both are loaded once, before the children part
from data_platform.lakehouse.landing import LandingLog
from data_platform.lakehouse.tables import Table
from data_platform_tests.kit import Kit

EXIT = 77


def die_after(owner: type, method: str, is_step: Any) -> None:
    """Lets the process end once `method` has done its work and `is_step(self)` holds."""
    original = getattr(owner, method)

    def dying(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        if is_step(self):
            os._exit(EXIT)
        return result

    setattr(owner, method, dying)


def live(folder: Path, step: str) -> None:
    """Ingests and materializes until the step has been taken."""
    if step == "manifest":
        die_after(LandingLog, "append", lambda _: True)
    else:
        die_after(Table, "commit", lambda table: table.ref.zone.value == step)
    kit = Kit(folder)
    kit.ingest("orders")
    kit.materialize("curated.orders")


if __name__ == "__main__":
    for step in sys.argv[2:]:
        child = os.fork()
        if child == 0:
            live(Path(sys.argv[1]) / step, step)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != EXIT:
            sys.exit(f"{step}: the process did not die at its step")
