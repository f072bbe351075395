"""The domain that is benchmarked: order lines and web events of the sample domain, without their references."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

DATASETS = ("order_lines", "web_events")
_COMMERCE = "data_platform.domains"
_UNITS_SQL = """\
-- grain: one row per product
-- key:   product_id
SELECT
    product_id,
    count(*) AS lines_count,
    CAST(sum(quantity) AS BIGINT) AS units_count,
    CAST(sum(line_amount) AS DECIMAL(18, 2)) AS revenue_amount
FROM curated.commerce.order_lines
GROUP BY product_id
"""


def write_domain(folder: Path) -> Path:
    """Writes the domain below `folder` and returns the folder to name in DATA_PLATFORM_DOMAINS."""
    source = Path(str(resources.files(_COMMERCE).joinpath("commerce")))
    target = folder / "commerce"
    shutil.rmtree(target, ignore_errors=True)
    for layer in ("raw", "curated", "served"):
        (target / layer).mkdir(parents=True)
    shutil.copy(source / "domain.yaml", target)
    entries = yaml.safe_load((source / "connectors.yaml").read_text())["connectors"]
    kept = {name: entries[name] for name in DATASETS}
    (target / "connectors.yaml").write_text(yaml.safe_dump({"connectors": kept}))
    for dataset in DATASETS:
        for layer in ("raw", "curated"):
            _copy_contract(source / layer / f"{dataset}.odcs.yaml", target / layer)
        shutil.copy(source / "curated" / f"{dataset}.sql", target / "curated")
    _copy_contract(source / "served" / "conversion_funnel.odcs.yaml", target / "served")
    shutil.copy(source / "served" / "conversion_funnel.sql", target / "served")
    (target / "served" / "product_units.odcs.yaml").write_text(yaml.safe_dump(_units_contract(), sort_keys=False))
    (target / "served" / "product_units.sql").write_text(_UNITS_SQL)
    return folder


def _copy_contract(file: Path, folder: Path) -> None:
    contract = yaml.safe_load(file.read_text())
    for column in contract["schema"][0]["properties"]:
        column.pop("relationships", None)
        custom = [c for c in column.get("customProperties", []) if c["property"] != "platform.reference_severity"]
        column["customProperties"] = custom
    (folder / file.name).write_text(yaml.safe_dump(contract, sort_keys=False))


def _units_contract() -> dict[str, Any]:
    def column(name: str, kind: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "logicalType": kind, "required": True, "description": name.replace("_", " "), **more}

    return {
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": "served.commerce.product_units", "name": "product_units",
        "version": "1.0.0", "status": "active", "domain": "commerce",
        "description": {"purpose": "Units and revenue by product."},
        "team": {"name": "Commerce Data", "members": [{"username": "commerce-data@example.com", "role": "Owner"}]},
        "schema": [{"name": "product_units", "properties": [
            column("product_id", "string", primaryKey=True, primaryKeyPosition=1),
            column("lines_count", "integer", logicalTypeOptions={"minimum": 1}),
            column("units_count", "integer", logicalTypeOptions={"minimum": 1}),
            column("revenue_amount", "number", physicalType="decimal(18,2)"),
        ]}],
        "customProperties": [{"property": "platform.materialization", "value": "table"}],
    }  # fmt: skip
