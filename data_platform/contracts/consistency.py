"""What the parts of one contract must agree on. Each check adds its faults and leaves the contract alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from data_platform.contracts.envelope_columns import envelope_faults
from data_platform.contracts.model import Column, Contract, Delivery, Layer, Materialization
from data_platform.contracts.places import Place, nearest, one
from data_platform.contracts.types import TypeKind

_RAW_ONLY = ("format", "event_time_range", "delivery", "delivery_date_pattern", "schema_change")
_NOT_RAW = ("materialization", "dedupe_key", "sequence", "deletes", "nondeterminism")
_BY_KEY = frozenset({Materialization.MERGE, Materialization.SCD2})
_TIMES = frozenset({TypeKind.DATE, TypeKind.TIMESTAMP})
_ORDERABLE = frozenset({TypeKind.STRING, TypeKind.INTEGER, TypeKind.DECIMAL}) | _TIMES
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_MONEY = re.compile(r"(?:^|_)(?:amount|price|total|revenue|cost)(?:s|$|_)", re.IGNORECASE)
_HISTORY = {
    "valid_from": (TypeKind.TIMESTAMP, True),
    "valid_to": (TypeKind.TIMESTAMP, False),
    "is_current": (TypeKind.BOOLEAN, True),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of a contract stand in its file.

    Attributes:
        dataset: the schema object.
        custom: the dataset's `platform.*` values by name without the prefix.
        columns: the properties by column name.
    """

    dataset: Place
    custom: dict[str, Place]
    columns: dict[str, Place]

    def at(self, key: str) -> Place:
        """The place of a custom property, or of the dataset where it is not written."""
        return self.custom.get(key, self.dataset)


def check_consistency(contract: Contract, layout: Layout) -> None:
    """Adds every fault of the parts against each other to the file's faults."""
    for check in (
        _names,
        _layer,
        _delivery,
        _by_key,
        _history,
        _named_columns,
        _partition,
        _key_positions,
        _money,
        _times,
        _envelope,
        _deprecation,
    ):
        check(contract, layout)


def _names(contract: Contract, layout: Layout) -> None:
    seen: dict[str, str] = {}
    for place in layout.dataset.items("properties"):
        name = place.text("name")
        if not name:
            continue
        where = place.into("name")
        if contract.name.layer is not Layer.RAW and not _NAME.fullmatch(name):
            where.fault(f"column {name!r} is not a lower case name", "use a-z, 0-9 and _, beginning with a letter")
        elif name.startswith("_") or "\0" in name:
            where.fault(
                f"column {name!r} takes a name that the platform keeps for itself", "begin with another character"
            )
        if name.lower() in seen:
            where.fault(f"columns {seen[name.lower()]!r} and {name!r} differ by case at most", "give each its own name")
        seen[name.lower()] = name
    _aliases(contract, layout, seen)


def _aliases(contract: Contract, layout: Layout, names: dict[str, str]) -> None:
    owners = dict(names)
    for column in contract.columns:
        for alias in column.aliases:
            owner = owners.setdefault(alias.lower(), column.name)
            if owner != column.name:
                message = f"alias {alias!r} of column {column.name!r} already means column {owner!r}"
                layout.columns[column.name].fault(message, "give each alias to one column")


def _layer(contract: Contract, layout: Layout) -> None:
    is_raw = contract.name.layer is Layer.RAW
    for key in _NOT_RAW if is_raw else _RAW_ONLY:
        if key in layout.custom:
            other = "curated and served datasets" if is_raw else "raw datasets"
            layout.at(key).fault(
                f"platform.{key} has no effect in {contract.name.layer}; it belongs to {other}", "remove it"
            )
    if is_raw and "format" not in layout.custom:
        layout.dataset.fault(
            f"{contract.name} does not say how its bytes are read", "add customProperty platform.format"
        )
    if is_raw and any(column.unique for column in contract.columns):
        for column in contract.columns:
            if column.unique:
                layout.columns[column.name].into("unique").fault(
                    f"column {column.name!r}: raw keeps every record, repeats too",
                    "move unique to the curated contract",
                )
    if contract.event_time_range != type(contract.event_time_range)() and contract.watermark is None:
        layout.at("event_time_range").fault(
            "event_time_range without a watermark has no effect", "add platform.watermark"
        )


def _delivery(contract: Contract, layout: Layout) -> None:
    if contract.delivery is Delivery.SNAPSHOT and "delivery_date_pattern" not in layout.custom:
        fix = "add customProperty platform.delivery_date_pattern"
        layout.at("delivery").fault("snapshot deliveries are told apart by their date, which nothing gives", fix)


def _by_key(contract: Contract, layout: Layout) -> None:
    how = contract.materialization
    place = layout.at("materialization")
    generated = set(_HISTORY) if how is Materialization.SCD2 else set()
    if how in _BY_KEY and not set(contract.primary_key) - generated:
        place.fault(f"{how} has no key to merge by", "mark the key's columns with primaryKey: true")
    if how in _BY_KEY and not contract.sequence:
        place.fault(f"{how} cannot tell which row of a key is newer", "add customProperty platform.sequence")
    if how in _BY_KEY and set(contract.dedupe_key) not in (set(), set(contract.primary_key) - generated):
        message = f"{how} tells rows apart by its primary key and sequence, never by platform.dedupe_key"
        layout.at("dedupe_key").fault(message, "remove it, or make its columns the primary key")
    if contract.deletes and how not in _BY_KEY:
        layout.at("deletes").fault(f"{how} deletes nothing by key", "remove platform.deletes, or use merge or scd2")
    if contract.name.layer is Layer.RAW:
        return
    for column in contract.columns:
        if column.primary_key_position is not None and not column.required:
            message = f"column {column.name!r} is part of the primary key but may be NULL"
            layout.columns[column.name].fault(message, "add required: true")
        if column.primary_key_position is not None and column.type.kind in (
            TypeKind.OBJECT,
            TypeKind.ARRAY,
            TypeKind.DOUBLE,
        ):
            layout.columns[column.name].fault(f"{one(column.type)} cannot be part of a key", "use an exact, flat type")


def _history(contract: Contract, layout: Layout) -> None:
    if contract.materialization is not Materialization.SCD2:
        return
    columns = {column.name: column for column in contract.columns}
    for name, (kind, is_required) in _HISTORY.items():
        column = columns.get(name)
        wish = f"{kind}, required" if is_required else f"{kind}, may be NULL"
        if name not in columns and name not in layout.columns:
            layout.dataset.fault(f"scd2 has no column {name!r}", f"add {name} ({wish})")
        elif column and (column.type.kind is not kind or column.required is not is_required):
            layout.columns[name].fault(f"scd2's column {name!r} has another type or nullability", f"make it {wish}")
    # Each is made from the order of the rows, so it can neither order nor tell them; valid_from may be in the key.
    for key, names in (
        ("sequence", contract.sequence),
        ("deletes", [contract.deletes.column] if contract.deletes else []),
    ):
        for name in _HISTORY.keys() & set(names):
            layout.at(key).fault(
                f"platform.{key} names {name!r}, which scd2 fills in", "name a column of the query or raw"
            )
    for name in ("valid_to", "is_current"):
        if name in contract.primary_key:
            message = f"column {name!r} changes when the next state comes, so it cannot be part of the primary key"
            layout.columns[name].into("primaryKey").fault(
                message, "remove primaryKey; the key and valid_from are unique"
            )
    for column in contract.columns:
        if column.unique:
            layout.columns[column.name].into("unique").fault(
                f"column {column.name!r}: a history repeats its values",
                "remove unique; the key and valid_from are unique",
            )


def _named_columns(contract: Contract, layout: Layout) -> None:
    # merge and scd2 read sequence and deletes from raw, whose names the curated contract need not carry.
    reads_raw = contract.materialization in _BY_KEY
    named: list[tuple[Place, Iterable[str]]] = [(layout.at("dedupe_key"), contract.dedupe_key)]
    if not reads_raw:
        named.append((layout.at("sequence"), contract.sequence))
    for place in layout.dataset.items("relationships"):
        own = f"{contract.name.name}."
        ends = place.get("from")
        named.append((place, [end.removeprefix(own) for end in ([ends] if isinstance(ends, str) else ends or [])]))
    for place in layout.dataset.items("quality"):
        properties = place.into("arguments").get("properties")
        named.append((place, properties if isinstance(properties, list) else ()))
    for place, names in named:
        for name in names:
            if isinstance(name, str) and name not in layout.columns:
                place.fault(f"{contract.name} has no column {name!r}", nearest(name, layout.columns))


def _times(contract: Contract, layout: Layout) -> None:
    column = _find(contract, contract.watermark)
    place = layout.at("watermark")
    if contract.watermark is not None and contract.watermark not in layout.columns:
        place.fault(f"watermark names no column: {contract.watermark!r}", nearest(contract.watermark, layout.columns))
    elif column is not None and column.type.kind not in _TIMES:
        place.fault(f"the watermark {column.name!r} is {one(column.type)}", "name a timestamp or date column")
    if "allowed_lateness" in layout.custom and contract.watermark is None:
        layout.at("allowed_lateness").fault(
            "allowed_lateness without a watermark has no effect", "add platform.watermark"
        )
    for name in contract.sequence:
        column = _find(contract, name)
        if column is not None and column.type.kind not in _ORDERABLE:
            layout.at("sequence").fault(
                f"the sequence {name!r} is {one(column.type)}, which has no exact order", "name another"
            )


def _partition(contract: Contract, layout: Layout) -> None:
    name = contract.partition_column
    for column in contract.columns:
        if column.partition_position is not None and column.type.kind not in _TIMES:
            message = f"the partition column {column.name!r} is {one(column.type)}"
            layout.columns[column.name].into("partitioned").fault(message, "partition by a timestamp or date column")
    if contract.materialization is Materialization.PARTITION and name is None:
        fix = "mark a date or timestamp column with partitioned: true"
        layout.at("materialization").fault("partition has no partition column", fix)


def _key_positions(contract: Contract, layout: Layout) -> None:
    for attribute, key in (
        ("primary_key_position", "primaryKeyPosition"),
        ("partition_position", "partitionKeyPosition"),
    ):
        seen: dict[int, str] = {}
        for column in contract.columns:
            position = getattr(column, attribute)
            if position in seen:
                message = f"columns {seen[position]!r} and {column.name!r} have the same {key}"
                layout.columns[column.name].fault(message, f"number {key} from 1 upwards")
            if position is not None:
                seen[position] = column.name


def _money(contract: Contract, layout: Layout) -> None:
    for column in contract.columns:
        if column.type.kind is TypeKind.DECIMAL or "not-money" in column.tags:
            continue
        is_tagged = "money" in column.tags
        if is_tagged or (column.type.kind is TypeKind.DOUBLE and _MONEY.search(column.name)):
            fix = "write physicalType: decimal(18,2)" + ("" if is_tagged else ", or tag it not-money")
            layout.columns[column.name].fault(
                f"column {column.name!r} is money but {one(column.type)}, which rounds", fix
            )


def _envelope(contract: Contract, layout: Layout) -> None:
    for name, message, fix in envelope_faults(contract):
        (layout.at("format") if name is None else layout.columns[name]).fault(message, fix)


def _deprecation(contract: Contract, layout: Layout) -> None:
    if contract.deprecation is None:
        return
    if contract.status not in ("deprecated", "retired"):
        message = f"{contract.name} has a sunset, but its status is {contract.status}"
        layout.at("deprecation").fault(message, "write status: deprecated, or remove platform.deprecation")
    if contract.deprecation.replacement == contract.name:
        layout.at("deprecation").fault(f"{contract.name} is to be replaced by itself", "name its replacement")


def _find(contract: Contract, name: str | None) -> Column | None:
    return next((column for column in contract.columns if column.name == name), None)
