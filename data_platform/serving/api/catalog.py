"""The catalog for programs: JSON, pages by cursor, ETags, errors as problem documents."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response

from data_platform.catalog.coverage import DomainCoverage, column_coverage
from data_platform.catalog.cursors import cursor_of, place_in
from data_platform.catalog.entries import Entries
from data_platform.catalog.history import history_of
from data_platform.catalog.impact import impact_of
from data_platform.catalog.naming import display, find
from data_platform.catalog.search import Search
from data_platform.catalog.walks import ColumnWalk, Walk, Walks
from data_platform.metastore.catalog_reads import DatasetLine
from data_platform.serving.api.answers import ANSWERS, BAD_CURSOR, answer
from data_platform.serving.parameters import Column, Cursor, Depth, Direction, Key, Limit
from data_platform.serving.problems import described
from data_platform.wiring.platform import Platform

_NOT_FOUND = described(
    {HTTPStatus.NOT_FOUND: "The catalog has no such dataset or column; `detail` says what comes near."}
)


def catalog_routes(platform: Platform) -> APIRouter:
    """`/catalog/...`: datasets, search, lineage, impact, history and coverage over one platform."""
    routes = APIRouter(prefix="/catalog", tags=["catalog"], responses=ANSWERS)
    store = platform.metastore.catalog

    @routes.get("/datasets", summary="All datasets, by name", responses=BAD_CURSOR)
    def datasets(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
        after = None if cursor is None else place_in(cursor, (str, str))
        lines = store.reads.page(after=after, limit=limit + 1)
        more = cursor_of(lines[limit - 1].name, lines[limit - 1].namespace) if len(lines) > limit else None
        return answer(request, {"items": [_line(line) for line in lines[:limit]], "cursor": more})

    @routes.get("/search", summary="Datasets by words", responses=BAD_CURSOR)
    def search(request: Request, q: str, limit: Limit = 20, cursor: Cursor = None) -> Response:
        found = Search(store=store).find(q, limit=limit, cursor=cursor)
        items = [{**_line(hit.dataset), "score": hit.score} for hit in found.hits]
        return answer(request, {"items": items, "cursor": found.cursor})

    @routes.get("/datasets/{key:path}", summary="Everything about one dataset", responses=_NOT_FOUND)
    def dataset(request: Request, key: Key) -> Response:
        entry = Entries(metastore=platform.metastore).of(find(store, key).dataset)
        return answer(
            request,
            {
                **_line(entry.dataset),
                "columns": entry.columns,
                "columnsLeftOut": entry.columns_left_out,
                "sources": {
                    column: [{**_end(s.dataset, s.column), "kind": s.kind, "subtype": s.subtype} for s in sources]
                    for column, sources in entry.sources.items()
                },
                "facets": entry.facets,
                "inputFacets": entry.input_facets,
                "outputFacets": entry.output_facets,
                "writers": [{"namespace": namespace, "name": name} for namespace, name in entry.writers],
                "history": entry.history,
                "ledger": entry.ledger,
            },
        )

    @routes.get(
        "/lineage/{key:path}",
        summary="What a dataset or column is made from, and what is made from it",
        responses=_NOT_FOUND,
    )
    def lineage(
        request: Request, key: Key, column: Column = None, direction: Direction = "both", depth: Depth = 3
    ) -> Response:
        walk = Walks(store=store).around(find(store, key, column=column or None), way=direction, depth=depth)
        return answer(request, _column_walk(walk) if isinstance(walk, ColumnWalk) else _dataset_walk(walk))

    @routes.get("/impact/{key:path}", summary="Who is hit if a dataset or column changes or goes", responses=_NOT_FOUND)
    def impact(request: Request, key: Key, column: Column = None) -> Response:
        found = impact_of(store, find(store, key, column=column or None))
        hits = [
            {
                **_line(hit.dataset),
                "columns": hit.columns,
                "computed": hit.computed,
                "kind": hit.kind,
                "distance": hit.distance,
                "path": [display(one) for one in hit.path],
            }
            for hit in found.hits
        ]
        return answer(request, {"owners": found.owners, "items": hits})

    @routes.get(
        "/history/{key:path}", summary="The schemas, contracts and versions that a dataset had", responses=_NOT_FOUND
    )
    def history(request: Request, key: Key) -> Response:
        return answer(request, history_of(store, find(store, key).dataset.id))

    @routes.get("/coverage", summary="Served columns with a full path to their source, by domain")
    def coverage(request: Request) -> Response:
        return answer(request, {"domains": [_coverage(one) for one in column_coverage(store)]})

    return routes


def _line(line: DatasetLine) -> dict[str, Any]:
    shown = {name: getattr(line, name) for name in line.__slots__ if name not in ("id", "found")}
    return {"key": display(line), **shown}


def _end(line: DatasetLine, column: str) -> dict[str, Any]:
    return {"dataset": display(line), "column": column}


def _dataset_walk(walk: Walk) -> dict[str, Any]:
    nodes = walk.nodes
    return {
        "isCut": walk.is_cut,
        "nodes": [{**_line(line), "distance": walk.distances[one]} for one, line in nodes.items()],
        "edges": [
            {
                "source": display(nodes[e.source]),
                "target": display(nodes[e.target]),
                "job": {"namespace": e.job[0], "name": e.job[1]},
            }
            for e in walk.edges
        ],
    }


def _column_walk(walk: ColumnWalk) -> dict[str, Any]:
    nodes = walk.nodes
    return {
        "isCut": walk.is_cut,
        "nodes": [
            {**_end(nodes[one], column), "distance": distance}
            for (one, column), distance in walk.distances.items()
            if one in nodes
        ],
        "edges": [
            {
                "source": _end(nodes[e.src_id], e.src_column),
                "target": _end(nodes[e.dst_id], e.dst_column),
                "kind": e.kind,
                "subtype": e.subtype,
            }
            for e in walk.edges
            if e.src_id in nodes and e.dst_id in nodes
        ],
    }


def _coverage(one: DomainCoverage) -> dict[str, Any]:
    return {"domain": one.domain, "columns": one.columns, "traced": one.traced, "ratio": one.ratio,
            "untraced": one.untraced, "undescribed": one.undescribed}  # fmt: skip
