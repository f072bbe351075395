"""`data-platform bench`: the benchmarks as commands. Each prints its figures and the command that repeats them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from data_platform.benchmarks.catalog import measure_catalog
from data_platform.benchmarks.catalog_estate import EstateSize
from data_platform.benchmarks.http_push import measure_push
from data_platform.benchmarks.kafka_to_raw import measure_topic
from data_platform.benchmarks.load_definitions import measure_definitions
from data_platform.benchmarks.measuring import Comparison, Measurement
from data_platform.benchmarks.objectives import measure_objectives
from data_platform.benchmarks.one_more_day import measure_one_more_day
from data_platform.benchmarks.watching import measure_watching
from data_platform.benchmarks.whole_way import Workspace, compare_ndjson_to_raw, compare_whole_way

_GIB = 1 << 30
_rows = click.option("--rows", default=10_000_000, show_default=True, help="Order lines and web events to generate.")
_folder = click.option("--in", "folder", type=click.Path(path_type=Path), help="Where to work; kept afterwards.")
_as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


@click.group()
def bench() -> None:
    """Measure the platform against a plain DuckDB script, in one run, as a ratio."""


@bench.command("whole-way")
@_rows
@_folder
@_as_json
@click.option("--pairs", default=3, show_default=True, help="Runs of each, in turn.")
@click.option(
    "--dirt", default=0.0, show_default=True, help="0 writes clean files; above, a multiple of the usual defects."
)
def whole_way(rows: int, folder: Path | None, as_json: bool, pairs: int, dirt: float) -> None:
    """Files to served tables, process start included."""
    with _workplace(folder) as place:
        comparison = compare_whole_way(Workspace(folder=place), rows=rows, pairs=pairs, dirt=dirt, report=_report)
    _show_comparison(comparison, as_json=as_json)


@bench.command("ndjson-to-raw")
@_rows
@_folder
@_as_json
@click.option("--pairs", default=3, show_default=True, help="Runs of each, in turn.")
def ndjson_to_raw(rows: int, folder: Path | None, as_json: bool, pairs: int) -> None:
    """Web events (about half of the rows) from NDJSON files to raw, against a plain copy to Parquet."""
    with _workplace(folder) as place:
        comparison = compare_ndjson_to_raw(Workspace(folder=place), rows=rows, pairs=pairs, report=_report)
    _show_comparison(comparison, as_json=as_json)


@bench.command("one-more-day")
@_rows
@_folder
@_as_json
@click.option("--days", default=100, show_default=True)
def one_more_day(rows: int, folder: Path | None, as_json: bool, days: int) -> None:
    """What one day costs on top of many."""
    with _workplace(folder) as place:
        result = measure_one_more_day(place / "one-more-day", rows=rows, days=days, report=_report)
    figures = {
        "full": asdict(result.full), "nothing_new": asdict(result.nothing), "one_day_more": asdict(result.added),
        "share_of_full": result.share, "nothing_new_seconds_per_asset": result.nothing_per_asset_seconds,
    }  # fmt: skip
    lines = [_line(name, measured) for name, measured in
             (("full run", result.full), ("nothing new", result.nothing), ("one day more", result.added))]  # fmt: skip
    lines.append(f"one day more costs {result.share:.1%} of the full run beyond a run with nothing new")
    lines.append(f"nothing new: {result.nothing_per_asset_seconds:.2f} s an asset")
    _show(figures, lines, as_json=as_json)


@bench.command("definitions")
@_folder
@_as_json
@click.option("--datasets", default=200, show_default=True)
def definitions(folder: Path | None, as_json: bool, datasets: int) -> None:
    """Loading the definitions of a generated project."""
    with _workplace(folder) as place:
        alone, cold, warm = measure_definitions(place / "definitions", datasets=datasets)
    above = {
        "cold_seconds": cold.wall_seconds - alone.wall_seconds,
        "cached_seconds": warm.wall_seconds - alone.wall_seconds,
    }
    lines = [_line("import dagster", alone), _line("definitions, no cache", cold), _line("definitions, cached", warm)]
    lines.append(
        f"above import dagster: {above['cold_seconds']:.1f} s, with the parse cache {above['cached_seconds']:.1f} s"
    )
    _show({"import_dagster_seconds": alone.wall_seconds, **above}, lines, as_json=as_json)


@bench.command("http-push")
@_folder
@_as_json
@click.option("--seconds", default=10.0, show_default=True, help="How long each load lasts.")
def http_push(folder: Path | None, as_json: bool, seconds: float) -> None:
    """Events pushed over HTTP, on disk before each answer; the sender runs on the same machine."""
    with _workplace(folder) as place:
        measured, plain = measure_push(place / "http-push", seconds=seconds, report=_report)
    lines = [
        f"{one.name:36} {one.events_per_second:8,.0f} events/s {one.requests_per_second:6,.0f} requests/s "
        f"p50 {one.p50_seconds * 1000:6.1f} ms p99 {one.p99_seconds * 1000:6.1f} ms; CPU of the server "
        f"{one.server_cpu_seconds:.1f} s, of the sender {one.sender_cpu_seconds:.1f} s in {one.wall_seconds:.1f} s"
        for one in measured
    ]
    lines.append(f"a plain loop of write and flush, one event at a time, without HTTP: {plain:,.0f} events/s")
    _show({"loads": [asdict(one) for one in measured], "plain_events_per_second": plain}, lines, as_json=as_json)


@bench.command("kafka-to-raw")
@_folder
@_as_json
@click.option("--records", default=400_000, show_default=True, help="Small records, in four partitions.")
def kafka_to_raw(folder: Path | None, as_json: bool, records: int) -> None:
    """A Kafka topic to raw, against a plain loop of the same client into one Parquet file."""
    with _workplace(folder) as place:
        measured = measure_topic(place / "kafka-to-raw", records=records, report=_report)
    figures = {**asdict(measured), "records_per_second": measured.records_per_second,
               "share_of_plain": measured.share_of_plain}  # fmt: skip
    lines = [
        f"platform   {measured.platform_seconds:6.1f} s {measured.records_per_second:10,.0f} records/s",
        f"plain loop {measured.plain_seconds:6.1f} s {records / measured.plain_seconds:10,.0f} records/s",
        f"Kafka to raw: {measured.share_of_plain:.2f} times the rate of the plain loop",
    ]
    _show(figures, lines, as_json=as_json)


@bench.command("catalog")
@_folder
@_as_json
@click.option("--datasets", default=1_000, show_default=True)
@click.option("--columns", default=20_000, show_default=True, help="Of all datasets together.")
@click.option("--edges", default=10_000, show_default=True, help="Between datasets.")
@click.option("--events", default=5_000, show_default=True, help="Of runs, besides three for each dataset.")
@click.option("--questions", default=200, show_default=True, help="Of each kind.")
def catalog(
    folder: Path | None, as_json: bool, datasets: int, columns: int, edges: int, events: int, questions: int
) -> None:
    """Events into the catalog, then search, lineage, impact and pages."""
    size = EstateSize(datasets=datasets, columns=columns, edges=edges, events=events)
    with _workplace(folder) as place:
        found = measure_catalog(place / "catalog", size=size, questions=questions, report=_report)
    lines = [
        f"{found.events:,} events at {found.events_per_second:,.0f} a second, the last tenth at "
        f"{found.last_events_per_second:,.0f} ({found.cpu_seconds:,.0f} s CPU); "
        f"database {found.database_bytes / _GIB:.2f} GiB, memory {found.peak_bytes / _GIB:.2f} GiB"
    ]
    lines += [
        f"{one.name:28} p50 {one.p50_seconds * 1000:8.1f} ms  p95 {one.p95_seconds * 1000:8.1f} ms  "
        f"most {one.most_seconds * 1000:8.1f} ms  ({one.asked} asked)"
        for one in found.timings
    ]
    _show(asdict(found), lines, as_json=as_json)


@bench.command("objectives")
@_folder
@_as_json
@click.option("--datasets", default=1_000, show_default=True)
@click.option("--days", default=90, show_default=True, help="Of samples.")
def objectives(folder: Path | None, as_json: bool, datasets: int, days: int) -> None:
    """Every objective of an estate evaluated over months of samples, and the metrics of all of it scraped."""
    with _workplace(folder) as place:
        found = measure_objectives(place / "objectives", datasets=datasets, days=days, report=_report)
    lines = [
        f"{found.objectives:,} objectives over {found.samples:,} samples ({found.database_bytes / _GIB:.2f} GiB)",
        f"the first evaluation {found.first_seconds:.2f} s, that of the next tick {found.next_seconds:.2f} s",
        f"a scrape of {found.scrape.series:,} series ({found.scrape.size_bytes / (1 << 20):.1f} MiB): the first "
        f"of a process {found.scrape.first_seconds:.2f} s, those after it {found.scrape.next_seconds * 1000:.0f} ms; "
        f"the first of all, which counts the whole ledger, {found.scrape.uncounted_seconds:.1f} s",
    ]
    _show(asdict(found), lines, as_json=as_json)


@bench.command("watching")
@_folder
@_as_json
@click.option("--rows", default=300_000, show_default=True, help="Of the whole runs.")
@click.option("--pairs", default=10, show_default=True, help="Whole runs of each, in turn.")
@click.option("--steps", default=200, show_default=True, help="Steps of each, in turn.")
def watching(folder: Path | None, as_json: bool, rows: int, pairs: int, steps: int) -> None:
    """What metering, traces and logs add to a step and to a whole run."""
    with _workplace(folder) as place:
        found = measure_watching(place / "watching", rows=rows, pairs=pairs, steps=steps, report=_report)
    lower, middle, upper = (seconds * 1000 for seconds in found.added_cpu_seconds)
    lines = [
        f"a step of {found.step_cpu_seconds * 1000:.0f} ms CPU takes {middle:.1f} ms more "
        f"(median of {found.steps} pairs, the middle half from {lower:+.0f} to {upper:+.0f})",
        f"files to served tables take {found.whole_way.ratio:.3f} times the wall time (median of {pairs} pairs)",
    ]
    _show({**asdict(found), "whole_way_ratio": found.whole_way.ratio}, lines, as_json=as_json)


def _show_comparison(comparison: Comparison, *, as_json: bool) -> None:
    figures = {"name": comparison.name, "ratio": comparison.ratio, "platform": [asdict(m) for m in comparison.ours],
               "plain_script": [asdict(m) for m in comparison.theirs]}  # fmt: skip
    lines = [_line("platform", m) for m in comparison.ours] + [_line("plain script", m) for m in comparison.theirs]
    lines.append(f"{comparison.name}: {comparison.ratio:.2f} times the plain script (median of pairs)")
    _show(figures, lines, as_json=as_json)


def _line(name: str, measured: Measurement) -> str:
    peak = measured.peak_bytes / _GIB
    return f"{name:24} {measured.wall_seconds:8.1f} s wall {measured.cpu_seconds:8.1f} s CPU {peak:6.2f} GiB peak"


def _show(figures: dict[str, Any], lines: list[str], *, as_json: bool) -> None:
    click.echo(json.dumps(figures) if as_json else "\n".join(lines))


def _report(text: str) -> None:
    click.echo(text, err=True)


@contextmanager
def _workplace(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="data-platform-bench-") as place:
        yield Path(place)
