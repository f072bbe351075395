"""A tiny project for tests of the core: contracts from one line per column, deliveries from rows, tables read back.

Nothing here computes an expectation; oracles stand in the tests, in plain Python.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from hypothesis import Phase, settings

from data_platform.clock import ManualClock
from data_platform.contracts.days import DayRange
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.model import DatasetName
from data_platform.lakehouse.content_hash import ContentHash, content_hash
from data_platform.lakehouse.snapshots import Snapshot
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.lakehouse.tables import Table
from data_platform.metastore.partitions import PartitionEntry
from data_platform.publication.candidate import Published, Run
from data_platform.publication.decisions import Decision, HeldPlace
from data_platform.publication.receipt import BatchCount
from data_platform.settings import load_settings
from data_platform.wiring.platform import Platform
from data_platform_tests.openlineage_check import loaded_check

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
FATES = ("curated", "quarantined", "late", "duplicate", "pending", "applied", "unchanged", "superseded")

# An example runs the whole platform, so a failing one is not shrunk: that would take minutes.
EXAMPLES = settings(max_examples=5, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))

_TYPES: dict[str, dict[str, Any]] = {
    "string": {"logicalType": "string"},
    "int": {"logicalType": "integer"},
    "double": {"logicalType": "number", "physicalType": "double"},
    "timestamp": {"logicalType": "timestamp", "logicalTypeOptions": {"timezone": True}},
    "date": {"logicalType": "date"},
    "boolean": {"logicalType": "boolean"},
}


def column(line: str) -> dict[str, Any]:
    """One property: `<name> <type> [required] [key] [partition] [unique] [internal] [min=…] [max=…] [pattern=…]`."""
    name, kind, *flags = line.split()
    given: dict[str, Any] = {
        "name": name,
        **({} if kind in _TYPES else {"physicalType": kind, "logicalType": "number"}),
    }
    given |= {key: dict(value) if isinstance(value, dict) else value for key, value in _TYPES.get(kind, {}).items()}
    for flag in flags:
        word, _, value = flag.partition("=")
        if word == "key":
            given |= {"required": True, "primaryKey": True}
        elif word == "partition":
            given |= {"partitioned": True, "partitionKeyPosition": 1}
        elif word == "internal":
            given["classification"] = "internal"
        elif word in ("min", "max", "pattern"):
            option = {"min": "minimum", "max": "maximum"}.get(word, word)
            given.setdefault("logicalTypeOptions", {})[option] = value if word == "pattern" else int(value)
        else:
            given[word] = True
    return given


def contract(
    name: str,
    columns: Iterable[str],
    *,
    quality: Sequence[Mapping[str, Any]] = (),
    version: str = "1.0.0",
    relationships: Sequence[Mapping[str, Any]] = (),
    **custom: Any,
) -> str:
    """The text of a contract; `name` is `<layer>.<dataset>`, keywords are `platform.*` properties."""
    layer, dataset = name.split(".")
    properties = [column(line) for line in columns]
    keyed = [one for one in properties if one.get("primaryKey")]
    for position, one in enumerate(keyed, 1):
        one["primaryKeyPosition"] = position
    schema: dict[str, Any] = {"name": dataset, "properties": properties}
    if quality:
        schema["quality"] = [dict(entry) for entry in quality]
    if relationships:
        schema["relationships"] = [dict(entry) for entry in relationships]
    if layer == "raw":
        custom.setdefault("format", {"kind": "csv"})
    return yaml.safe_dump(
        {
            "apiVersion": "v3.1.0",
            "kind": "DataContract",
            "id": f"urn:shop:{name}",
            "version": version,
            "status": "active",
            "domain": "shop",
            "team": {"name": "Shop", "members": [{"username": "ann@example.com", "role": "Owner"}]},
            "schema": [schema],
            "customProperties": [{"property": f"platform.{key}", "value": value} for key, value in custom.items()],
        },
        sort_keys=False,
        allow_unicode=True,
    )


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A CSV delivery with a header; None is the empty field."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([["" if value is None else value for value in row] for row in rows])
    return out.getvalue()


def ndjson_text(rows: Iterable[Mapping[str, object]]) -> str:
    """An NDJSON delivery."""
    return "".join(json.dumps(row, default=str) + "\n" for row in rows)


@dataclass
class Kit:
    """One project in a folder, and the platform over it. `open` again to see changed contracts."""

    folder: Path
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))
    home: Path | None = None
    connectors: dict[str, dict[str, Any]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)  # where they are not the ones below
    _platform: Platform | None = None
    _held: int = 0  # the last event of the outbox that was held against the schemas

    def raw(
        self, dataset: str, columns: Iterable[str], *, connector: Mapping[str, Any] | None = None, **custom: Any
    ) -> None:
        """A raw dataset and the connector of the same name, which takes files from the folder of the same name."""
        self._write("raw", dataset, contract(f"raw.{dataset}", columns, **custom))
        options = {"path": f"{dataset}/*", **(connector or {})}
        (self.folder / "source" / dataset).mkdir(parents=True, exist_ok=True)
        self.connectors[dataset] = {"kind": "file_drop", "dataset": f"raw.shop.{dataset}", **options}
        (self._domain / "connectors.yaml").write_text(yaml.safe_dump({"connectors": self.connectors}))

    def curated(self, dataset: str, columns: Iterable[str], sql: str, **custom: Any) -> None:
        self._computed("curated", dataset, columns, sql, custom)

    def served(self, dataset: str, columns: Iterable[str], sql: str, **custom: Any) -> None:
        self._computed("served", dataset, columns, sql, custom)

    def drop(self, path: str, data: str | bytes) -> Path:
        """Puts a delivery into the source folder."""
        file = self.folder / "source" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.encode() if isinstance(data, str) else data)
        return file

    @property
    def platform(self) -> Platform:
        if self._platform is None:
            usual: dict[str, Any] = {
                "home": self.home or self.folder / "home",
                "domains": (str(self.folder / "domains"),),
                "source": self.folder / "source",
                "threads": 2,
                "memory_limit": "500MB",
            }
            self._platform = Platform(load_settings(**usual | self.settings), self.clock)
        return self._platform

    def reopen(self) -> None:
        """Forgets everything a process holds, as after a restart."""
        self.close()

    def close(self) -> None:
        """Releases everything; every lineage event of the test is held against the published schemas first."""
        platform, self._platform = self._platform, None
        if platform is not None:
            try:
                self._hold_events(platform)
            finally:
                platform.close()

    def _hold_events(self, platform: Platform) -> None:
        check = loaded_check() if "lineage" in platform.__dict__ else None
        if check is None:
            return
        for entry in platform.metastore.outbox.after(self._held, limit=10_000):
            check.check(json.loads(entry.payload))
            self._held = entry.place

    def run(self) -> Run:
        """A new run, a second after whatever was before."""
        self.clock.advance(timedelta(seconds=1))
        return self.platform.run()

    def ingest(self, source: str) -> tuple[BatchCount, ...]:
        return self.platform.ingester.ingest(self.entry(source), self.run())

    def materialize(self, name: str, first: str | None = None, last: str | None = None) -> Published:
        days = DayRange.of(date.fromisoformat(first), date.fromisoformat(last or first)) if first else None
        return self.platform.materializer.materialize(dataset(name), run=self.run(), days=days)

    def refresh(self, name: str) -> list[Published]:
        """Materializes what is stale of a dataset, range by range."""
        stale = self.platform.staleness.of(dataset(name))
        if not stale:
            return []
        run = self.platform.materializer.materialize
        return [run(dataset(name), run=self.run(), days=days) for days in (stale.days or (None,))]

    def stale_days(self, name: str) -> list[str]:
        return [day.isoformat() for block in self.platform.staleness.of(dataset(name)).days for day in block]

    def entry(self, source: str) -> ConnectorEntry:
        return next(e for d in self.platform.project.domains for e in d.connectors if e.name == source)

    def table(self, name: str, zone: Zone | None = None) -> Table:
        of = dataset(name)
        return self.platform.lake.table(TableRef(zone or Zone(of.layer.value), of.domain, of.name))

    def head(self, name: str, zone: Zone | None = None) -> Snapshot:
        """The newest version; a side table at the version that its main table names."""
        if zone is Zone.HELD:
            return self.platform.heads.side_for_reading(self.table(name, zone), self.table(name).snapshot())
        return self.table(name, zone).snapshot()

    def rows(self, name: str, zone: Zone | None = None, snapshot: Snapshot | None = None) -> list[dict[str, Any]]:
        """All rows, in the order of all their columns as text."""
        snapshot = snapshot or self.head(name, zone)
        if snapshot.version < 0:
            return []
        with self.platform.engine.session() as con:
            found = con.sql(snapshot.scan()).to_arrow_table().to_pylist()
        return sorted(found, key=lambda row: [str(value) for value in row.values()])

    def held(self, name: str) -> list[dict[str, Any]]:
        return self.rows(name, Zone.HELD)

    def hash(self, name: str, zone: Zone | None = None) -> ContentHash:
        with self.platform.engine.session() as con:
            return content_hash(con, self.head(name, zone).scan())

    def ledger(self, name: str) -> dict[str, dict[str, int]]:
        """The newest line of every partition: `raw` and every fate that is not 0."""
        return {line.partition: fates(line) for line in self.platform.metastore.partitions.latest(str(dataset(name)))}

    def residuals(self, name: str) -> list[int]:
        return [line.residual for line in self.platform.metastore.partitions.latest(str(dataset(name)))]

    def decide(self, name: str, decision: Decision, rows: Iterable[Mapping[str, Any]]) -> int:
        places = [HeldPlace(batch_id=r["batch_id"], record_no=r["record_no"], event_date=r["event_date"]) for r in rows]
        return self.platform.decisions.decide(dataset(name), decision, places, who="ann", note="looked at it")

    def parquet_files(self, name: str, zone: Zone | None = None) -> set[str]:
        """Every Parquet file in the table's folder, named by a commit or not."""
        of = dataset(name)
        folder = self.platform.settings.home / "store" / "tables" / (zone or of.layer).value / of.domain / of.name
        return {path.name for path in folder.glob("*.parquet")}

    @property
    def _domain(self) -> Path:
        domain = self.folder / "domains" / "shop"
        if not domain.exists():
            domain.mkdir(parents=True)
            (self.folder / "source").mkdir(exist_ok=True)
            (domain / "domain.yaml").write_text("team: Shop\non_call: '#shop'\ncost_centre: CC-1\n")
        return domain

    def _computed(self, layer: str, name: str, columns: Iterable[str], sql: str, custom: dict[str, Any]) -> None:
        self._write(layer, name, contract(f"{layer}.{name}", columns, **custom))
        (self._domain / layer / f"{name}.sql").write_text(sql)

    def _write(self, layer: str, name: str, text: str) -> None:
        folder = self._domain / layer
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.odcs.yaml").write_text(text)
        self.close()


def dataset(name: str) -> DatasetName:
    """`<layer>.<dataset>` of the kit's only domain."""
    layer, of = re.fullmatch(r"(\w+)\.(\w+)", name).groups()  # type: ignore[union-attr]
    return DatasetName.parse(f"{layer}.shop.{of}")


def fates(line: PartitionEntry) -> dict[str, int]:
    return {"raw": line.raw_rows} | {fate: getattr(line, fate) for fate in FATES if getattr(line, fate)}


def at(day: str, time: str = "10:00:00") -> str:
    """A timestamp as deliveries write it."""
    return f"{day}T{time}Z"


def later(kit: Kit, **step: int) -> None:
    """Moves the kit's clock forward."""
    kit.clock.advance(timedelta(**step))
