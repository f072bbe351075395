"""What Dagster shows of a dataset before anything ran: names, groups, owners, tags and columns, from its contract."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from data_platform.contracts.domains import Dataset
from data_platform.contracts.model import Column, Contract, DatasetName, Layer, Owner
from data_platform.orchestration.location import Location, asset_key
from data_platform.transforms.recipe import fingerprint

_TAG_LENGTH = 63


def asset_spec(location: Location, dataset: Dataset, partitions: dg.PartitionsDefinition[str] | None) -> dg.AssetSpec:
    """The asset of one dataset."""
    contract, name = dataset.contract, dataset.name
    inputs = location.graph.inputs.get(name, ())
    return dg.AssetSpec(
        asset_key(name),
        deps=[asset_key(other) for other in location.dependencies.get(name, ())],
        description=description(contract),
        metadata=definition_metadata(location, dataset),
        group_name=f"{name.domain}_{name.layer}",
        code_version=fingerprint(location.project, dataset, inputs=inputs)[:16],
        owners=owners(contract.owner),
        tags=tags(contract),
        kinds=kinds(contract),
        partitions_def=partitions,
    )


def description(contract: Contract) -> str:
    """What the dataset is, for whom, and what it cannot do."""
    parts = [contract.description, contract.granularity]
    parts += [f"**Use.** {contract.usage}" if contract.usage else ""]
    parts += [f"**Limits.** {contract.limitations}" if contract.limitations else ""]
    return "\n\n".join(part for part in parts if part)


def owners(owner: Owner) -> list[str]:
    """The team, and its address where the contract names one."""
    return [f"team:{owner.team}"] + ([owner.email] if owner.email else [])


def kinds(contract: Contract) -> set[str]:
    """What the dataset is read from or computed with, and where it is kept."""
    if contract.name.layer is Layer.RAW:
        return {contract.format.kind.value, "delta"} if contract.format else {"delta"}
    return {"duckdb", "delta", "pandera"}


def tags(contract: Contract) -> dict[str, str]:
    """The contract's tags and what people filter by."""
    named = {tag_text(tag): "" for tag in contract.tags}
    known = {"layer": contract.name.layer, "materialization": contract.materialization, "tier": contract.tier}
    costs = {f"cost_{key}": value for key, value in contract.cost_tags}
    return named | {tag_text(key): tag_text(value) for key, value in {**known, **costs}.items()}


def tag_text(text: str) -> str:
    """Text as Dagster admits it in tags: at most 63 characters of letters, digits, `_`, `.` and `-`."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text)[:_TAG_LENGTH]


def definition_metadata(location: Location, dataset: Dataset) -> Mapping[str, Any]:
    """Where the dataset lives and what its columns are."""
    contract, name = dataset.contract, dataset.name
    store = location.settings.store
    root = store if "://" in store else f"file://{store}"
    found: dict[str, Any] = {
        "dagster/table_name": str(name),
        "dagster/uri": f"{root}/tables/{'/'.join(name.key)}",
        "dagster/column_schema": dg.TableSchema(columns=[_column(contract, c) for c in contract.columns]),
        "files": ", ".join(str(path) for path in (contract.path, dataset.sql_path) if path),
        "contract_version": contract.version,
    }
    if contract.support:
        found["support"] = ", ".join(contract.support)
    return found


def step_name(name: DatasetName) -> str:
    """The asset's op."""
    return "__".join(name.key)


def _column(contract: Contract, column: Column) -> dg.TableColumn:
    key = contract.primary_key
    alone = column.unique or key == (column.name,)
    marks = {"classification": tag_text(column.classification)} | ({"critical": "true"} if column.critical else {})
    return dg.TableColumn(
        name=column.name,
        type=column.type.duckdb(),
        description=column.description,
        constraints=dg.TableColumnConstraints(
            nullable=not (column.required or column.name in key), unique=alone, other=list(_constraints(key, column))
        ),
        tags=marks | {tag_text(tag): "" for tag in column.tags},
    )


def _constraints(key: tuple[str, ...], column: Column) -> Iterator[str]:
    if column.name in key:
        yield f"primary key {key.index(column.name) + 1} of {len(key)}"
    for word, bound in (
        ("≥", column.minimum),
        (">", column.exclusive_minimum),
        ("≤", column.maximum),
        ("<", column.exclusive_maximum),
    ):
        if bound is not None:
            yield f"{word} {bound}"
    if column.pattern is not None:
        yield f"matches {column.pattern}"
    if column.enum:
        yield "one of " + ", ".join(map(str, column.enum))
    if column.reference is not None:
        yield f"refers to {column.reference.target}.{', '.join(column.reference.target_columns)}"
