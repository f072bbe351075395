"""What one more day costs on top of 100: the run that adds it against the same run with no new data."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from data_platform.benchmarks.bench_domain import DATASETS, write_domain
from data_platform.benchmarks.measuring import Measurement, measure
from data_platform.benchmarks.whole_way import PLATFORM, ROWS_PER_SCALE
from data_platform.samples.generator import generate


@dataclass(frozen=True, slots=True, kw_only=True)
class OneMoreDay:
    """The full run over the first days, a run with nothing new, and the run that adds the last day."""

    full: Measurement
    nothing: Measurement
    added: Measurement
    assets: int

    @property
    def share(self) -> float:
        """What the added day costs beyond the run with nothing new, as a share of the full run."""
        return (self.added.wall_seconds - self.nothing.wall_seconds) / self.full.wall_seconds

    @property
    def nothing_per_asset_seconds(self) -> float:
        """The run with nothing new, by asset."""
        return self.nothing.wall_seconds / self.assets


def measure_one_more_day(folder: Path, *, rows: int, days: int, report: Callable[[str], None]) -> OneMoreDay:
    """Ingests `days` days, then nothing, then one day more."""
    source, waiting = folder / "source", folder / "waiting"
    shutil.rmtree(folder, ignore_errors=True)
    report(f"generating {days + 1} days")
    generate(source, scale=rows / ROWS_PER_SCALE * 14 / (days + 1), seed=7, dirt=0, days=days + 1)
    last = {dataset: sorted((source / dataset).iterdir())[-1] for dataset in DATASETS}
    for dataset, file in last.items():
        (waiting / dataset).mkdir(parents=True)
        shutil.move(file, waiting / dataset / file.name)
    environment = {
        "DATA_PLATFORM_HOME": str(folder / "home"),
        "DATA_PLATFORM_SOURCE": str(source),
        "DATA_PLATFORM_DOMAINS": str(write_domain(folder / "domains")),
    }
    runs = []
    for name in ("full", "nothing", "nothing again", "added"):
        report(f"run: {name}")
        if name == "added":
            for dataset, file in last.items():
                shutil.move(waiting / dataset / file.name, source / dataset / file.name)
        runs.append(measure(PLATFORM, environment=environment, log=folder / f"{name}.log"))
    return OneMoreDay(full=runs[0], nothing=runs[2], added=runs[3], assets=6)
