"""Where the boxes of a lineage graph stand: sources left, consumers right, few crossings. Drawing is the browser's.

The layered method of Sugiyama, Tagawa and Toda (1981): ranks by longest path, order within a rank by barycentre sweeps.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence

_SWEEPS = 6
_GAP_X = 70.0
_GAP_Y = 18.0

Edge = tuple[str, str]


def positions(boxes: Mapping[str, tuple[float, float]], edges: Sequence[Edge]) -> dict[str, tuple[float, float]]:
    """The centre of every box, in pixels.

    Args:
        boxes: width and height of each box.
        edges: pairs (from, to) of boxes; loops are allowed.
    """
    ranks = _ranks(boxes, edges)
    rows = _ordered(ranks, edges)
    placed: dict[str, tuple[float, float]] = {}
    left = 0.0
    for row in rows:
        width = max(boxes[box][0] for box in row)
        top = -sum(boxes[box][1] + _GAP_Y for box in row) / 2
        for box in row:
            placed[box] = (left + width / 2, top + boxes[box][1] / 2)
            top += boxes[box][1] + _GAP_Y
        left += width + _GAP_X
    return placed


def _ranks(boxes: Iterable[str], edges: Sequence[Edge]) -> dict[str, int]:
    """The length of the longest path that leads to each box; an edge that closes a loop does not count."""
    after: dict[str, list[str]] = defaultdict(list)
    waiting: dict[str, int] = dict.fromkeys(boxes, 0)
    for source, target in dict.fromkeys(edges):
        if source != target:
            after[source].append(target)
            waiting[target] += 1
    ranks = dict.fromkeys(waiting, 0)
    ready = deque(sorted(box for box, count in waiting.items() if not count))
    while waiting:
        if not ready:  # a loop: open it at the box that the fewest edges hold back
            ready.append(min(waiting, key=lambda box: (waiting[box], box)))
        box = ready.popleft()
        if waiting.pop(box, None) is None:
            continue
        for target in after[box]:
            if target in waiting:
                ranks[target] = max(ranks[target], ranks[box] + 1)
                waiting[target] -= 1
                if not waiting[target]:
                    ready.append(target)
    return ranks


def _ordered(ranks: Mapping[str, int], edges: Sequence[Edge]) -> list[list[str]]:
    rows: dict[int, list[str]] = defaultdict(list)
    for box in sorted(ranks):
        rows[ranks[box]].append(box)
    before: dict[str, list[str]] = defaultdict(list)
    after: dict[str, list[str]] = defaultdict(list)
    for source, target in edges:
        before[target].append(source)
        after[source].append(target)
    levels = sorted(rows)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        place = {box: _share(index, rows[level]) for level in levels for index, box in enumerate(rows[level])}
        for level in levels if forward else reversed(levels):
            neighbours = before if forward else after
            rows[level].sort(key=lambda box: (_barycentre(neighbours[box], place, place[box]), box))
            place |= {box: _share(index, rows[level]) for index, box in enumerate(rows[level])}
    return [rows[level] for level in levels]


def _share(index: int, row: Sequence[str]) -> float:
    return (index + 0.5) / len(row)


def _barycentre(neighbours: Sequence[str], place: Mapping[str, float], otherwise: float) -> float:
    return sum(place[box] for box in neighbours) / len(neighbours) if neighbours else otherwise
