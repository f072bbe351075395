"""What metering, traces and logs add to a step and to a whole run: the same work with them and without, in turn."""

from __future__ import annotations

import gc
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import TypeVar

from data_platform.benchmarks.bench_domain import write_domain
from data_platform.benchmarks.measuring import Comparison, Measurement, measure
from data_platform.benchmarks.platform_run import run
from data_platform.benchmarks.unwatched import unlogged, unwatched
from data_platform.benchmarks.whole_way import PLATFORM, Workspace
from data_platform.contracts.model import DatasetName
from data_platform.settings import Settings, load_settings
from data_platform.wiring.platform import Platform, open_platform

_STEP = DatasetName.parse("served.commerce.product_units")
_STEP_ROWS = 3_000  # that it counts: a step that moves little, of which what is added is the larger share
_WARM_UP = 5
_Turn = TypeVar("_Turn")
_UNWATCHED = (sys.executable, "-m", "data_platform.benchmarks.unwatched")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """What being watched adds.

    Attributes:
        step_cpu_seconds: of all threads of the process, for an unwatched step; the median.
        added_cpu_seconds: a watched step less the unwatched one of its pair; the quartiles. Steps differ among each
            other by more than what is looked for, so the middle one is worth as much as there are pairs.
        whole_way: files to served tables, watched against unwatched, each in a process of its own.
    """

    steps: int
    step_cpu_seconds: float
    added_cpu_seconds: tuple[float, float, float]
    whole_way: Comparison


def measure_watching(folder: Path, *, rows: int, pairs: int, steps: int, report: Callable[[str], None]) -> Watching:
    """Pairs of steps in one process, then pairs of whole runs over `rows` rows."""
    report(f"{steps} pairs of steps")
    watched, plain = _steps(Workspace(folder=folder / "steps"), steps)
    lower, middle, upper = quantiles((mine - other for mine, other in zip(watched, plain, strict=True)), n=4)
    return Watching(
        steps=steps,
        step_cpu_seconds=median(plain),
        added_cpu_seconds=(lower, middle, upper),
        whole_way=_whole_way(Workspace(folder=folder / "whole-way"), rows=rows, pairs=pairs, report=report),
    )


def _whole_way(workspace: Workspace, *, rows: int, pairs: int, report: Callable[[str], None]) -> Comparison:
    source = workspace.source(rows, dirt=0.0)
    ours: list[Measurement] = []
    theirs: list[Measurement] = []
    for pair in range(pairs):
        report(f"pair {pair + 1} of {pairs}")
        for command, taken in _turns((PLATFORM, ours), (_UNWATCHED, theirs), pair):
            log = workspace.folder / "run.log"
            taken.append(measure(command, environment=workspace.environment(source), log=log))
    return Comparison(name="watched, whole way", ours=tuple(ours), theirs=tuple(theirs))


def _steps(workspace: Workspace, steps: int) -> tuple[list[float], list[float]]:
    settings = _settings(workspace)
    watched: list[float] = []
    plain: list[float] = []
    with open_platform(settings) as ours, open_platform(settings) as theirs:
        unwatched(theirs)
        with redirect_stdout(sys.stderr):  # what is printed is the figures alone
            run(ours)
        for number in range(-_WARM_UP, steps):
            for platform, taken in _turns((ours, watched), (theirs, plain), number):
                with unlogged() if platform is theirs else nullcontext():
                    seconds = _cpu_seconds(platform)
                if number >= 0:
                    taken.append(seconds)
    return watched, plain


def _settings(workspace: Workspace) -> Settings:
    home = workspace.folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    source = workspace.source(_STEP_ROWS, dirt=0.0)
    return load_settings(home=home, source=source, domains=(write_domain(workspace.folder / "domains"),))


def _cpu_seconds(platform: Platform) -> float:
    gc.collect()  # what the step before left is not this one's work
    began = time.process_time()
    platform.materializer.materialize(_STEP, run=platform.run())
    return time.process_time() - began


def _turns(one: _Turn, other: _Turn, pair: int) -> tuple[_Turn, _Turn]:
    """Who is first changes from pair to pair: the second finds warmer caches."""
    return (one, other) if pair % 2 else (other, one)
