"""What tests do to a shop's store behind the platform's back, with the tools that people have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import write_deltalake

from data_platform.catalog.scanning import Scanned
from data_platform.contracts.model import Layer
from data_platform.metastore.catalog_findings import FindingEntry
from data_platform.metastore.catalog_reads import DatasetLine
from data_platform_tests.integration.orchestration.shop import drop, shop
from data_platform_tests.kit import Kit


@dataclass
class Estate:
    """The kit, with its tables made."""

    kit: Kit

    def made(self) -> Estate:
        """Two orders, taken the whole way."""
        shop(self.kit)
        drop(self.kit, "a.csv", ("A1", "2026-03-01", "10.00"), ("A2", "2026-03-02", "12.00"))
        self.kit.ingest("orders")
        for name in ("curated.orders", "served.revenue", "served.totals"):
            self.kit.refresh(name)
        self.build()
        return self

    def build(self) -> None:
        """The served file."""
        datasets = self.kit.platform.project.datasets.values()
        self.kit.platform.warehouse.build([one.contract for one in datasets if one.name.layer is Layer.SERVED])

    def scan(self) -> Scanned:
        return self.kit.platform.scanner.scan()

    def standings(self) -> dict[str, str]:
        """What is not as it should be, by name."""
        return {one.name: one.standing for one in self.scan().findings if one.standing != "managed"}

    def finding(self, name: str) -> FindingEntry:
        found = self.kit.platform.metastore.catalog.findings.of(name)
        assert found is not None
        return found

    def differences(self, name: str) -> list[tuple[str, ...]]:
        """Kind, subject, expected and found of each difference of the newest scan."""
        parts = ("kind", "subject", "expected", "found")
        return [tuple(one[part] for part in parts) for one in self.finding(name).differences]

    def cataloged(self, name: str, namespace: str = "data_platform") -> DatasetLine | None:
        """What the catalog has when every event is delivered."""
        self.kit.platform.registration.tell()
        self.kit.platform.delivery.once(within_seconds=10)
        return self.kit.platform.metastore.catalog.reads.dataset(namespace, name=name)

    def folder(self, place: str) -> str:
        return f"{self.kit.platform.settings.store}/{place}"

    def write(self, place: str, columns: Mapping[str, Sequence[Any]], **options: Any) -> None:
        """Writes a Delta table as any script does."""
        credentials = self.kit.platform.credentials
        if "://" in self.kit.platform.settings.store:
            options["storage_options"] = credentials.delta_options()
        write_deltalake(self.folder(place), pa.table(dict(columns)), **options)

    def add_order(self, **more: Sequence[Any]) -> None:
        """Appends an order to the curated table, and columns that it never had."""
        self.write("tables/curated/shop/orders", {"order_id": ["X"], **more}, mode="append", schema_mode="merge")

    def served(self, *statements: str) -> None:
        """Changes the served file."""
        with duckdb.connect(str(self.file)) as con:
            for statement in statements:
                con.execute(statement)

    @property
    def file(self) -> Path:
        return self.kit.platform.settings.warehouse_file
