"""How long the definitions of a generated project take to load, above `import dagster`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from data_platform.benchmarks.measuring import Measurement, measure

_CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: {layer}.bench.{name}
name: {name}
version: 1.0.0
status: active
domain: bench
description: {{purpose: A generated dataset.}}
team: {{name: Bench, members: [{{username: bench@example.com, role: Owner}}]}}
schema:
  - name: {name}
    properties:
      - {{name: id, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 1}}
      - {{name: happened_at, logicalType: timestamp, required: true}}
{columns}
customProperties:
{custom}
"""
_RAW = """\
  - {property: platform.format, value: {kind: csv}}
  - {property: platform.watermark, value: happened_at}
"""
_CURATED = "  - {property: platform.materialization, value: admit}\n"


def write_project(folder: Path, *, datasets: int, columns: int = 13) -> Path:
    """Writes `datasets` datasets, half of them raw and half curated, and returns the folder of domains."""
    shutil.rmtree(folder, ignore_errors=True)
    domain = folder / "bench"
    for layer in ("raw", "curated"):
        (domain / layer).mkdir(parents=True)
    (domain / "domain.yaml").write_text("team: Bench\non_call: bench@example.com\ncost_centre: BENCH\n")
    extra = "\n".join(
        f"      - {{name: c{i}, logicalType: string, logicalTypeOptions: {{maxLength: 100}}}}" for i in range(columns)
    )
    connectors = ["connectors:"]
    for number in range(datasets // 2):
        name = f"dataset_{number:04}"
        raw = _CONTRACT.format(
            layer="raw", name=name, columns=extra.replace(", logicalTypeOptions: {maxLength: 100}", ""), custom=_RAW
        )
        curated = _CONTRACT.format(layer="curated", name=name, columns=extra, custom=_CURATED)
        (domain / "raw" / f"{name}.odcs.yaml").write_text(raw.replace(", primaryKey: true, primaryKeyPosition: 1", ""))
        (domain / "curated" / f"{name}.odcs.yaml").write_text(curated)
        names = ", ".join(["id", "happened_at", *(f"c{i}" for i in range(columns))])
        (domain / "curated" / f"{name}.sql").write_text(
            f"-- grain: one row per id\n-- key:   id\nSELECT {names}\nFROM raw.bench.{name}\n"
        )
        connectors.append(f"  {name}: {{kind: file_drop, dataset: raw.bench.{name}, path: {name}/*.csv}}")
    (domain / "connectors.yaml").write_text("\n".join(connectors) + "\n")
    return folder


def measure_definitions(folder: Path, *, datasets: int) -> tuple[Measurement, Measurement, Measurement]:
    """`import dagster` alone, then loading the definitions without and with the parse cache."""
    domains = write_project(folder / "domains", datasets=datasets)
    environment = {"DATA_PLATFORM_HOME": str(folder / "home"), "DATA_PLATFORM_DOMAINS": str(domains)}
    shutil.rmtree(folder / "home", ignore_errors=True)
    bare = (sys.executable, "-c", "import dagster")
    load = (sys.executable, "-c", "from data_platform.definitions import defs; defs.load_fn().get_repository_def()")
    measure(bare, environment={}, log=folder / "bare.log")
    alone = measure(bare, environment={}, log=folder / "bare.log")
    cold = measure(load, environment=environment, log=folder / "cold.log")
    warm = measure(load, environment=environment, log=folder / "warm.log")
    return alone, cold, warm
