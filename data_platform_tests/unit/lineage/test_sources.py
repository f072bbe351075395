"""Names by the OpenLineage naming specification (spec/Naming.md); no secret of an address is in them."""

from __future__ import annotations

from typing import Any

import pytest

from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.model import DatasetName
from data_platform.lineage.sources import external_name


@pytest.mark.parametrize(
    ("kind", "options", "namespace", "name"),
    [
        ("file_drop", {"path": "orders/2026/*.csv"}, "file", "orders/2026"),
        ("file_drop", {"path": "/data/orders.csv"}, "file", "/data/orders.csv"),
        ("file_drop", {"path": "s3://shop/in/orders/*.csv"}, "s3://shop", "in/orders"),
        ("file_drop", {"path": "sftp://ann:secret@Host:2222/in/*.csv"}, "sftp://Host:2222", "in"),
        ("kafka", {"bootstrap": "one:9092,two:9092", "topic": "orders"}, "kafka://one:9092", "orders"),
        (
            "postgres_cdc",
            {"host": "db", "port": 5433, "dbname": "shop", "table": "sales.orders"},
            "postgres://db:5433",
            "shop.sales.orders",
        ),
        (
            "sql_table",
            {"url": "postgresql+psycopg://ann:secret@db/shop", "table": "orders"},
            "postgres://db:5432",
            "shop.public.orders",
        ),
        ("sql_table", {"url": "mysql+pymysql://db:3307/shop", "table": "orders"}, "mysql://db:3307", "shop.orders"),
        ("sql_table", {"url": "sqlite:///shop.db", "table": "orders"}, "file", "shop.db/orders"),
        (
            "rest_pull",
            {"url": "https://ann:secret@api.example.com/v1/", "path": "/orders"},
            "https://api.example.com",
            "/v1/orders",
        ),
        ("sql_table", {"url": "duckdb://:secret@", "table": "orders"}, "file", "/orders"),
        (
            "rest_pull",
            {"url": "https://api.example.com", "path": "/orders?key=secret"},
            "https://api.example.com",
            "/orders",
        ),
        ("http_push", {"path": "/events/orders"}, "http_push", "/events/orders"),
        ("carrier_pigeon", {}, "carrier_pigeon", "shop.orders_in"),
    ],
)
def test_a_source_is_named_as_other_producers_name_it(
    kind: str, options: dict[str, Any], namespace: str, name: str
) -> None:
    entry = ConnectorEntry(
        name="orders_in",
        kind=kind,
        dataset=DatasetName.parse("raw.shop.orders"),
        options=options,
        path="connectors.yaml",
        line=1,
    )
    found = external_name(entry)
    assert (found.namespace, found.name) == (namespace, name)
    assert "secret" not in repr(found)
