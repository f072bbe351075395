"""The addresses of the console. What a page says is in `views` and `graph`, how it looks in the templates."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.datastructures import URL

from data_platform.catalog.cursors import cursor_of, place_in
from data_platform.catalog.naming import display, display_column, find
from data_platform.catalog.search import Search
from data_platform.catalog.walks import ColumnWalk, Walk, Walks
from data_platform.connectors.heartbeat_map import heartbeat_map
from data_platform.serving.console import graph, views
from data_platform.serving.console.operations.routes import operations_routes
from data_platform.serving.console.operations.signals import signal_tiles
from data_platform.serving.console.rendering import dataset_href, lineage_href, page
from data_platform.serving.parameters import Cursor, Depth, Direction
from data_platform.serving.problems import problem_of
from data_platform.wiring.platform import Platform

_PAGE = 30


def console_routes(platform: Platform) -> APIRouter:
    """All pages over one platform."""
    routes = APIRouter()
    routes.include_router(operations_routes(platform))
    store = platform.metastore.catalog

    @routes.get("/")
    def start() -> HTMLResponse:
        return page("home.html", **views.home(platform), signals=signal_tiles(platform))

    @routes.get("/tiles/coverage")
    def coverage() -> HTMLResponse:
        return page("tile.html", tile=views.coverage(platform))

    @routes.get("/search")
    def search(q: str = "", cursor: Cursor = None) -> HTMLResponse:
        if q.strip():
            found = Search(store=store).find(q, limit=_PAGE, cursor=cursor)
            shown, then, said = [hit.dataset for hit in found.hits], found.cursor, "the best first"
        else:
            after = None if cursor is None else place_in(cursor, (str, str))
            lines = store.reads.page(after=after, limit=_PAGE + 1)
            shown, said = list(lines[:_PAGE]), "by name"
            then = cursor_of(shown[-1].name, shown[-1].namespace) if len(lines) > _PAGE else None
        hits = [views.hit(line) for line in shown]
        more = _url("/search", q=q or None, cursor=then) if then else None
        return page("search.html", here="/search", hits=hits, q=q, more=more, said=said)

    @routes.get("/datasets/{key:path}")
    def dataset(key: str, section: str = "columns", column: str | None = None) -> HTMLResponse:
        named = find(store, key, column=column or None)
        names = [name for name, _ in views.SECTIONS]
        chosen = section if section in names else names[0]
        it = views.dataset(platform, named.dataset)
        impact = views.impact(platform, named) if chosen == "impact" else None
        return page("dataset.html", here="/search", it=it, section=chosen, sections=views.SECTIONS, impact=impact)

    @routes.get("/lineage/{key:path}")
    def lineage(key: str, column: str | None = None, direction: Direction = "both", depth: Depth = 3) -> HTMLResponse:
        named = find(store, key, column=column or None)
        walk = Walks(store=store).around(named, way=direction, depth=depth)
        arrows = graph.column_arrows(walk) if isinstance(walk, ColumnWalk) else graph.dataset_arrows(walk)
        line = named.dataset
        address = lineage_href(line.name, line.namespace)
        return page(
            "lineage.html",
            here="/search",
            name=display(line),
            focus=display_column(line, column or ""),
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
        walk = Walks(store=store).around(find(store, key, column=column or None), way=direction, depth=depth)
        return JSONResponse(graph.column_graph(walk) if isinstance(walk, ColumnWalk) else graph.dataset_graph(walk))

    @routes.get("/changes")
    def changes() -> HTMLResponse:
        return page("changes.html", here="/changes", changes=views.changes(platform))

    @routes.get("/connectors")
    def connectors() -> HTMLResponse:
        entries = [entry for domain in platform.project.domains for entry in domain.connectors]
        standings = heartbeat_map(entries, platform.metastore, platform.clock.now(), place=platform.place)
        return page("connectors.html", here="/connectors", standings=standings)

    return routes


async def answer_page(_: Request, error: Exception) -> Response:
    """An error as a page that says where to go on."""
    problem = problem_of(error)
    title, text = problem.status.phrase, problem.detail
    if problem.status is HTTPStatus.NOT_FOUND:
        title, text = "Not here", "There is no such page." if text == problem.status.phrase else text
    answer = page("error.html", status=problem.status, title=title, text=text)
    answer.headers.update(problem.headers)
    return answer


def _said(walk: Walk | ColumnWalk) -> str:
    boxes = len({one if isinstance(one, int) else one[0] for one in walk.distances})
    text = f"{boxes} dataset{'s' if boxes != 1 else ''}, {len(walk.edges)} edge{'s' if len(walk.edges) != 1 else ''}"
    return f"{text}; there is more than can be shown at once: take fewer steps" if walk.is_cut else text


def _url(path: str, **query: object) -> str:
    return str(URL(path).include_query_params(**{name: value for name, value in query.items() if value is not None}))
