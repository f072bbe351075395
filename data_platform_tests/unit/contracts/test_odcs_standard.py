"""The published standard: its examples are accepted, and a document that breaks its JSON Schema is refused with a line.

Broken documents are made from the schema itself: for every object that it describes, each required key is taken out,
each key with a closed list gets a word that is not in it, and where keys are closed an unknown one is added.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from data_platform.cli.main import root
from data_platform.contracts.odcs_standard import standard_faults
from data_platform.contracts.yaml_lines import parse_yaml

STANDARD = Path(__file__).resolve().parents[4] / "shared" / "standards" / "odcs"
SCHEMA = STANDARD / "schema" / "odcs-json-schema-v3.1.0.json"
pytestmark = pytest.mark.skipif(
    not SCHEMA.is_file(), reason="the published ODCS files are not beside the project (shared/standards/odcs)"
)
EXAMPLES = sorted((STANDARD / "examples").rglob("*.odcs.yaml"))

Path_ = tuple[str | int, ...]
_HEAD = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "one", "version": "1.0.0", "status": "active"}
# One document in which every object stands that the schema closes or asks keys of.
WHOLE: dict[str, Any] = {
    **_HEAD,
    "description": {"purpose": "p", "authoritativeDefinitions": [{"url": "https://e.org", "type": "tutorial"}]},
    "servers": [{"server": "a", "type": "postgresql", "host": "h", "port": 1, "database": "d", "schema": "s",
                 "roles": [{"role": "reader"}], "customProperties": [{"property": "p", "value": 1}]}],
    "price": {"priceAmount": 1, "priceCurrency": "EUR"},
    "team": {"name": "t", "members": [{"username": "ann@example.com", "role": "owner"}]},
    "roles": [{"role": "reader", "customProperties": [{"property": "p", "value": 1}]}],
    "support": [{"channel": "c", "url": "https://e.org"}],
    "slaProperties": [{"property": "latency", "value": 4, "unit": "h"}],
    "customProperties": [{"property": "p", "value": 1}],
    "authoritativeDefinitions": [{"url": "https://e.org", "type": "tutorial"}],
    "schema": [{
        "name": "orders", "logicalType": "object",
        "relationships": [{"type": "foreignKey", "from": "orders.id", "to": "others.id"}],
        "quality": [{"type": "library", "metric": "rowCount", "mustBeGreaterThan": 1, "dimension": "completeness"},
                    {"type": "sql", "query": "SELECT 1", "mustBe": 1}],
        "properties": [
            {"name": "id", "logicalType": "string", "logicalTypeOptions": {"minLength": 1},
             "relationships": [{"type": "foreignKey", "to": "others.id"}],
             "quality": [{"type": "library", "metric": "nullValues", "mustBe": 0}]},
            {"name": "at", "logicalType": "timestamp", "logicalTypeOptions": {"timezone": True}},
            {"name": "tags", "logicalType": "array", "items": {"logicalType": "string"}},
            {"name": "box", "logicalType": "object", "properties": [{"name": "w", "logicalType": "number"}]},
        ],
    }],
}  # fmt: skip


def _schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return loaded


def _rules(schema: dict[str, Any], value: Any, whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schemas that apply to a value: references and every part of allOf, of oneOf and anyOf none."""
    if "$ref" in schema:
        target: Any = whole
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        yield from _rules(target, value, whole)
    yield schema
    for part in schema.get("allOf", ()):
        yield from _rules(part, value, whole)
    for part in schema.get("oneOf", ()):
        is_fit = part.get("type") == ("array" if isinstance(value, list) else "object") or "$ref" in part
        if is_fit and isinstance(value, dict | list) and len(schema["oneOf"]) <= 2:
            yield from _rules(part, value, whole)


def _places(
    schema: dict[str, Any], value: Any, path: Path_, whole: dict[str, Any]
) -> Iterator[tuple[Path_, Any, list[Any]]]:
    rules = list(_rules(schema, value, whole))
    yield path, value, rules
    if isinstance(value, dict):
        for key, inner in value.items():
            of = next((rule["properties"][key] for rule in rules if key in rule.get("properties", {})), None)
            if of is not None:
                yield from _places(of, inner, (*path, key), whole)
    elif isinstance(value, list):
        of = next((rule["items"] for rule in rules if "items" in rule), None)
        for index, inner in enumerate(value if of is not None else ()):
            assert of is not None
            yield from _places(of, inner, (*path, index), whole)


def _at(document: Any, path: Path_) -> Any:
    for step in path:
        document = document[step]
    return document


def _broken() -> Iterator[tuple[str, Path_, dict[str, Any]]]:
    """What is broken, the place of the object or value, and the document."""
    whole = _schema()
    for path, value, rules in _places(whole, WHOLE, (), whole):
        where = ".".join(map(str, path)) or "top"
        for key in sorted({key for rule in rules for key in rule.get("required", ())}):
            if isinstance(value, dict) and key in value:
                document = copy.deepcopy(WHOLE)
                del _at(document, path)[key]
                yield f"{where} without {key}", path, document
        if any(False in (rule.get("additionalProperties"), rule.get("unevaluatedProperties")) for rule in rules):
            document = copy.deepcopy(WHOLE)
            _at(document, path)["notInTheStandard"] = "x"
            yield f"{where} with an unknown key", (*path, "notInTheStandard"), document
        if any("enum" in rule for rule in rules) and path:
            document = copy.deepcopy(WHOLE)
            _at(document, path[:-1])[path[-1]] = "not in the list"
            yield f"{where} outside its list", path, document


CASES = list(_broken()) if SCHEMA.is_file() else []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_of_the_standard_is_accepted(example: Path) -> None:
    result = CliRunner().invoke(root, ["contracts", "lint", str(example), "--json"], standalone_mode=False)
    told = json.loads(result.output)
    assert (told["faults"], result.return_value) == ([], 0)
    # What the platform does not drive is a note with its place, never a fault.
    assert told["verdict"] == "ODCS document, but no dataset of the platform"
    assert all(note["path"].endswith(example.name) for note in told["notes"])


def test_the_whole_document_is_valid_and_every_kind_of_break_is_made() -> None:
    assert standard_faults(parse_yaml(yaml.safe_dump(WHOLE).encode()), "whole.yaml") == ()
    names = [name for name, _, _ in CASES]
    assert len(names) > 50
    assert {word: any(word in name for name in names) for word in ("without", "unknown key", "outside")} == {
        "without": True, "unknown key": True, "outside": True,
    }  # fmt: skip


@pytest.mark.parametrize(("path", "document"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_broken_document_is_refused_with_file_and_line(path: Path_, document: dict[str, Any]) -> None:
    text = yaml.safe_dump(document, sort_keys=False)
    parsed = parse_yaml(text.encode())
    faults = standard_faults(parsed, "broken.odcs.yaml")
    assert faults
    assert all(fault.path == "broken.odcs.yaml" and fault.message and fault.fix for fault in faults)
    lines = len(text.splitlines())
    assert all(1 <= fault.line <= lines for fault in faults)
    # The line of what is broken, or of the nearest object around it.
    around = {parsed.line(path[:end]) for end in range(max(len(path) - 2, 0), len(path) + 1)}
    assert around & {fault.line for fault in faults}
