"""Holds OpenLineage events against the published schemas, which lie beside the project, and the platform's own.

An independent oracle: it knows nothing of how events are composed. Validators are made once for a session.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator
from referencing import Registry, Resource

import data_platform.lineage

STANDARD = Path(__file__).parents[2] / "shared" / "standards" / "openlineage"
ABSENT = f"the OpenLineage schemas are not at {STANDARD}"
OWN_SCHEMAS = Path(data_platform.lineage.__file__).parent / "schemas"
CORE = "https://openlineage.io/spec/2-0-2/OpenLineage.json"


class InvalidEvent(AssertionError):
    """An event or a facet that its schema refuses."""


class EventCheck:
    """Validators of the core and of every facet."""

    def __init__(self) -> None:
        files = [STANDARD / "OpenLineage.json", *STANDARD.glob("facets/*.json"), *OWN_SCHEMAS.glob("*.json")]
        schemas = [json.loads(file.read_text()) for file in files]
        self._properties = {schema["$id"]: set(schema.get("properties", ())) for schema in schemas}
        resources = [(schema["$id"], Resource.from_contents(schema)) for schema in schemas]
        self._registry: Registry[Any] = Registry().with_resources(resources).crawl()
        self._validators: dict[str, Validator] = {}
        self._valid = set[str]()

    def check(self, event: dict[str, Any]) -> None:
        """Refuses an event that its schema refuses, with each facet held against the schema that it names itself."""
        kind = "RunEvent" if "run" in event else "DatasetEvent" if "dataset" in event else "JobEvent"
        for facets in facet_maps(event):
            for key, facet in facets.items():
                self._facet(key, facet)
        self._hold(without_facets(event), f"{CORE}#/$defs/{kind}", kind)  # every facet has been held against its own

    def _facet(self, key: str, facet: dict[str, Any]) -> None:
        text = json.dumps([key, facet], sort_keys=True)
        if text in self._valid:  # most facets of a session are repeated
            return
        document = facet["_schemaURL"].split("#")[0]
        if key not in self._properties.get(document, ()):
            raise InvalidEvent(f"facet {key!r} names the schema {document}, which has no such facet")
        self._hold({key: facet}, document, key)
        self._hold(facet, facet["_schemaURL"], key)
        self._valid.add(text)

    def _hold(self, value: object, reference: str, what: str) -> None:
        if reference not in self._validators:
            checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
            self._validators[reference] = jsonschema.Draft202012Validator(
                {"$ref": reference}, registry=self._registry, format_checker=checker
            )
        error = best_match(self._validators[reference].iter_errors(value))
        if error is not None:
            place = "/".join(map(str, error.absolute_path))
            raise InvalidEvent(f"{what}: {place}: {error.message}")


@cache
def loaded_check() -> EventCheck | None:
    """The check; None where the published schemas are not beside the project, which every session says at its end."""
    return EventCheck() if STANDARD.is_dir() else None


def event_check() -> EventCheck:
    """The check; skips the test where the published schemas are not beside the project."""
    check = loaded_check()
    if check is None:
        pytest.skip(ABSENT)
    return check


def without_facets(value: Any) -> Any:
    """The event with every map of facets empty."""
    if isinstance(value, dict):
        names = {"facets", "inputFacets", "outputFacets"}
        return {key: {} if key in names else without_facets(inner) for key, inner in value.items()}
    return [without_facets(inner) for inner in value] if isinstance(value, list) else value


def facet_maps(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every map of facets in an event."""
    yield event.get("run", {}).get("facets", {})
    yield event.get("job", {}).get("facets", {})
    alone = [event["dataset"]] if "dataset" in event else []
    for dataset in [*event.get("inputs", ()), *event.get("outputs", ()), *alone]:
        yield dataset.get("facets", {})
        yield dataset.get("inputFacets", {})
        yield dataset.get("outputFacets", {})
