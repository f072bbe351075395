"""Events as JSON text. The client's own serializer copies every facet of every event twice; here those that many events
share are turned into plain values once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Mapping
from enum import Enum
from functools import cache
from typing import Any, cast

import attr
from openlineage.client.event_v2 import DatasetEvent, Job, JobEvent, RunEvent
from openlineage.client.facet_v2 import BaseFacet
from openlineage.client.generated.base import Dataset

from data_platform.lineage.names import EVENT

_MOST_KEPT = 5_000
_PLAIN: dict[int, tuple[BaseFacet, dict[str, Any]]] = {}  # by identity: the facet is kept with it, so ids stay its own


def to_json(event: RunEvent | DatasetEvent | JobEvent) -> str:
    """The event as JSON text with sorted keys, and without what is not known."""
    return _text(_document(event))


def digest(event: DatasetEvent | JobEvent) -> str:
    """SHA-256 of what an event says, whenever it says it and whatever commit its code is of, in hexadecimal."""
    document = _document(event)
    del document["eventTime"]
    facets = document["dataset" if isinstance(event, DatasetEvent) else "job"]["facets"]
    for name in (EVENT, "sourceCodeLocation"):
        facets.pop(name, None)
    return hashlib.sha256(_text(document).encode()).hexdigest()


def _document(event: RunEvent | DatasetEvent | JobEvent) -> dict[str, Any]:
    document: dict[str, Any] = {
        "eventTime": event.eventTime,
        "producer": event.producer,
        "schemaURL": event.schemaURL,
    }
    if isinstance(event, DatasetEvent):
        document["dataset"] = _dataset(event.dataset)
        return document
    document["job"] = _job(event.job)
    document["inputs"] = [_dataset(dataset) for dataset in event.inputs or ()]
    document["outputs"] = [_dataset(dataset) for dataset in event.outputs or ()]
    if isinstance(event, RunEvent):
        document["run"] = {"runId": event.run.runId, "facets": _facets(event.run.facets)}
        if event.eventType is not None:
            document["eventType"] = event.eventType.value
    return document


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, sort_keys=True)


def _job(job: Job) -> dict[str, Any]:
    return {"namespace": job.namespace, "name": job.name, "facets": _facets(job.facets)}


def _dataset(dataset: Dataset) -> dict[str, Any]:
    plain = {"namespace": dataset.namespace, "name": dataset.name, "facets": _facets(dataset.facets)}
    for name in ("inputFacets", "outputFacets"):
        if facets := getattr(dataset, name, None):
            plain[name] = _facets(facets)
    return plain


def _facets(facets: Mapping[str, BaseFacet] | None) -> dict[str, dict[str, Any]]:
    return {name: _plain(facet) for name, facet in (facets or {}).items()}


def _plain(facet: BaseFacet) -> dict[str, Any]:
    found = _PLAIN.get(id(facet))
    if found is None or found[0] is not facet:
        if len(_PLAIN) >= _MOST_KEPT:
            _PLAIN.clear()
        found = _PLAIN[id(facet)] = (facet, _value(facet))
    return found[1]


def _value(value: Any) -> Any:
    """The plain value of a part of a facet, without what is None; in one pass."""
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {key: _value(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_value(inner) for inner in value if inner is not None]
    if not attr.has(type(value)):
        return value
    parts = ((name, getattr(value, name)) for name in _names(cast(Hashable, type(value))))
    return {name: _value(inner) for name, inner in parts if inner is not None}


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(attribute.name for attribute in attr.fields(kind))
