"""The work of `demo` and `run`: ingest, materialize through Dagster, show what became of it."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data_platform.cli.board import Board
from data_platform.cli.contracts import dataset_name, faults_of
from data_platform.cli.environment import settings_here
from data_platform.cli.ingest import sources
from data_platform.cli.lineage import send_a_little
from data_platform.cli.output import plain, print_json, print_table, say
from data_platform.cli.refresh import refresh, upstream
from data_platform.cli.rejected import RejectedOfSource, rejected_in, say_rejected
from data_platform.cli.standing import COLUMNS, Standing, Standings, row_of
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.model import Layer
from data_platform.errors import ConfigurationError, FaultyProject
from data_platform.orchestration.launch import RunSummary, StepEvent, run_all
from data_platform.samples.late_drop import deliver_late_drop
from data_platform.settings import Settings
from data_platform.wiring.platform import Platform, open_platform

DROP_FOLDER, LATE_FOLDER = "web_events", "web_events_late"


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of everything, and what this run could not read."""

    summary: RunSummary
    standings: Sequence[Standing]
    rejected: Sequence[RejectedOfSource]


def demo(*, home: Path | None, as_json: bool) -> int:
    """Takes everything in the source folder the whole way; 0 only if all is published and every ledger closes."""
    settings = settings_here(home=home)
    if not settings.source.is_dir():
        raise ConfigurationError(
            f"there is no sample data in {settings.source}: write it with "
            f"`data-platform sample --out {settings.source}`, or set DATA_PLATFORM_SOURCE"
        )
    began = time.monotonic()
    _refuse_faults(settings)
    with Board() as board:
        delivering = _deliver_late_drop(settings, board)
        summary = _launch(settings, None, board)
    with open_platform(settings) as platform:
        standings = [_timed(each, board) for each in Standings(platform).all()]
        rejected = rejected_in(platform, {*delivering, *summary.run_ids})
        send_a_little(platform)
    code = _print(_Outcome(summary, standings, rejected), board, as_json=as_json)
    if not as_json:
        _say_next(settings, standings, time.monotonic() - began)
    return code


def run(*, datasets: tuple[str, ...], as_json: bool) -> int:
    """Ingests and materializes what is stale; 1 if a gate said no somewhere."""
    settings = settings_here()
    with open_platform(settings) as platform:
        chosen = [dataset_name(platform.project, text) for text in datasets]
        wanted = [str(name) for name in platform.graph.order if not chosen or name in upstream(platform, chosen)]
    with Board(wanted) as board:
        summary = _launch(settings, wanted, board)
    with open_platform(settings) as platform:
        standings = [_timed(each, board) for each in Standings(platform).all() if each.dataset in wanted]
        rejected = rejected_in(platform, summary.run_ids)
        send_a_little(platform)
    return _print(_Outcome(summary, standings, rejected), board, as_json=as_json)


def _deliver_late_drop(settings: Settings, board: Board) -> list[str]:
    """Publishes the days of the sample's visits and then delivers the drop that comes after them: a row is late only
    against days that were published before it came. The sample's own folders stay as they are.

    Returns:
        the runs that did it.
    """
    if not (settings.source / LATE_FOLDER).is_dir():
        return []
    with open_platform(settings) as platform:
        for name in platform.graph.order:
            board.set(str(name), "waiting")
        entries = [e for e in sources(platform) if str(e.options.get("path", "")).startswith(f"{DROP_FOLDER}/")]
        runs = [_ingest(platform, entries, board)]
        filled = {entry.dataset for entry in entries}
        readers = {name for name, inputs in platform.graph.inputs.items() if filled.intersection(inputs)}
        with platform.recorder.launch(platform.run(job="demo")) as run:
            refresh(platform, readers, run, lambda name: board.set(name, "running"))
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(settings.source / LATE_FOLDER, Path(folder) / LATE_FOLDER)
        (Path(folder) / DROP_FOLDER).mkdir()
        deliver_late_drop(Path(folder))
        with open_platform(settings.model_copy(update={"source": Path(folder)})) as platform:
            runs.append(_ingest(platform, entries, board))
    return runs


def _ingest(platform: Platform, entries: Sequence[ConnectorEntry], board: Board) -> str:
    with platform.recorder.launch(platform.run(job="demo")) as run_:
        for entry in entries:
            board.set(str(entry.dataset), "running")
            platform.ingester.ingest(entry, run_)
            board.set(str(entry.dataset), "ingested")
    return run_.id


def _refuse_faults(settings: Settings) -> None:
    _, faults = faults_of(settings.domains)
    if faults:
        raise FaultyProject(faults)


def _launch(settings: Settings, select: Sequence[str] | None, board: Board) -> RunSummary:
    def report(event: StepEvent) -> None:
        board.set(event.dataset, event.state, event.seconds, event.message)

    return run_all(settings, select=select, report=report)


def _print(outcome: _Outcome, board: Board, *, as_json: bool) -> int:
    summary, standings = outcome.summary, outcome.standings
    is_sound = not summary.failed and not summary.skipped and all(each.is_sound for each in standings)
    if as_json:
        print_json(
            {
                "datasets": [{**plain(each), "is_sound": each.is_sound} for each in standings],
                "failed": {name: board.message(name) for name in summary.failed},
                "skipped": {name: board.message(name) for name in summary.skipped},
                "rejected": outcome.rejected,
                "runs": summary.run_ids,
            }
        )
        return 0 if is_sound else 1
    print_table("", COLUMNS, [row_of(each) for each in standings])
    say_rejected(outcome.rejected)
    for word, names in (("failed", summary.failed), ("skipped", summary.skipped)):
        for name in sorted(names):
            say(f"{word}: {board.message(name) or name}")
    if summary.failed or summary.skipped:
        say("next: mend what is named above, then `data-platform run` tries again")
    return 0 if is_sound else 1


def _timed(standing: Standing, board: Board) -> Standing:
    seconds = board.seconds(standing.dataset)
    return standing if seconds is None else replace(standing, seconds=seconds)


def _say_next(settings: Settings, standings: Sequence[Standing], seconds: float) -> None:
    served = [each.dataset for each in standings if each.dataset.startswith(f"{Layer.SERVED.value}.")]
    say(
        f"\ndone in {seconds:.0f} s. Next:\n"
        "  data-platform serve                           the catalog: what each column means, where it comes from\n"
        "  dagster dev                                   assets, checks and runs, on http://127.0.0.1:3000\n"
        f'  data-platform query "SELECT * FROM {next(iter(sorted(served)), "served.shop.orders")} LIMIT 10"\n'
        "  data-platform quarantine list                 what was held back, and by which rule\n"
        f"  duckdb -readonly {settings.warehouse_file}    the served layer as one file"
    )
