"""A walk through lineage as boxes and arrows that a browser can paint: names, hues, places."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from data_platform.catalog.naming import display, display_column
from data_platform.catalog.walks import ColumnWalk, Walk
from data_platform.metastore.catalog_reads import DatasetLine
from data_platform.serving.console.layout import positions
from data_platform.serving.console.rendering import LAYERS, href_of, layer_of, lineage_href

_CHARACTER = 7.1  # pixels
_HEIGHT = 30.0
_COLUMN_HEIGHT = 26.0
_LONGEST = 42


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """One edge in words, for the list beside the graph."""

    source: str
    source_href: str
    target: str
    target_href: str
    how: str


def dataset_graph(walk: Walk) -> dict[str, list[dict[str, Any]]]:
    """Elements for cytoscape: one box a dataset."""
    sizes = {str(one): (_width(_short(dataset)), _HEIGHT) for one, dataset in walk.nodes.items()}
    pairs = sorted({(str(edge.source), str(edge.target)) for edge in walk.edges})
    places = positions(sizes, pairs)
    nodes = [
        _node(str(one), dataset, places[str(one)], width=sizes[str(one)][0], is_focus=one == walk.start)
        for one, dataset in walk.nodes.items()
    ]
    return {"nodes": nodes, "edges": [_edge(source, target, "direct") for source, target in pairs]}


def column_graph(walk: ColumnWalk) -> dict[str, list[dict[str, Any]]]:
    """Elements for cytoscape: a box for each dataset with a box for each of its columns on the way."""
    columns: dict[int, list[str]] = {}
    for of, name in sorted(walk.distances):
        if of in walk.nodes:
            columns.setdefault(of, []).append(name)
    sizes = {
        str(one): (max(map(_width, [_short(walk.nodes[one]), *names])) + 24, len(names) * _COLUMN_HEIGHT + 34)
        for one, names in columns.items()
    }
    pairs = sorted({(str(e.src_id), str(e.dst_id)) for e in walk.edges if e.src_id in columns and e.dst_id in columns})
    places = positions(sizes, pairs)
    nodes: list[dict[str, Any]] = []
    for one, names in columns.items():
        dataset, (x, y) = walk.nodes[one], places[str(one)]
        nodes.append(_node(str(one), dataset, (x, y), width=sizes[str(one)][0], is_focus=False))
        top = y - sizes[str(one)][1] / 2 + 34
        for index, column in enumerate(names):
            box = {"id": f"{one}#{column}", "parent": str(one), "label": column or "all of it",
                   "full": display_column(dataset, column),
                   "width": sizes[str(one)][0] - 24, "href": href_of(dataset), "facts": _facts(dataset)}  # fmt: skip
            is_focus = (one, column) == walk.start
            place = {"x": x, "y": top + index * _COLUMN_HEIGHT}
            nodes.append({"data": box, "position": place, "classes": "column focus" if is_focus else "column"})
    known = {node["data"]["id"] for node in nodes}
    ends = sorted({(f"{e.src_id}#{e.src_column}", f"{e.dst_id}#{e.dst_column}", e.kind) for e in walk.edges})
    return {"nodes": nodes, "edges": [_edge(s, t, kind) for s, t, kind in ends if s in known and t in known]}


def dataset_arrows(walk: Walk) -> list[Arrow]:
    """The edges of a walk in words."""
    return [
        Arrow(
            source=display(walk.nodes[edge.source]),
            source_href=href_of(walk.nodes[edge.source]),
            target=display(walk.nodes[edge.target]),
            target_href=href_of(walk.nodes[edge.target]),
            how=f"job {edge.job[1]}" if edge.job[1] else "declared",
        )
        for edge in walk.edges
        if edge.source in walk.nodes and edge.target in walk.nodes
    ]


def column_arrows(walk: ColumnWalk) -> list[Arrow]:
    """The edges of a walk in words."""
    found = []
    for edge in walk.edges:
        source, target = walk.nodes.get(edge.src_id), walk.nodes.get(edge.dst_id)
        if source is None or target is None:
            continue
        found.append(
            Arrow(
                source=display_column(source, edge.src_column),
                source_href=lineage_href(source.name, source.namespace, column=edge.src_column),
                target=display_column(target, edge.dst_column),
                target_href=lineage_href(target.name, target.namespace, column=edge.dst_column),
                how=" ".join(filter(None, (edge.kind, edge.subtype.lower().replace("_", " ")))),
            )
        )
    return found


def _node(
    key: str, dataset: DatasetLine, place: tuple[float, float], *, width: float, is_focus: bool
) -> dict[str, Any]:
    layer = layer_of(dataset)
    classes = [layer if layer in LAYERS else "other", dataset.standing, *(["focus"] if is_focus else [])]
    data = {"id": key, "label": _short(dataset), "full": display(dataset), "width": width,
            "href": href_of(dataset), "facts": _facts(dataset)}  # fmt: skip
    return {"data": data, "position": {"x": place[0], "y": place[1]}, "classes": " ".join(classes)}


def _edge(source: str, target: str, kind: str) -> dict[str, Any]:
    return {"data": {"id": f"{source}>{target}>{kind}", "source": source, "target": target}, "classes": kind}


def _facts(dataset: DatasetLine) -> dict[str, str]:
    found = {
        "layer": layer_of(dataset),
        "owner": _joined(dataset.owners),
        "tier": dataset.tier,
        "contract": dataset.contract_version,
        "meaning": dataset.description,
        "standing": dataset.standing if dataset.standing != "managed" else "",
    }
    return {name: value for name, value in found.items() if value}


def _joined(values: Iterable[str]) -> str:
    return ", ".join(values)


def _short(dataset: DatasetLine) -> str:
    return dataset.name if len(dataset.name) <= _LONGEST else f"…{dataset.name[1 - _LONGEST :]}"


def _width(text: str) -> float:
    return _CHARACTER * min(len(text), _LONGEST) + 22
