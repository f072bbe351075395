"""Where an ingesting process can be killed: every call that makes something durable or visible or speaks to the source.

As `end_to_end.kill_points`, but names of files may differ from run to run here (bytes of a change record hold times, a
spool file the process), so a point is the number of a call among those of its thread, wherever it goes. Only the
metastore and a collector's segments have the same names in every run. What a killed process was about to do is read
from its own trace.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from data_platform_tests.end_to_end.kill_points import KillPoint

CALLS = (
    "link,linkat,rename,renameat,renameat2,unlink,unlinkat,ftruncate,fsync,fdatasync,pwrite64,sendto,sendmsg,sendmmsg"
)
_LINE = re.compile(r"^(?P<thread>\d+)\s+(?P<call>\w+)\((?P<arguments>.*)$")
_PATH = re.compile(r'"(?P<text>[^"]+)"|<(?P<open>/[^>]+)>')
_SAME_IN_EVERY_RUN = re.compile(r"^metastore\.db|^http_push/.*\.wal$")
_STAGES = (
    ("segment", r"^http_push/.*\.wal$"),  # of the collector's own home, which is its spool
    ("segments", r"^http_push/"),
    ("spool", r"^spool/"),
    ("landing object", r"^store/landing/.*/objects"),
    ("contract text", r"^store/landing/.*/contracts"),
    ("manifest", r"^store/landing/.*/batches"),
    ("staged", r"^store/.*\.incoming"),
    ("rejected table", r"^store/tables/rejected/"),
    ("raw data", r"^store/tables/raw/.*\.parquet"),
    ("raw commit", r"^store/tables/raw/"),
    ("metastore", r"^metastore\.db"),
)
OVER_A_SOCKET = "socket"


@dataclass(frozen=True, order=True)
class CallPoint(KillPoint):
    """The `number`-th `call` of a thread: on `path`, relative to the home, or anywhere where there is none."""

    def tracer(self, home: Path, log: Path) -> tuple[str, ...]:
        """The strace command that kills the process on entry to this call, before it does anything."""
        inject = f"inject={self.call}:signal=SIGKILL:when={self.number}"
        on_path = ("-P", str(home / self.path)) if self.path else ()
        return (*tracing(log, self.call), *on_path, "-e", inject)

    def __str__(self) -> str:
        return f"{self.stage}: {self.call} {self.number}{' on ' if self.path else ''}{self.path}"


def tracing(log: Path, calls: str = CALLS) -> tuple[str, ...]:
    """The strace command that only writes down; what is traced comes behind it."""
    return ("strace", "-f", "-y", "-qq", "-o", str(log), "-e", f"trace={calls}")


def call_points(trace: Iterable[str], home: Path) -> list[CallPoint]:
    """Every point of a trace, each once."""
    seen: Counter[tuple[str, str, str]] = Counter()
    found: set[CallPoint] = set()
    for line in trace:
        match = _LINE.match(line)
        if match is None:
            continue
        stage, path = _stage(match["arguments"], home)
        key = (match["thread"], match["call"], path)
        seen[key] += 1
        if path:  # it is one of its thread's calls anywhere, too
            seen[(match["thread"], match["call"], "")] += 1
        if stage:
            found.add(CallPoint(stage, match["call"], path, seen[key]))
    return sorted(found)


def died_at(trace: Iterable[str], home: Path) -> str:
    """The stage of the last call that a killed process began."""
    calls = [match for match in map(_LINE.match, trace) if match is not None]
    return (_stage(calls[-1]["arguments"], home)[0] or "elsewhere") if calls else "elsewhere"


def _stage(arguments: str, home: Path) -> tuple[str, str]:
    """The stage of a call, and its path if that is the same in every run."""
    if re.match(r"\d+<(socket|TCP|UDP)", arguments):
        return OVER_A_SOCKET, ""
    named = [match["text"] or match["open"] for match in _PATH.finditer(arguments.partition(") =")[0])]
    inside = [path.removeprefix(f"{home}/") for path in named if path.startswith(f"{home}/")]
    if not inside:
        return "", ""
    path = inside[-1]
    stage = next((stage for stage, pattern in _STAGES if re.match(pattern, path)), "")
    return stage, path if _SAME_IN_EVERY_RUN.match(path) else ""
