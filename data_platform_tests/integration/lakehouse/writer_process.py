"""A writer as its own process, for tests of crashes and races: `python writer_process.py STORE SPILL WRITER COUNT`.

Appends batches 1 to COUNT of WRITER, one row each, and prints each number once its commit is durable. It starts after
the newest batch that the table holds.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

from data_platform.errors import CommitConflict
from data_platform.lakehouse.duck import Engine
from data_platform.lakehouse.tables import Lake
from data_platform_tests.integration.lakehouse.orders import REF, rows, staged


def main(store: str, spill: str, writer: int, count: int) -> None:
    table = Lake(store).table(REF)
    with Engine(spill_dir=Path(spill)) as engine, engine.session() as con:
        while True:
            base = table.snapshot()
            n = (base.transaction(f"writer-{writer}") or 0) + 1
            if n > count:
                return
            files = staged(con, table, rows(writer * 1000 + n, 1))
            try:
                table.commit(base, adds=files, transactions={f"writer-{writer}": n})
            except CommitConflict:
                time.sleep(random.random() / 50)
                continue
            print(n, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
