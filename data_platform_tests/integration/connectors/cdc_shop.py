"""A project that keeps a table of a database by its changes: raw envelopes, and the table itself by `merge`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from data_platform_tests.integration.connectors.postgres_server import PASSWORD, PostgresServer
from data_platform_tests.kit import Kit

RAW = (
    "id int",
    "v string",
    "price decimal(18,2)",
    "cdc_op string required",
    "cdc_sequence string",
    "cdc_ts timestamp required",
)
KEPT = ("id int key", "v string", "price decimal(18,2)")
TABLE = "CREATE TABLE items (id int PRIMARY KEY, v text, price numeric(18, 2))"


def cdc_shop(folder: Path, server: PostgresServer, dbname: str, **options: Any) -> Kit:
    """The project in a folder; `items` is its source and both its datasets."""
    kit = Kit(folder)
    kit.raw(
        "items", RAW, format={"kind": "ndjson", "envelope": "debezium"}, watermark="cdc_ts", allowed_lateness="P999D"
    )
    kit.curated(
        "items",
        KEPT,
        "SELECT id, v, price FROM raw.shop.items",
        materialization="merge",
        sequence=["cdc_sequence"],
    )
    secret = folder / "password"
    secret.write_text(PASSWORD)
    kit.connectors["items"] = {
        "kind": "postgres_cdc",
        "dataset": "raw.shop.items",
        "host": server.host,
        "port": server.port,
        "dbname": dbname,
        "user": "postgres",
        "password": {"file": str(secret)},
        "table": "public.items",
        **options,
    }
    (folder / "domains" / "shop" / "connectors.yaml").write_text(yaml.safe_dump({"connectors": kit.connectors}))
    return kit


def kept(kit: Kit) -> dict[int, tuple[Any, ...]]:
    """The curated table."""
    return {row["id"]: (row["v"], row["price"]) for row in kit.rows("curated.items")}


def held_by_source(server: PostgresServer, dbname: str) -> dict[int, tuple[Any, ...]]:
    """The table at the source."""
    return {row[0]: row[1:] for row in server.rows(dbname, "SELECT id, v, price FROM items")}
