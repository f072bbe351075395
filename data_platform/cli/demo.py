"""The work of `demo` and `run`: ingest, materialize through Dagster, show what became of it."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from data_platform.cli.board import Board
from data_platform.cli.contracts import dataset_name, faults_of
from data_platform.cli.environment import settings_here
from data_platform.cli.output import plain, print_json, print_table, say
from data_platform.cli.ingest import sources
from data_platform.cli.refresh import refresh, upstream
from data_platform.cli.standing import COLUMNS, Standing, Standings, row_of
from data_platform.contracts.domains import ConnectorEntry
from data_platform.contracts.model import Layer
from data_platform.errors import ConfigurationError, FaultyProject
from data_platform.orchestration.launch import RunSummary, StepEvent, run_all
from data_platform.samples.late_drop import deliver_late_drop
from data_platform.settings import Settings
from data_platform.wiring import Platform, open_platform

DROP_FOLDER, LATE_FOLDER = "web_events", "web_events_late"


def demo(*, home: Path | None, as_json: bool) -> int:
    """Takes everything in the source folder the whole way; 0 only if all is published and every ledger closes."""
    settings = settings_here(home=home)
    if not settings.source.is_dir():
        raise ConfigurationError(f"there is no sample data in {settings.source}: write it with "
                                 f"`data-platform sample --out {settings.source}`, or set DATA_PLATFORM_SOURCE")
    began = time.monotonic()
    _refuse_faults(settings)
    with open_platform(settings) as platform, Board([str(name) for name in platform.graph.order]) as board:
        ingest(platform, sources(platform), board)
        _late_drop(platform, board)
        summary = _launch(settings, None, board)
    with open_platform(settings) as platform:
        standings = Standings(platform).all()
    _print(summary, standings, as_json=as_json)
    is_sound = not summary.failed and not summary.skipped and all(each.is_sound for each in standings)
    if not as_json:
        _say_next(settings, time.monotonic() - began)
    return 0 if is_sound else 1


def run(*, datasets: tuple[str, ...], as_json: bool) -> int:
    """Ingests and materializes what is stale; 1 if a gate said no somewhere."""
    settings = settings_here()
    with open_platform(settings) as platform:
        chosen = [dataset_name(platform.project, text) for text in datasets]
        wanted = upstream(platform, chosen) if chosen else set(platform.graph.order)
        with Board([str(name) for name in platform.graph.order if name in wanted]) as board:
            ingest(platform, [entry for entry in sources(platform) if entry.dataset in wanted], board)
            summary = _launch(settings, [str(name) for name in chosen] or None, board)
        standings = [each for each in Standings(platform).all() if each.dataset in set(map(str, wanted))]
    _print(summary, standings, as_json=as_json)
    return 0 if not summary.failed and not summary.skipped and all(each.is_sound for each in standings) else 1


def _late_drop(platform: Platform, board: Board) -> None:
    """Publishes the days of the sample's visits and then delivers the drop that comes after them: a row is late only
    against days that were published before it came. The sample's own folders stay as they are.
    """
    settings = platform.settings
    if not (settings.source / LATE_FOLDER).is_dir():
        return
    amended = [entry for entry in sources(platform) if str(entry.options.get("path", "")).startswith(f"{DROP_FOLDER}/")]
    filled = {entry.dataset for entry in amended}
    readers = {name for name, inputs in platform.graph.inputs.items() if filled.intersection(inputs)}
    refresh(platform, readers, platform.run(), lambda name: board.set(name, "running"))
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(settings.source / LATE_FOLDER, Path(folder) / LATE_FOLDER)
        (Path(folder) / DROP_FOLDER).mkdir()
        deliver_late_drop(Path(folder))
        with open_platform(settings.model_copy(update={"source": Path(folder)})) as after:
            ingest(after, amended, board)


def ingest(platform: Platform, entries: Sequence[ConnectorEntry], board: Board) -> None:
    """Ingests sources one after the other."""
    run_ = platform.run()
    for entry in entries:
        began = time.monotonic()
        board.set(str(entry.dataset), "running")
        batches = platform.ingester.ingest(entry, run_)
        rows = sum(batch.raw_rows for batch in batches)
        board.set(str(entry.dataset), "ingested", time.monotonic() - began, f"{rows:,} rows")


def _refuse_faults(settings: Settings) -> None:
    _, faults = faults_of(settings.domains)
    if faults:
        raise FaultyProject(faults)


def _launch(settings: Settings, select: Sequence[str] | None, board: Board) -> RunSummary:
    def report(event: StepEvent) -> None:
        board.set(str(event.dataset), event.state, event.seconds, event.message)

    return run_all(settings, select=select, report=report)


def _print(summary: RunSummary, standings: Sequence[Standing], *, as_json: bool) -> None:
    if as_json:
        print_json({"datasets": [{**plain(each), "is_sound": each.is_sound} for each in standings],
                    "failed": list(map(str, summary.failed)), "skipped": list(map(str, summary.skipped)),
                    "runs": list(map(str, summary.run_ids))})  # fmt: skip
        return
    print_table("", COLUMNS, [row_of(each) for each in standings])
    for word, names in (("failed", summary.failed), ("skipped", summary.skipped)):
        if names:
            say(f"{word}: {', '.join(sorted(map(str, names)))}")


def _say_next(settings: Settings, seconds: float) -> None:
    served = next((Layer.SERVED.value for folder in settings.domains if folder.is_dir()), "served")
    say(f"\ndone in {seconds:.0f} s. Next:\n"
        f"  dagster dev                                   the asset graph, checks and runs, on http://127.0.0.1:3000\n"
        f"  data-platform query \"SELECT * FROM {served}.commerce.daily_revenue\"\n"
        f"  data-platform quarantine list                 what was held back, and by which rule\n"
        f"  duckdb -readonly {settings.warehouse_file}    the served layer as one file")
