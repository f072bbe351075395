"""OpenLineage events as plain JSON, written by hand so that no code under test makes them."""

from __future__ import annotations

import json
import uuid
from typing import Any

PRODUCER = "https://example.org/producer"
SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"


def facet(**content: Any) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": "https://example.org/facet.json", **content}


def run_id(number: int) -> str:
    return str(uuid.UUID(int=number))


def dataset(
    name: str, /, namespace: str = "data_platform", *, io: dict[str, Any] | None = None, **facets: Any
) -> dict[str, Any]:
    found: dict[str, Any] = {"namespace": namespace, "name": name}
    if facets:
        found["facets"] = facets
    return found | (io or {})


def schema(*columns: str | tuple[str, str]) -> dict[str, Any]:
    named = [column if isinstance(column, tuple) else (column, "") for column in columns]
    return facet(fields=[{"name": name, "type": "string", "description": text} for name, text in named])


def traced(**columns: list[tuple[Any, ...]]) -> dict[str, Any]:
    """column=[(dataset, column), …] of the platform's namespace; a third part is the kind of transformation."""
    fields = {}
    for column, sources in columns.items():
        fields[column] = {
            "inputFields": [
                {
                    "namespace": "data_platform",
                    "name": source[0],
                    "field": source[1],
                    "transformations": [{"type": (source[2:] or ("DIRECT",))[0], "subtype": "IDENTITY"}],
                }
                for source in sources
            ]
        }
    return facet(fields=fields)


def run_event(
    kind: str | None = "COMPLETE",
    *,
    at: str = "2026-03-01T10:00:00Z",
    run: int = 1,
    job: str = "job",
    inputs: list[Any] | None = None,
    outputs: list[Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    event: dict[str, Any] = {
        "eventTime": at,
        "producer": PRODUCER,
        "schemaURL": SCHEMA,
        "run": {"runId": run_id(run), "facets": more.get("run_facets", {})},
        "job": {"namespace": more.get("namespace", "data_platform"), "name": job, "facets": more.get("job_facets", {})},
        "inputs": inputs or [],
        "outputs": outputs or [],
    }
    return event | ({"eventType": kind} if kind else {})


def dataset_event(about: dict[str, Any], *, at: str = "2026-03-01T10:00:00Z") -> dict[str, Any]:
    return {"eventTime": at, "producer": PRODUCER, "schemaURL": SCHEMA, "dataset": about}


def texts(*events: dict[str, Any]) -> list[str]:
    return [json.dumps(event) for event in events]
