"""A run that dies between the commit of one table and its line in the ledger: `python -m … HOME SOURCE TABLE`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from data_platform.lakehouse.tables import Commit
from data_platform.publication.receipt import Receipt
from data_platform.publication.recording import Recorder
from data_platform.quality.verdicts import RuleResult
from data_platform_tests.end_to_end.walking import at, walk

EXIT_CODE = 9


class DyingRecorder(Recorder):
    """Ends the process instead of recording a commit of one table."""

    table = ""

    def record(self, commit: Commit, receipt: Receipt, checks: Sequence[RuleResult] = ()) -> None:
        if str(commit.ref) == DyingRecorder.table:
            os._exit(EXIT_CODE)
        super().record(commit, receipt, checks)


def main(home: str, source: str, table: str) -> None:
    DyingRecorder.table = table
    with at(Path(home), Path(source)) as platform:
        recorder = DyingRecorder(metastore=platform.metastore, clock=platform.clock, lineage=platform.lineage)
        platform.__dict__["recorder"] = recorder  # before anything is made from it
        walk(platform)


if __name__ == "__main__":
    main(*sys.argv[1:])
