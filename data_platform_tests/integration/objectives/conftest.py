"""A small shop: two raw datasets, one curated, one served, with promises in their contracts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from data_platform_tests.kit import Kit

LATENCY: Mapping[str, Any] = {"property": "latency", "value": 8, "unit": "h"}
DAILY: Mapping[str, Any] = {"property": "frequency", "value": 1, "unit": "d"}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    kit = Kit(tmp_path)
    kit.raw("orders", ("id int key", "amount int"))
    kit.raw("visits", ("id int key",))
    kit.curated(
        "orders", ("id int key", "amount int"), "SELECT id, amount FROM raw.shop.orders", materialization="admit"
    )
    kit.served(
        "sales", ("total int",), "SELECT sum(amount)::BIGINT AS total FROM curated.shop.orders",
        materialization="table", tier="gold",
    )  # fmt: skip
    promise(kit, "served/sales", [LATENCY, DAILY])
    promise(kit, "raw/visits", [DAILY])
    monkeypatch.chdir(tmp_path)
    for name, value in (("HOME", "home"), ("DOMAINS", "domains"), ("SOURCE", "source")):
        monkeypatch.setenv(f"DATA_PLATFORM_{name}", str(tmp_path / value))
    yield kit
    kit.close()


def promise(kit: Kit, dataset: str, levels: Sequence[Mapping[str, Any]]) -> None:
    """Writes slaProperties into a contract."""
    file = kit.folder / "domains" / "shop" / f"{dataset}.odcs.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "slaProperties": [*map(dict, levels)]}))
    kit.reopen()


def written(kit: Kit, name: str, document: Mapping[str, Any] | str) -> Path:
    """Writes an OpenSLO document into the domain."""
    folder = kit.folder / "domains" / "shop" / "objectives"
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.openslo.yaml"
    file.write_text(document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False))
    kit.reopen()
    return file
