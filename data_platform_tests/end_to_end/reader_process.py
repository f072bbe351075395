"""A consumer as a process of its own: reads the served table and the warehouse file again and again while others write.

`python -m … HOME SOURCE READS STOP OUT` reads READS times, or until the file STOP exists if READS is 0, and writes
to OUT what it saw: every different result of each door, in order, and how often it read.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import duckdb

from data_platform.lakehouse.table_ref import TableRef
from data_platform.wiring.platform import Platform
from data_platform_tests.end_to_end.walking import at

COLUMNS = "order_date::VARCHAR, currency, orders_count, quantity, least_quantity, amount::VARCHAR"
SERVED = TableRef.parse("served.kiosk.daily_sales")


def main(home: str, source: str, reads: str, stop: str, out: str) -> None:
    seen: dict[str, list[list[object]]] = {"served": [], "warehouse": []}
    done = 0
    with at(Path(home), Path(source)) as platform:
        while done < int(reads) if int(reads) else not Path(stop).exists():
            note(seen["served"], read_served(platform))
            if platform.settings.warehouse_file.exists():
                note(seen["warehouse"], read_warehouse(platform.settings.warehouse_file))
            done += 1
            Path(f"{out}.begun").touch()
            time.sleep(0.002)
    Path(out).write_text(json.dumps({"reads": done, **seen}))


def note(seen: list[list[object]], result: list[object]) -> None:
    """Keeps a result that is not the one before."""
    if not seen or seen[-1] != result:
        seen.append(result)


def read_served(platform: Platform) -> list[object]:
    """The served table as Delta, at the head that readers may see."""
    snapshot = platform.heads.for_reading(platform.lake.table(SERVED))
    if snapshot.version < 0:
        return []
    with platform.engine.session() as con:
        return [list(row) for row in con.execute(f"SELECT {COLUMNS} FROM ({snapshot.scan()}) ORDER BY ALL").fetchall()]


def read_warehouse(file: Path) -> list[object]:
    """The served table in the warehouse file."""
    with duckdb.connect(str(file), read_only=True) as con:
        return [list(row) for row in con.execute(f"SELECT {COLUMNS} FROM kiosk.daily_sales ORDER BY ALL").fetchall()]


if __name__ == "__main__":
    main(*sys.argv[1:])
