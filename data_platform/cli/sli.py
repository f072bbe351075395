"""The work of `sli`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import click

from data_platform.cli.environment import platform_here, watching_here
from data_platform.cli.output import counted, print_json, print_table, say, working
from data_platform.cli.times import moment
from data_platform.contracts.places import nearest
from data_platform.errors import ConfigurationError
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.observability.slis import processing_lag
from data_platform.observability.slis.registry import INDICATORS, NO_SOURCE, Indicator, indicator
from data_platform.observability.words import duration

_NEWEST_OF = timedelta(days=2)
_COLUMNS = ("measured", "sli", "dataset", "part", "value", "good", "bad", "unknown", "provenance")


def list_(*, as_json: bool) -> int:
    """Prints the indicators; those without a source come last, with the reason and never with a number."""
    measured = [(i.number, i.name, i.unit, i.target, i.how, i.page) for i in INDICATORS]
    lacking = [(number, name, "", "", f"no source yet: {why}", "") for number, (name, why) in NO_SOURCE.items()]
    columns = ("number", "indicator", "unit", "target", "how", "page")
    rows = sorted([*measured, *lacking], key=lambda row: (not row[0], int(row[0][1:] or 0) if row[0] else 0))
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table("", columns, rows)
    return 0


def show(*, name: str, dataset: str | None, limit: int, as_json: bool) -> int:
    """Prints values of one indicator."""
    found = _indicator(name)
    with watching_here() as platform:
        values = platform.metastore.operations.sli_values
        if dataset is not None:
            entries = values.of(name, subject=dataset, limit=limit)
        else:
            newest = values.cursor(name)
            entries = () if newest is None else values.latest(name, since=newest - _NEWEST_OF)[:limit]
        slope = None
        if name == processing_lag.NAME and dataset is not None:
            slope = processing_lag.drift(platform.metastore, dataset, now=platform.clock.now())
    if as_json:
        print_json({"sli": name, "unit": found.unit, "drift_seconds_per_day": slope, "values": list(entries)})
        return 0
    _print(entries)
    say(f"{found.how}; values in {found.unit}, counts are {found.counts}; `data-platform sli explain {name}`")
    say(f"what could fool it: {found.fooled_by}")
    if slope is not None:
        say(f"the daily p95 moves by {slope:+.1f} s a day")
    return 0


def explain(*, name: str) -> int:
    """Prints an indicator's page."""
    click.echo(_indicator(name).explanation, nl=False)
    return 0


def measure(*, as_json: bool) -> int:
    """Measures once and prints what was kept."""
    with platform_here() as platform, working("measuring"):
        entries = platform.slis.measure(platform.clock.now())
    if as_json:
        print_json(list(entries))
    else:
        _print(entries)
    return 0


def publish(*, as_json: bool) -> int:
    """Publishes the platform's own datasets and prints how many rows each has."""
    with (
        platform_here() as platform,
        working("publishing"),
        platform.recorder.launch(platform.run(job="sli_publish")) as run,
    ):
        turn = platform.own_publishing.turn(run)
    rows = [(str(one.commit.ref), one.commit.version, one.rows) for one in turn.published]
    if as_json:
        print_json([dict(zip(("dataset", "version", "rows"), row, strict=True)) for row in rows])
    else:
        print_table("", ("dataset", "version", "rows"), rows)
        said = f"{counted(len(rows), 'dataset')} published" if rows else "nothing changed since the last publish"
        say(f"{said}; `data-platform query` reads them, and so does any DuckDB client in {turn.file.file}")
    return 0


def _indicator(name: str) -> Indicator:
    found = indicator(name)
    if found is None:
        lacking = dict(NO_SOURCE.values())
        if name in lacking:
            raise ConfigurationError(f"{name} has no source yet: {lacking[name]}")
        raise ConfigurationError(f"there is no indicator {name!r}; {nearest(name, [one.name for one in INDICATORS])}")
    return found


def _worded(entry: SliValueEntry) -> str | None:
    """A value as people read it: seconds as a duration."""
    if entry.value is None:
        return None
    known = indicator(entry.sli)
    return duration(entry.value) if known is not None and known.unit == "seconds" else f"{entry.value:.4g}"


def _print(entries: Iterable[SliValueEntry]) -> None:
    rows = [
        (
            moment(entry.measured_at),
            entry.sli,
            entry.subject,
            entry.partition,
            _worded(entry),
            f"{entry.good:g}",
            f"{entry.bad:g}",
            f"{entry.unknown:g}",
            entry.provenance,
        )
        for entry in entries
    ]
    print_table("", _COLUMNS, rows)
