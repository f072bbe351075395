"""A document against the Open Data Contract Standard itself, by the JSON Schema that its package brings along.

Which of it the platform drives is decided in `odcs`. A document can be right here and still be no dataset of the
platform: several schema objects, other server types, quality engines of other tools.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft201909Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import ValidationError, best_match  # type: ignore[import-untyped]

from data_platform.contracts.places import FileFaults, nearest
from data_platform.contracts.yaml_lines import Document
from data_platform.errors import Fault

_PACKAGE = "open_data_contract_standard"
_REFERENCE = re.compile(r"(?:raw|curated|served)\.[^.]+\.[^.]+\.[^.]+$")
_HEAD = ("apiVersion", "kind", "id", "version", "status")
_CLOSED = ("additionalProperties", "unevaluatedProperties")


def standard_faults(document: Document, path: str) -> tuple[Fault, ...]:
    """Everything that the standard refuses in a document, with its line; empty where it is a valid one."""
    file = FileFaults(path, document)
    for problem in document.problems:
        file.at_line(*problem)
    if not document.problems:
        for error in sorted(
            _validator().iter_errors(_as_published(document.data)), key=lambda e: [str(p) for p in e.absolute_path]
        ):
            _note(file, error)
        _check_head(file)
    return tuple(sorted(file.faults))


def _check_head(file: FileFaults) -> None:
    """What documents of 3.1 have to say at their top; 3.2 lets go of the status, which the platform goes by."""
    data = file.document.data
    for key in _HEAD if isinstance(data, dict) else ():
        if data.get(key) is None and not any(repr(key) in fault.message for fault in file.faults):
            file.add((), f"the document has no {key!r}, which the standard requires", f"add {key}")


def _as_published(value: Any, *, key: str = "") -> Any:
    """The document without what the platform says more than the standard: references with layer and domain, quality
    entries that judge rows and so have no bound, and entries with two bounds.
    """
    if isinstance(value, dict):
        inner = {name: _as_published(item, key=name) for name, item in value.items()}
        return _one_bound(inner) if key == "quality" else inner
    if isinstance(value, list):
        return [_as_published(item, key=key) for item in value]
    is_reference = key in ("from", "to") and isinstance(value, str) and _REFERENCE.match(value)
    return ".".join(value.split(".")[2:]) if is_reference else value


def _one_bound(entry: dict[str, Any]) -> dict[str, Any]:
    bounds = [name for name in entry if name.startswith(("mustBe", "mustNotBe"))]
    for name in bounds[1:]:
        if isinstance(entry[name], int | float):
            del entry[name]
    is_row = {"property": "platform.scope", "value": "row"} in (entry.get("customProperties") or ())
    return {**entry, "mustBe": 0} if is_row and not bounds else entry


@lru_cache(maxsize=1)
def _validator() -> Draft201909Validator:
    text = files(_PACKAGE).joinpath("schema.json").read_text(encoding="utf-8")
    return Draft201909Validator(json.loads(text), format_checker=Draft201909Validator.FORMAT_CHECKER)


def _note(file: FileFaults, error: ValidationError) -> None:
    deepest = best_match([error]) or error
    for found in (error, deepest) if error.validator in _CLOSED else (deepest,):
        place = tuple(found.absolute_path)
        for key, message, fix in _told(found):
            file.add((*place, key) if key is not None else place, message, fix)


def _told(error: ValidationError) -> Iterable[tuple[Any, str, str]]:
    instance, value = error.instance, error.validator_value
    where = ".".join(map(str, error.absolute_path)) or "the document"
    match error.validator:
        case "required":
            for key in value:
                if isinstance(instance, dict) and key not in instance:
                    yield None, f"{where} has no {key!r}, which the standard requires", f"add {key}"
        case "additionalProperties" | "unevaluatedProperties":
            known = _known(error)
            for key in instance if isinstance(instance, dict) else ():
                if key not in known and (not known or repr(key) in error.message):
                    yield key, f"{where} has no key {key!r} in the standard", nearest(key, known)
        case "enum":
            yield None, f"{where} cannot be {instance!r}", nearest(str(instance), map(str, value))
        case "type":
            yield None, f"{where} is not of type {value}", f"write a value of type {value}"
        case _:
            yield None, f"{where}: {error.message[:200]}", "write it as the standard says"


def _known(error: ValidationError) -> list[str]:
    schema = error.schema if isinstance(error.schema, dict) else {}
    return sorted(schema.get("properties", {}))
