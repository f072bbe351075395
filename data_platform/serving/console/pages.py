"""The addresses of the console. What a page says is in `views` and `graph`, how it looks in the templates."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.datastructures import URL
from starlette.exceptions import HTTPException

from data_platform.catalog.naming import Named, UnknownDataset, find
from data_platform.catalog.search import Search
from data_platform.catalog.walks import ColumnWalk, Walk, Walks
from data_platform.connectors.heartbeat_map import heartbeat_map
from data_platform.serving.console import graph, views
from data_platform.serving.console.rendering import dataset_href, lineage_href, page, shown
from data_platform.serving.problems import Problem
from data_platform.wiring import Platform

_PAGE = 30
Direction = Literal["both", "up", "down"]
Depth = Annotated[int, Query(ge=1, le=50)]


def console_routes(platform: Platform) -> APIRouter:
    """All pages over one platform."""
    routes = APIRouter()
    store = platform.metastore.catalog

    @routes.get("/")
    def start() -> HTMLResponse:
        return page("home.html", **views.home(platform))

    @routes.get("/search")
    def search(q: str = "", cursor: str | None = None, after: str | None = None) -> HTMLResponse:
        words = q.strip()
        if words:
            found = Search(store=store).find(q, limit=_PAGE, cursor=cursor)
            hits = [views.hit(hit) for hit in found.hits]
            more = _url("/search", q=q, cursor=found.cursor) if found.cursor else None
            said = "the best first"
        else:
            lines = store.reads.page(after=_key(after), limit=_PAGE + 1)
            hits = [views.hit(line) for line in lines[:_PAGE]]
            last = lines[_PAGE - 1] if len(lines) > _PAGE else None
            more = _url("/search", after=f"{last.name}\n{last.namespace}") if last else None
            said = "by name"
        return page("search.html", here="/search", hits=hits, q=q, more=more, said=said)

    @routes.get("/datasets/{key:path}")
    def dataset(key: str, section: str = "columns", column: str | None = None) -> HTMLResponse:
        named = _named(key, column)
        names = [name for name, _ in views.SECTIONS]
        chosen = section if section in names else names[0]
        it = views.dataset(platform, named.dataset)
        impact = views.impact(platform, named) if chosen == "impact" else None
        return page("dataset.html", here="/search", it=it, section=chosen, sections=views.SECTIONS, impact=impact)

    @routes.get("/lineage/{key:path}")
    def lineage(key: str, column: str | None = None, direction: Direction = "both", depth: Depth = 3) -> HTMLResponse:
        named = _named(key, column)
        walk = _walk(named, direction, depth)
        arrows = graph.column_arrows(walk) if isinstance(walk, ColumnWalk) else graph.dataset_arrows(walk)
        line = named.dataset
        address = lineage_href(line.name, line.namespace)
        return page(
            "lineage.html",
            here="/search",
            name=shown(line),
            focus=f"{shown(line)}.{column}" if column else shown(line),
            href=dataset_href(line.name, line.namespace),
            lineage=address,
            column=column,
            direction=direction,
            depth=depth,
            edges=arrows,
            said=_said(walk),
            source=_url(address.replace("/lineage/", "/graph/", 1), column=column, direction=direction, depth=depth),
        )

    @routes.get("/graph/{key:path}")
    def elements(key: str, column: str | None = None, direction: Direction = "both", depth: Depth = 3) -> JSONResponse:
        walk = _walk(_named(key, column), direction, depth)
        return JSONResponse(graph.column_graph(walk) if isinstance(walk, ColumnWalk) else graph.dataset_graph(walk))

    @routes.get("/changes")
    def changes() -> HTMLResponse:
        return page("changes.html", here="/changes", changes=views.changes(platform))

    @routes.get("/connectors")
    def connectors() -> HTMLResponse:
        entries = [entry for domain in platform.project.domains for entry in domain.connectors]
        standings = heartbeat_map(entries, platform.metastore, platform.clock.now(), place=platform.ingester.place)
        return page("connectors.html", here="/connectors", standings=standings)

    def _named(key: str, column: str | None = None) -> Named:
        try:
            return find(store, f"{key}#{column}" if column else key)
        except UnknownDataset as error:
            raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from error

    def _walk(named: Named, direction: Direction, depth: int) -> Walk | ColumnWalk:
        walks = Walks(store=store)
        up, down = depth * (direction != "down"), depth * (direction != "up")
        if named.column is None:
            return walks.datasets(named.dataset.id, up=up, down=down)
        return walks.columns((named.dataset.id, named.column), up=up, down=down)

    return routes


async def answer_page(_: Request, error: Exception) -> Response:
    """An error as a page that says where to go on."""
    assert isinstance(error, HTTPException | Problem)
    status = error.status if isinstance(error, Problem) else HTTPStatus(error.status_code)
    text = str(error.detail)
    title = "Not here" if status == HTTPStatus.NOT_FOUND else status.phrase
    if status == HTTPStatus.NOT_FOUND and text == status.phrase:
        text = "There is no such page."
    return page("error.html", status=status, title=title, text=text)


def _said(walk: Walk | ColumnWalk) -> str:
    boxes = len({one if isinstance(one, int) else one[0] for one in walk.distances})
    text = f"{boxes} dataset{'s' if boxes != 1 else ''}, {len(walk.edges)} edge{'s' if len(walk.edges) != 1 else ''}"
    return f"{text}; there is more than can be shown at once: take fewer steps" if walk.is_cut else text


def _key(after: str | None) -> tuple[str, str] | None:
    name, newline, namespace = (after or "").partition("\n")
    return (name, namespace) if newline else None


def _url(path: str, **query: object) -> str:
    return str(URL(path).include_query_params(**{name: value for name, value in query.items() if value is not None}))
