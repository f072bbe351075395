"""Reads an Open Data Contract Standard file into a `Contract`, or into every fault that it has.

The file is held against the published models (`shape`); the parts are read in `odcs_*`; what the parts must agree on is
in `consistency`. Whether the datasets that a contract names exist is decided in `domains`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from open_data_contract_standard.model import OpenDataContractStandard

from data_platform.contracts.consistency import Layout, check_consistency
from data_platform.contracts.model import (
    Column,
    Contract,
    DatasetName,
    Layer,
    Materialization,
    QualityRule,
    Reference,
    Severity,
)
from data_platform.contracts.odcs_columns import ReadColumn, read_column, read_reference
from data_platform.contracts.odcs_custom import DATASET_KEYS, custom_values, refuse_platform_keys
from data_platform.contracts.odcs_people import read_owner, read_service_level, read_support
from data_platform.contracts.odcs_platform import read_platform
from data_platform.contracts.odcs_quality import read_quality
from data_platform.contracts.parse_cache import ParseCache, parse
from data_platform.contracts.places import FileFaults, Place, content_of, nearest, shown_path
from data_platform.contracts.rules import row_severity_of
from data_platform.contracts.shape import hold_against
from data_platform.contracts.yaml_lines import Document
from data_platform.errors import Fault

SUFFIX = ".odcs.yaml"
STATUSES = ("proposed", "draft", "active", "deprecated", "retired")
NAME = re.compile(r"[a-z][a-z0-9_]*")
_SEMANTIC_VERSION = re.compile(r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?", re.ASCII)
_API_VERSION = re.compile(r"v3\.\d+\.\d+", re.ASCII)
_PROSE_KEYS = ("servers", "price", "team", "roles", "support", "slaProperties", "description")


@dataclass(frozen=True, slots=True)
class ReadResult:
    """A contract, or why there is none. A contract with any fault is not given."""

    contract: Contract | None
    faults: tuple[Fault, ...]


def read_contract(path: Path, *, cache: ParseCache | None = None) -> ReadResult:
    """Reads one contract file. Bad content gives faults and never raises.

    Args:
        path: `<domain>/<raw|curated|served>/<dataset>.odcs.yaml`; the folders and the file give the dataset its name.
        cache: where parsed YAML is kept; None parses anew.
    """
    path = Path(path)
    try:
        content = content_of(path)
    except OSError as error:
        return ReadResult(None, (Fault(shown_path(path), 0, f"cannot be read: {error.strerror}", "make it readable"),))
    return read_contract_text(content, path, cache=cache)


def read_contract_text(content: bytes, path: Path, *, cache: ParseCache | None = None) -> ReadResult:
    """Reads a contract's bytes as if they stood in the file `path`, e.g. a text kept in landing."""
    sha256 = hashlib.sha256(content).hexdigest()
    file = FileFaults(shown_path(path), parse(content, sha256, cache=cache))
    contract = _read(file, path, sha256)
    return ReadResult(None if file.faults else contract, tuple(sorted(file.faults)))


def published_faults(document: Document, path: str) -> tuple[Fault, ...]:
    """What the published models alone have against a document: unknown keys and wrong types."""
    file = FileFaults(path, document)
    for problem in document.problems:
        file.at_line(*problem)
    if not document.problems:
        hold_against(OpenDataContractStandard, file)
    return tuple(sorted(file.faults))


def _read(file: FileFaults, path: Path, sha256: str) -> Contract | None:
    for problem in file.document.problems:
        file.at_line(*problem)
    name = _dataset_name(path, file)
    if file.document.data is None and file.document.problems:
        return None
    if not hold_against(OpenDataContractStandard, file):
        return None
    top = Place(file.document.data, (), file)
    _check_head(top)
    for key in _PROSE_KEYS:
        refuse_platform_keys(top.into(key))
    owner = read_owner(top)
    objects = list(top.items("schema"))
    if len(objects) != 1:
        top.missing(
            "schema", f"the file holds {len(objects)} schema objects", "describe exactly one dataset in one file"
        )
        return None
    dataset = objects[0]
    custom = _dataset_custom(top, dataset)
    platform = read_platform(custom)
    if name is not None:
        _check_name(top, dataset, name)
        platform.setdefault("materialization", _implied(name))
    how = platform.get("materialization")
    row_severity = Severity.QUARANTINE if how is None else row_severity_of(how)  # an unknown how is fault enough
    columns = [read for place in dataset.items("properties") if (read := read_column(place)) is not None]
    if not dataset.get("properties"):
        dataset.missing("properties", "the dataset has no columns", "list at least one property")
    parts = _Parts(columns, tuple(_references(dataset, columns)), tuple(_quality(dataset, columns, row_severity)))
    values = _values(top, dataset, parts)
    if name is None or owner is None or platform.get("materialization") is None:
        _report_missing(dataset, custom, name)
        return None
    if platform["materialization"] is Materialization.ADMIT:
        platform.setdefault("dedupe_key", _primary_key(columns))
    contract = Contract(name=name, path=str(path), sha256=sha256, owner=owner, **values, **platform)
    check_consistency(contract, Layout(dataset, custom, {read.column.name: read.place for read in columns}))
    return contract


@dataclass(frozen=True, slots=True)
class _Parts:
    columns: list[ReadColumn]
    references: tuple[Reference, ...]
    quality: tuple[QualityRule, ...]


def _primary_key(columns: list[ReadColumn]) -> tuple[str, ...]:
    keyed = [(read.column.primary_key_position, read.column.name) for read in columns]
    return tuple(name for _, name in sorted((position or 0, name) for position, name in keyed if position is not None))


def _dataset_name(path: Path, file: FileFaults) -> DatasetName | None:
    layer, domain = path.parent.name, path.parent.parent.name
    stem = path.name.removesuffix(SUFFIX)
    if layer not in list(Layer) or not path.name.endswith(SUFFIX):
        fix = "move it to <domain>/<raw, curated or served>/<dataset>.odcs.yaml"
        file.at_line(0, "the file's place does not say its layer, domain and dataset", fix)
        return None
    for part in (domain, stem):
        if not NAME.fullmatch(part):
            fix = "name domains and datasets with a-z, 0-9 and _, beginning with a letter"
            file.at_line(0, f"{part!r} cannot be a name of a domain or dataset", fix)
            return None
    return DatasetName(Layer(layer), domain, stem)


def _check_head(top: Place) -> None:
    if top.get("kind") != "DataContract":
        top.missing("kind", f"kind is {top.get('kind')!r}", "write kind: DataContract")
    for key, form, fix in (
        ("apiVersion", _API_VERSION, "write apiVersion: v3.2.0"),
        ("version", _SEMANTIC_VERSION, "write a semantic version such as 1.0.0"),
    ):
        if not form.fullmatch(top.text(key)):
            top.missing(key, f"{key} {top.get(key)!r} is not a version of the right form", fix)
    if not top.text("id"):
        top.missing("id", "the contract has no id", "add an id that never changes, such as a UUID or URN")
    status = top.get("status")
    if status not in STATUSES:
        fix = nearest(status, STATUSES) if status else f"add one of: {', '.join(STATUSES)}"
        top.missing("status", f"status {status!r} is unknown", fix)


def _check_name(top: Place, dataset: Place, name: DatasetName) -> None:
    if top.get("domain") != name.domain:
        message = f"domain is {top.get('domain')!r}, but the file lies in domain {name.domain!r}"
        top.missing("domain", message, f"write domain: {name.domain}")
    if dataset.get("name") != name.name:
        message = f"the schema object is named {dataset.get('name')!r}, but the file {name.name!r}"
        dataset.missing("name", message, f"write name: {name.name}")


def _dataset_custom(top: Place, dataset: Place) -> dict[str, Place]:
    custom = custom_values(top, DATASET_KEYS)
    for key, place in custom_values(dataset, DATASET_KEYS).items():
        if key in custom:
            place.fault(f"custom property 'platform.{key}' stands at the top level too", "keep one of the two")
        custom.setdefault(key, place)
    return custom


def _implied(name: DatasetName) -> Materialization | None:
    return Materialization.INGEST if name.layer is Layer.RAW else None


def _report_missing(dataset: Place, custom: dict[str, Place], name: DatasetName | None) -> None:
    if name is not None and name.layer is not Layer.RAW and "materialization" not in custom:
        words = [word.value for word in Materialization if word is not Materialization.INGEST]
        fix = f"add customProperty platform.materialization, one of: {', '.join(words)}"
        dataset.fault(f"{name} does not say how its rows come about", fix)


def _references(dataset: Place, columns: list[ReadColumn]) -> list[Reference]:
    found = [reference for read in columns for reference in read.references]
    own = dataset.text("name")
    for entry in dataset.items("relationships"):
        written = entry.get("from")
        ends = [written] if isinstance(written, str) else written or []
        names = tuple(end.removeprefix(f"{own}.") for end in ends)
        if not names:
            entry.missing("from", "a relationship of the dataset does not say from which columns", "add from")
        elif (reference := read_reference(entry, names)) is not None:
            found.append(reference)
    return found


def _quality(dataset: Place, columns: list[ReadColumn], row_severity: Severity) -> list[QualityRule]:
    entries: list[tuple[Place, Column | None]] = [(place, None) for place in dataset.items("quality")]
    entries += [(place, read.column) for read in columns for place in read.place.items("quality")]
    found: dict[str, QualityRule] = {}
    for place, column in entries:
        rule = read_quality(place, column=column, row_severity=row_severity)
        if rule is None:
            continue
        if rule.name in found:
            message = f"two quality entries are named {rule.name!r}, the other on line {found[rule.name].line}"
            place.fault(message, "give each a name of its own")
        found[rule.name] = rule
    return list(found.values())


def _values(top: Place, dataset: Place, parts: _Parts) -> dict[str, Any]:
    description = top.into("description")
    return {
        "version": top.text("version"),
        "status": top.text("status"),
        "columns": tuple(read.column for read in parts.columns),
        "references": parts.references,
        "quality": parts.quality,
        "description": dataset.text("description") or description.text("purpose"),
        "usage": description.text("usage"),
        "limitations": description.text("limitations"),
        "granularity": dataset.text("dataGranularityDescription"),
        "tags": tuple(dict.fromkeys([*(top.get("tags") or ()), *(dataset.get("tags") or ())])),
        "support": read_support(top),
        "service_level": read_service_level(top),
    }
