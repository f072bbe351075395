"""The catalog for programs: JSON, pages by cursor, ETags, errors as problem documents."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.encoders import jsonable_encoder

from data_platform.catalog.coverage import DomainCoverage, column_coverage
from data_platform.catalog.entries import Entries
from data_platform.catalog.history import history_of
from data_platform.catalog.impact import impact_of
from data_platform.catalog.naming import Named, UnknownDataset, display, find
from data_platform.catalog.search import Search
from data_platform.catalog.walks import ColumnWalk, Walk, Walks
from data_platform.errors import ConfigurationError
from data_platform.metastore.catalog_reads import DatasetLine
from data_platform.serving.problems import Problem
from data_platform.wiring import Platform

Direction: TypeAlias = Literal["both", "up", "down"]
Key = Annotated[str, Path(description="`layer.domain.dataset`, or `namespace/name` of others.", min_length=1)]
Column = Annotated[str | None, Query(description="One column of it.")]
Limit = Annotated[int, Query(ge=1, le=200)]
Depth = Annotated[int, Query(ge=1, le=50)]
Cursor = Annotated[str | None, Query(description="From the page before.")]

_NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"description": "The catalog has no such dataset or column; `detail` says what comes near."},
    304: {"description": "Not changed since the ETag in If-None-Match."},
}
_BAD_CURSOR: dict[int | str, dict[str, Any]] = {400: {"description": "The cursor is none that a page gave."}}


def catalog_routes(platform: Platform) -> APIRouter:
    """`/catalog/...`: datasets, search, lineage, impact, history and coverage over one platform."""
    routes = APIRouter(prefix="/catalog", tags=["catalog"], responses=_NOT_FOUND)
    store = platform.metastore.catalog

    @routes.get("/datasets", summary="All datasets, by name", responses=_BAD_CURSOR)
    def datasets(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
        lines = store.reads.page(after=_place(cursor), limit=limit + 1)
        more = _cursor(lines[limit - 1]) if len(lines) > limit else None
        return _answer(request, {"items": [_line(line) for line in lines[:limit]], "cursor": more})

    @routes.get("/search", summary="Datasets by words", responses=_BAD_CURSOR)
    def search(request: Request, q: str, limit: Limit = 20, cursor: Cursor = None) -> Response:
        try:
            found = Search(store=store).find(q, limit=limit, cursor=cursor)
        except ConfigurationError as error:
            raise Problem(HTTPStatus.BAD_REQUEST, str(error)) from error
        items = [{**_line(hit.dataset), "score": hit.score} for hit in found.hits]
        return _answer(request, {"items": items, "cursor": found.cursor})

    @routes.get("/datasets/{key:path}", summary="Everything about one dataset")
    def dataset(request: Request, key: Key) -> Response:
        entry = Entries(metastore=platform.metastore).of(_named(key).dataset)
        return _answer(
            request,
            {
                **_line(entry.dataset),
                "columns": entry.columns,
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

    @routes.get("/lineage/{key:path}", summary="What a dataset or column is made from, and what is made from it")
    def lineage(
        request: Request, key: Key, column: Column = None, direction: Direction = "both", depth: Depth = 3
    ) -> Response:
        named = _named(key, column)
        up, down = depth * (direction != "down"), depth * (direction != "up")
        walks = Walks(store=store)
        if named.column is None:
            return _answer(request, _dataset_walk(walks.datasets(named.dataset.id, up=up, down=down)))
        return _answer(request, _column_walk(walks.columns((named.dataset.id, named.column), up=up, down=down)))

    @routes.get("/impact/{key:path}", summary="Who is hit if a dataset or column changes or goes")
    def impact(request: Request, key: Key, column: Column = None) -> Response:
        found = impact_of(store, _named(key, column))
        hits = [
            {
                **_line(hit.dataset),
                "columns": hit.columns,
                "kind": hit.kind,
                "distance": hit.distance,
                "path": [display(one) for one in hit.path],
            }
            for hit in found.hits
        ]
        return _answer(request, {"owners": found.owners, "items": hits})

    @routes.get("/history/{key:path}", summary="The schemas, contracts and versions that a dataset had")
    def history(request: Request, key: Key) -> Response:
        return _answer(request, history_of(store, _named(key).dataset.id))

    @routes.get("/coverage", summary="Served columns with a full path to their source, by domain")
    def coverage(request: Request) -> Response:
        return _answer(request, {"domains": [_coverage(one) for one in column_coverage(store)]})

    def _named(key: str, column: str | None = None) -> Named:
        try:
            return find(store, f"{key}#{column}" if column else key)
        except UnknownDataset as error:
            raise Problem(HTTPStatus.NOT_FOUND, str(error)) from error

    return routes


def _answer(request: Request, content: Any) -> Response:
    """JSON with an ETag; nothing but the tag where the asker has it already."""
    body = json.dumps(jsonable_encoder(content), ensure_ascii=False, separators=(",", ":")).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": "no-cache"}
    asked = {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}
    if tag in asked or "*" in asked:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


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
            "untraced": one.untraced}  # fmt: skip


def _cursor(line: DatasetLine) -> str:
    text = json.dumps([line.name, line.namespace])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place(cursor: str | None) -> tuple[str, str] | None:
    if cursor is None:
        return None
    try:
        name, namespace = json.loads(base64.urlsafe_b64decode((cursor + "=" * (-len(cursor) % 4)).encode("ascii")))
        return str(name), str(namespace)
    except (ValueError, TypeError, binascii.Error) as error:
        detail = "this cursor was not given by a page; begin with the first one"
        raise Problem(HTTPStatus.BAD_REQUEST, detail) from error
