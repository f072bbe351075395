"""The whole way, from files to served tables, against the plain script: clean rows, and with 1 % dirty rows."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from data_platform.benchmarks.bench_domain import DATASETS, write_domain
from data_platform.benchmarks.measuring import Comparison, Measurement, measure
from data_platform.samples.generator import generate

_DAYS = 14
ROWS_PER_SCALE = 11_270  # order lines and web events that one unit of scale writes in _DAYS days
PLATFORM = (sys.executable, "-m", "data_platform.benchmarks.platform_run")
PLAIN = (sys.executable, "-m", "data_platform.benchmarks.plain_script")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Folders of one benchmark: generated files, the domain, and a home per run."""

    folder: Path

    def source(self, rows: int, *, dirt: float) -> Path:
        """Files with about `rows` order lines and web events; kept between runs."""
        source = self.folder / f"source-{rows}-{dirt:g}"
        if not (source / "planted.json").exists():
            generate(source, scale=rows / ROWS_PER_SCALE, seed=7, dirt=dirt, days=_DAYS)
            for unused in source.iterdir():
                if unused.is_dir() and unused.name not in DATASETS:
                    shutil.rmtree(unused)
        return source

    def environment(self, source: Path) -> dict[str, str]:
        """The settings of a run on `source`, in an empty home."""
        home = self.folder / "home"
        shutil.rmtree(home, ignore_errors=True)
        return {
            "DATA_PLATFORM_HOME": str(home),
            "DATA_PLATFORM_SOURCE": str(source),
            "DATA_PLATFORM_DOMAINS": str(write_domain(self.folder / "domains")),
        }

    def run_platform(self, source: Path, *sources: str) -> Measurement:
        """One run of the platform in an empty home, process start included; with names, only these to raw."""
        command = (*PLATFORM, *sources)
        return measure(command, environment=self.environment(source), log=self.folder / "platform.log")

    def run_plain(self, source: Path, *words: str) -> Measurement:
        """One run of the plain script into an empty folder."""
        out = self.folder / "plain"
        shutil.rmtree(out, ignore_errors=True)
        return measure((*PLAIN, str(source), str(out), *words), environment={}, log=self.folder / "plain.log")


def compare_whole_way(
    workspace: Workspace, *, rows: int, pairs: int, dirt: float, report: Callable[[str], None]
) -> Comparison:
    """Runs platform and plain script in turn, `pairs` times."""
    report(f"generating {rows:,} rows")
    source = workspace.source(rows, dirt=dirt)
    ours, theirs = [], []
    for pair in range(pairs):
        report(f"pair {pair + 1} of {pairs}: platform")
        ours.append(workspace.run_platform(source))
        report(f"pair {pair + 1} of {pairs}: plain script")
        theirs.append(workspace.run_plain(source, *(["dirty"] if dirt > 0 else [])))
    name = "whole way, clean" if dirt == 0 else "whole way, dirty"
    return Comparison(name=name, ours=tuple(ours), theirs=tuple(theirs))


def compare_ndjson_to_raw(workspace: Workspace, *, rows: int, pairs: int, report: Callable[[str], None]) -> Comparison:
    """NDJSON files to raw, against a plain copy of the same files to Parquet, in turn."""
    report(f"generating {rows:,} rows")
    source = workspace.source(rows, dirt=0.0)
    ours, theirs = [], []
    for pair in range(pairs):
        report(f"pair {pair + 1} of {pairs}")
        ours.append(workspace.run_platform(source, "web_events"))
        theirs.append(workspace.run_plain(source, "copy"))
    return Comparison(name="NDJSON to raw", ours=tuple(ours), theirs=tuple(theirs))
