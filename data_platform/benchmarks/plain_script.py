"""The alternative: what a careful person would write with DuckDB alone for the same files and the same tables.

Reads the files with declared types, writes raw, curated and served Parquet, and runs the contract's rules as one SQL
pass per table. It lands nothing, keeps no versions, counts no fates and publishes without an audit step.
With the word `dirty` it reads with `ignore_errors`: what it cannot read is lost without a trace. With the word `copy`
it only copies the events to Parquet.
Usage: python -m data_platform.benchmarks.plain_script SOURCE OUT [dirty | copy]
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

LINES = (
    "{'order_id': 'VARCHAR', 'line_number': 'INTEGER', 'product_id': 'VARCHAR', 'ordered_at': 'TIMESTAMPTZ', "
    "'quantity': 'INTEGER', 'unit_price': 'DECIMAL(18,2)', 'line_amount': 'DECIMAL(18,2)'}"
)
EVENTS = (
    "{'event_id': 'VARCHAR', 'session_id': 'VARCHAR', 'event_type': 'VARCHAR', 'event_time': 'TIMESTAMPTZ', "
    "'customer_id': 'VARCHAR', 'product_id': 'VARCHAR', 'order_id': 'VARCHAR', 'page_url': 'VARCHAR', "
    "'send_attempt': 'INTEGER', 'context': "
    "'STRUCT(device VARCHAR, browser VARCHAR, country VARCHAR, campaign VARCHAR)'}"
)
LINE_RULES = (
    "order_id IS NOT NULL AND line_number >= 1 AND product_id IS NOT NULL AND ordered_at IS NOT NULL "
    "AND quantity BETWEEN 1 AND 10000 AND unit_price >= 0 AND line_amount = quantity * unit_price"
)
EVENT_RULES = (
    "event_id IS NOT NULL AND session_id IS NOT NULL AND event_time IS NOT NULL AND send_attempt >= 1 "
    "AND event_type IN ('page_view', 'product_view', 'add_to_cart', 'checkout_start', 'purchase', 'search')"
)


def copy(source: Path, out: Path) -> None:
    """Copies the events to one Parquet file."""
    con = _connected(out)
    events = source / "web_events" / "*.ndjson"
    select = f"FROM read_json('{events}', format = 'nd', columns = {EVENTS})"
    con.execute(f"COPY ({select}) TO '{out}/events.parquet' (FORMAT parquet, COMPRESSION zstd)")


def run(source: Path, out: Path, *, ignore_errors: bool = False) -> None:
    """Builds every table below `out`."""
    con = _connected(out)
    con.execute("ATTACH ':memory:' AS raw; ATTACH ':memory:' AS curated")
    con.execute("CREATE SCHEMA raw.commerce; CREATE SCHEMA curated.commerce")
    lenient = ", ignore_errors = true" if ignore_errors else ""
    lines, events = source / "order_lines" / "*.csv", source / "web_events" / "*.ndjson"
    _table(con, out, "raw", "order_lines", f"FROM read_csv('{lines}', header = true, columns = {LINES}{lenient})")
    _table(con, out, "raw", "web_events", f"FROM read_json('{events}', format = 'nd', columns = {EVENTS}{lenient})")
    domain = Path(__file__).parents[1] / "domains" / "commerce"
    for name, key, order, rules in (
        ("order_lines", "order_id, line_number", "ordered_at DESC", LINE_RULES),
        ("web_events", "event_id", "send_attempt DESC", EVENT_RULES),
    ):
        select = (domain / "curated" / f"{name}.sql").read_text()
        deduplicated = f"FROM ({select}) QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {order}) = 1"
        _table(con, out, "curated", name, deduplicated)
        table = f"curated.commerce.{name}"
        bad = con.execute(f"SELECT count(*) FILTER (NOT coalesce({rules}, false)), count(*) FROM {table}").fetchall()
        twice = con.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {table} GROUP BY {key} HAVING count(*) > 1)"
        ).fetchall()
        sys.stdout.write(f"{name} breaking a rule, rows, repeated keys: {bad} {twice}\n")
    funnel = (domain / "served" / "conversion_funnel.sql").read_text()
    funnel = funnel.replace("$partition_start", "DATE '1970-01-01'").replace("$partition_end", "DATE '2970-01-01'")
    con.execute(f"COPY ({funnel}) TO '{out}/conversion_funnel.parquet' (COMPRESSION zstd)")
    con.execute(
        "COPY (SELECT product_id, count(*) AS lines_count, sum(quantity) AS units_count, sum(line_amount) AS revenue "
        f"FROM curated.commerce.order_lines GROUP BY 1) TO '{out}/product_units.parquet' (COMPRESSION zstd)"
    )


def _connected(out: Path) -> duckdb.DuckDBPyConnection:
    out.mkdir(parents=True, exist_ok=True)
    con = duckdb.connect(config={"memory_limit": "1200MB", "temp_directory": str(out / "spill")})
    con.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
    return con


def _table(con: duckdb.DuckDBPyConnection, out: Path, layer: str, name: str, select: str) -> None:
    file = f"{out}/{layer}_{name}.parquet"
    con.execute(f"COPY ({select}) TO '{file}' (FORMAT parquet, COMPRESSION zstd)")
    con.execute(f"CREATE VIEW {layer}.commerce.{name} AS FROM read_parquet('{file}')")


if __name__ == "__main__":
    words = sys.argv[3:]
    if "copy" in words:
        copy(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        run(Path(sys.argv[1]), Path(sys.argv[2]), ignore_errors="dirty" in words)
