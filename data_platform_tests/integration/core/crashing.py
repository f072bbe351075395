"""A process that dies, without any clean-up, right after one step of an ingest and a materialization.

    python -m data_platform_tests.integration.core.crashing FOLDER STEP
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

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


if __name__ == "__main__":
    folder, step = Path(sys.argv[1]), sys.argv[2]
    if step == "manifest":
        die_after(LandingLog, "append", lambda _: True)
    else:
        die_after(Table, "commit", lambda table: table.ref.zone.value == step)
    kit = Kit(folder)
    kit.ingest("orders")
    kit.materialize("curated.orders")
