"""A generated estate for the catalog's benchmark, as the OpenLineage events that its producers would send. Seeded.

The estate is layered: every dataset is written by one job from datasets of the layer before, mostly of its own domain.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

_PRODUCER = "https://github.com/data-platform/data-platform"
_SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
DOMAINS = ("sales", "finance", "logistics", "marketing", "support", "product", "people", "risk", "search", "ads")
NOUNS = (
    "orders",
    "visits",
    "invoices",
    "parcels",
    "tickets",
    "members",
    "prices",
    "stocks",
    "returns",
    "payments",
    "sessions",
    "campaigns",
    "refunds",
    "carts",
    "reviews",
    "shipments",
    "contracts",
    "leads",
    "costs",
    "alerts",
)
PARTS = (
    "id",
    "amount",
    "country",
    "currency",
    "created",
    "updated",
    "status",
    "email",
    "quantity",
    "channel",
    "segment",
    "score",
    "region",
    "category",
    "device",
    "margin",
    "source",
    "version",
    "reason",
    "weight",
)
_LAYERS = (("raw", 0.25), ("curated", 0.35), ("served", 0.40))


@dataclass(frozen=True, slots=True, kw_only=True)
class EstateSize:
    """How much is generated; `columns` and `edges` are totals, `events` those of runs after every dataset is known."""

    datasets: int = 1_000
    columns: int = 20_000
    edges: int = 10_000
    events: int = 5_000


@dataclass(frozen=True, slots=True)
class MadeDataset:
    """One dataset; `sources` are places in the estate."""

    name: str
    columns: tuple[str, ...]
    sources: tuple[int, ...]


def generate(size: EstateSize, *, seed: int = 7) -> list[MadeDataset]:
    """The datasets, those of a layer after those that they are made from."""
    chance = random.Random(seed)
    width = max(1, size.columns // size.datasets)
    by_domain: dict[tuple[str, str], list[int]] = {}
    estate: list[MadeDataset] = []
    counts = [round(size.datasets * share) for _, share in _LAYERS]
    made = max(1, sum(counts[1:]))
    for (layer, _), count in zip(_LAYERS, counts, strict=True):
        before = {"raw": "", "curated": "raw", "served": "curated"}[layer]
        pool = [one for (name, _), its in by_domain.items() if name == before for one in its]
        for number in range(count):
            domain = DOMAINS[number % len(DOMAINS)]
            name = f"{layer}.{domain}.{chance.choice(NOUNS)}_{chance.choice(PARTS)}_{number}"
            columns = tuple(f"{PARTS[n % len(PARTS)]}_{n}" for n in range(width))
            near = by_domain.get((before, domain), [])
            wanted = size.edges // made + (number < size.edges % made) if before else 0
            sources = {chance.choice(near if near and chance.random() < 0.9 else pool) for _ in range(wanted)}
            estate.append(MadeDataset(name, columns, tuple(sorted(sources))))
            by_domain.setdefault((layer, domain), []).append(len(estate) - 1)
    return estate


def events_of(estate: Sequence[MadeDataset], size: EstateSize, *, seed: int = 8) -> Iterator[str]:
    """A dataset event and a run for each dataset, then `size.events` of runs over random ones."""
    chance = random.Random(seed)
    for number, one in enumerate(estate):
        at = f"2026-01-01T00:{number // 60 % 60:02}:{number % 60:02}Z"
        yield json.dumps(
            {
                **_base(at),
                "dataset": {"namespace": "data_platform", "name": one.name, "facets": _described(one, chance)},
            }
        )
        yield from _run(estate, number, at=at, version=0, chance=chance)
    runs = (
        event
        for turn in range(size.events)
        for event in _run(
            estate,
            chance.randrange(len(estate)),
            at=f"2026-02-{1 + turn // 86_400 % 28:02}T{turn // 3_600 % 24:02}:{turn // 60 % 60:02}:{turn % 60:02}Z",
            version=turn + 1,
            chance=chance,
        )
    )
    yield from islice(runs, size.events)


def _run(estate: Sequence[MadeDataset], number: int, *, at: str, version: int, chance: random.Random) -> Iterator[str]:
    one = estate[number]
    run = {"runId": str(uuid.UUID(int=chance.getrandbits(128)))}
    job = {"namespace": "data_platform", "name": one.name, "facets": {"sql": _facet(query=f"SELECT * FROM {one.name}")}}
    inputs = [
        {
            "namespace": "data_platform",
            "name": estate[source].name,
            "facets": {"version": _facet(datasetVersion=str(version))},
        }
        for source in one.sources
    ]
    yield json.dumps({**_base(at), "eventType": "START", "run": run, "job": job, "inputs": inputs})
    output = {
        "namespace": "data_platform",
        "name": one.name,
        "facets": {
            **_schema(one),
            "version": _facet(datasetVersion=str(version)),
            "columnLineage": _facet(fields=_traced(estate, one)),
        },
        "outputFacets": {"outputStatistics": _facet(rowCount=version * 10, size=version * 1_000)},
    }
    yield json.dumps(
        {**_base(at), "eventType": "COMPLETE", "run": run, "job": job, "inputs": inputs, "outputs": [output]}
    )


def _described(one: MadeDataset, chance: random.Random) -> dict[str, object]:
    return {
        **_schema(one),
        "ownership": _facet(owners=[{"name": f"team-{one.name.split('.')[1]}", "type": "OWNER"}]),
        "documentation": _facet(description=f"The {chance.choice(NOUNS)} of each {chance.choice(PARTS)}"),
        "tags": _facet(tags=[{"key": chance.choice(("gold", "pii", "daily")), "value": "true"}]),
    }


def _schema(one: MadeDataset) -> dict[str, object]:
    fields = [{"name": name, "type": "string", "description": f"the {name.split('_')[0]}"} for name in one.columns]
    return {"schema": _facet(fields=fields)}


def _traced(estate: Sequence[MadeDataset], one: MadeDataset) -> dict[str, object]:
    if not one.sources:
        return {}
    return {
        name: {
            "inputFields": [
                {
                    "namespace": "data_platform",
                    "name": estate[one.sources[number % len(one.sources)]].name,
                    "field": name,
                    "transformations": [{"type": "DIRECT", "subtype": "IDENTITY"}],
                }
            ]
        }
        for number, name in enumerate(one.columns)
    }


def _facet(**content: object) -> dict[str, object]:
    return {"_producer": _PRODUCER, "_schemaURL": f"{_SCHEMA}#/$defs/BaseFacet", **content}


def _base(at: str) -> dict[str, object]:
    return {"eventTime": at, "producer": _PRODUCER, "schemaURL": f"{_SCHEMA}#/$defs/RunEvent"}
