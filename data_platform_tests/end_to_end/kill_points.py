"""Where a run can be killed: every call that makes something durable or visible, as strace saw one clean run make it.

strace counts calls thread by thread, so a point is a call on a path that every run uses alike, and the number of that
call among those of its thread on that path. It does not see the new name of a rename as a path; renames are counted
without one.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

CALLS = "link,linkat,rename,renameat,renameat2,fsync,fdatasync,pwrite64"
_LINE = re.compile(r"^(?P<thread>\d+)\s+(?P<call>\w+)\((?P<arguments>.*)$")
_PATH = re.compile(r'"(?P<text>[^"]+)"|<(?P<open>/[^>]+)>')
_STAGES = (
    ("landing object", r"^store/landing/.*/objects"),
    ("contract text", r"^store/landing/.*/contracts"),
    ("manifest", r"^store/landing/.*/batches"),
    ("rejected commit", r"^store/tables/rejected/"),
    ("raw commit", r"^store/tables/raw/"),
    ("held commit", r"^store/tables/held/"),
    ("curated commit", r"^store/tables/curated/"),
    ("served commit", r"^store/tables/served/"),
    ("metastore commit", r"^metastore\.db"),
    ("warehouse", r"^warehouse"),
)


@dataclass(frozen=True, order=True)
class KillPoint:
    """The `number`-th `call` of its thread on `path`, which is relative to the home; of renames, on any path."""

    stage: str
    call: str
    path: str
    number: int

    def tracer(self, home: Path, log: Path) -> tuple[str, ...]:
        """The strace command that kills the process on entry to this call, before it does anything."""
        inject = f"inject={self.call}:signal=SIGKILL:when={self.number}"
        on_path = () if _is_rename(self.call) else ("-P", str(home / self.path))
        return ("strace", "-f", "-qq", "-o", str(log), *on_path, "-e", f"trace={self.call}", "-e", inject)

    def __str__(self) -> str:
        return f"{self.stage}: {self.call} {self.number} on {self.path}"


def points(trace: Iterable[str], home: Path) -> list[KillPoint]:
    """Every point of a trace made with `strace -f -y`, each once."""
    seen: Counter[tuple[str, str, str]] = Counter()
    found: set[KillPoint] = set()
    for line in trace:
        match = _LINE.match(line)
        if match is None:
            continue
        path = _path(match["arguments"], home)
        key = (match["thread"], match["call"], "" if _is_rename(match["call"]) else str(path))
        seen[key] += 1
        stage = next((stage for stage, pattern in _STAGES if path and re.match(pattern, path)), None)
        if path is None or stage is None:
            continue
        found.add(KillPoint(stage, match["call"], path, seen[key]))
    return sorted(found)


def draw(candidates: Sequence[KillPoint], count: int, rng: random.Random) -> list[KillPoint]:
    """`count` points: two of every stage, the rest of any stage and call with equal chance."""
    by_stage: defaultdict[str, list[KillPoint]] = defaultdict(list)
    for point in candidates:
        by_stage[point.stage].append(point)
    chosen = [
        point for stage in sorted(by_stage) for point in rng.sample(by_stage[stage], min(2, len(by_stage[stage])))
    ]
    by_kind: defaultdict[tuple[str, str], list[KillPoint]] = defaultdict(list)
    for point in candidates:
        if point not in chosen:
            by_kind[(point.stage, point.call)].append(point)
    while len(chosen) < count and any(by_kind.values()):
        kind = rng.choice([kind for kind, left in sorted(by_kind.items()) if left])
        chosen.append(by_kind[kind].pop(rng.randrange(len(by_kind[kind]))))
    return chosen


def _is_rename(call: str) -> bool:
    return call.startswith("rename")


def _path(arguments: str, home: Path) -> str | None:
    """The last path of a call that lies in the home and has a name of its own in every run."""
    named = [match["text"] or match["open"] for match in _PATH.finditer(arguments.partition(") =")[0])]
    inside = [path.removeprefix(f"{home}/") for path in named if path.startswith(f"{home}/")]
    if not inside:
        return None
    path = inside[-1]
    is_passing = ".incoming/" in path or path.endswith(".parquet") or "/." in f"/{path}"
    return None if is_passing else path
