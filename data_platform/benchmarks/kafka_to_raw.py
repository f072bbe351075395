"""A topic to raw, against a plain loop of the same client into one Parquet file. The broker runs beside them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from data_platform.errors import FatalError

TOPIC = "orders"
PARTITIONS = 4
_COLUMNS: dict[str, dict[str, Any]] = {
    "order_id": {"logicalType": "string"},
    "ordered_at": {"logicalType": "timestamp"},
    "quantity": {"logicalType": "integer"},
    "amount": {"logicalType": "integer"},
}
_SAID = re.compile(r"raw\.bench\.orders +([\d,]+) rows +([\d.]+) s")


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicMeasurement:
    """Seconds from the first poll to the last commit, process start left out on both sides."""

    records: int
    platform_seconds: float
    plain_seconds: float

    @property
    def records_per_second(self) -> float:
        """The platform's rate."""
        return self.records / self.platform_seconds

    @property
    def share_of_plain(self) -> float:
        """The platform's rate, as a share of the plain loop's."""
        return self.plain_seconds / self.platform_seconds


def measure_topic(folder: Path, *, records: int, report: Callable[[str], None]) -> TopicMeasurement:
    """Reads one topic of `records` records to raw, and once more with the plain loop.

    Raises:
        FatalError: a process failed, or raw does not hold every record.
    """
    folder.mkdir(parents=True, exist_ok=True)
    report(f"a topic of {records:,} records")
    with _broker(records) as address:
        report("platform")
        platform = _platform(folder, address, records)
        report("plain loop")
        command = ("data_platform.benchmarks.kafka_plain", address, str(records), str(folder / "plain.parquet"))
        plain = float(_output(*command))
    return TopicMeasurement(records=records, platform_seconds=platform, plain_seconds=plain)


def _platform(folder: Path, address: str, records: int) -> float:
    home = folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    settings = {"DATA_PLATFORM_HOME": str(home), "DATA_PLATFORM_SOURCE": str(folder)}
    domains = {"DATA_PLATFORM_DOMAINS": str(_write_domain(folder / "domains", address))}
    said = _output("data_platform.benchmarks.platform_run", "orders", environment=settings | domains)
    found = _SAID.search(said)
    if found is None or int(found[1].replace(",", "")) != records:
        raise FatalError(f"raw does not hold {records:,} records: {said}")
    return float(found[2])


def _write_domain(folder: Path, address: str) -> Path:
    domain = folder / "bench"
    (domain / "raw").mkdir(parents=True, exist_ok=True)
    owner = {"username": "bench@example.com", "role": "Owner"}
    contract = {
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": "raw.bench.orders", "name": "orders",
        "version": "1.0.0", "status": "active", "domain": "bench", "description": {"purpose": "Small orders."},
        "team": {"name": "Bench", "members": [owner]},
        "schema": [{"name": "orders", "properties": [
            {"name": name, "description": name, **column} for name, column in _COLUMNS.items()]}],
        "customProperties": [{"property": "platform.format", "value": {"kind": "ndjson"}},
                             {"property": "platform.watermark", "value": "ordered_at"}],
    }  # fmt: skip
    source = {"kind": "kafka", "dataset": "raw.bench.orders", "bootstrap": address, "topic": TOPIC}
    (domain / "raw" / "orders.odcs.yaml").write_text(yaml.safe_dump(contract, sort_keys=False))
    (domain / "domain.yaml").write_text(
        yaml.safe_dump({"name": "bench", "team": "Bench", "on_call": "bench", "cost_centre": "bench"})
    )
    (domain / "connectors.yaml").write_text(yaml.safe_dump({"connectors": {"orders": source}}))
    return folder


@contextmanager
def _broker(records: int) -> Iterator[str]:
    command = [sys.executable, "-m", "data_platform.benchmarks.kafka_topic", str(records)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            if not address:
                raise FatalError("the broker did not start")
            yield address
        finally:
            process.terminate()


def _output(module: str, *words: str, environment: dict[str, str] | None = None) -> str:
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(
        command, env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0:
        raise FatalError(f"{' '.join(command)} ended with {done.returncode}")
    return done.stdout
