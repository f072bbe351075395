"""The edges into the outputs of jobs: from the datasets that the output's newest run read, and from those that its
lineage facets name. Where a run wrote several datasets, the facets say which of what it read went into which of them.
They are written only where they changed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from data_platform.catalog.event import Key
from data_platform.catalog.lineage_facets import Told, told_by
from data_platform.metastore.catalog_derived import CatalogDerived, ColumnEdge
from data_platform.metastore.catalog_facts import CatalogFacts, OutputLine
from data_platform.metastore.catalog_tables import DATASETS

Place = tuple[int, int]  # (job, dataset)


def derive_edges(
    facts: CatalogFacts, derived: CatalogDerived, *, traced: Collection[Place], retraced: Collection[Place]
) -> None:
    """Derives the edges of outputs again.

    `traced` are outputs of which the run or what it read changed, `retraced` those whose lineage facets changed.
    """
    retraced = set(retraced)
    touched = retraced.union(traced)
    if not touched:
        return
    found = facts.outputs(datasets={dataset for _, dataset in touched})
    # what a dataset says without a job holds until a job tells it
    told = {dataset for job, dataset in found if job}
    touched |= {place for place in found if place[0] == 0}
    outputs = {place: found[place] for place in touched}
    runs = facts.runs({line.run_id for line in outputs.values() if line.run_id})
    read = {
        place: frozenset(one for one, _ in runs[line.run_id].inputs) if line.run_id else frozenset(line.inputs)
        for place, line in outputs.items()
    }
    alone = {place for place, line in outputs.items() if not line.run_id or len(runs[line.run_id].outputs) < 2}
    superseded = {place for place in touched if place[0] == 0 and place[1] in told}
    before = derived.edges_of({dataset for _, dataset in touched})
    same = {p for p in touched & alone if p[0] and read[p] == before.get(p, frozenset())} - retraced
    changed = sorted(touched - same)
    written = {place: outputs[place] for place in changed if place not in superseded}
    edges = _write(facts, derived, written, read, alone)
    derived.put_edges(superseded, (), ())
    sources = {source for place in changed for source in before.get(place, frozenset())}
    derived.count_readers(sources | {source for source, _, _ in edges})


def _write(
    facts: CatalogFacts,
    derived: CatalogDerived,
    outputs: Mapping[Place, OutputLine],
    read: Mapping[Place, frozenset[int]],
    alone: Collection[Place],
) -> list[tuple[int, int, int]]:
    told: dict[int, list[Told]] = {}
    for line in facts.facets("written", {output.id for output in outputs.values()}, bodies=True):
        if line.body is not None:
            told.setdefault(line.subject_id, []).append(told_by(json.loads(line.body)))
    ids = facts.known_ids(DATASETS, {key for several in told.values() for facet in several for key in facet.sources})
    edges: list[tuple[int, int, int]] = []
    columns: dict[tuple[Any, ...], ColumnEdge] = {}
    for (job, dataset), output in outputs.items():
        named = {ids[key] for facet in told.get(output.id, ()) for key in facet.sources}
        is_told = (job, dataset) not in alone and named & read[job, dataset]
        sources = named if is_told else named | read[job, dataset]
        for facet in told.get(output.id, ()):
            for edge in _column_edges(facet, job=job, dataset=dataset, ids=ids):
                place = (
                    edge.dst_id,
                    edge.dst_column,
                    edge.job_id,
                    edge.src_id,
                    edge.src_column,
                    edge.kind,
                    edge.subtype,
                )
                columns[place] = max(columns.get(place, edge), edge, key=lambda e: (e.description, e.masking))
        edges.extend((source, dataset, job) for source in sorted(sources))
    derived.put_edges(outputs, edges, list(columns.values()))
    return edges


def _column_edges(facet: Told, *, job: int, dataset: int, ids: Mapping[Key, int]) -> list[ColumnEdge]:
    return [
        ColumnEdge(
            dst_id=dataset,
            dst_column=one.column,
            job_id=job,
            src_id=ids[one.source] if one.source else 0,
            src_column=one.source_column,
            kind=one.kind,
            subtype=one.subtype,
            description=one.description,
            masking=int(one.is_masking),
        )
        for one in facet.influences
    ]
