"""`data-platform ingest`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.group()
def ingest() -> None:
    """Run source instances, watch them, go back in them."""


@ingest.command("list")
@options.as_json
def list_sources(as_json: bool) -> int:
    """List the source instances of all domains and what they have landed."""
    return work("ingest:list_sources", as_json=as_json)


@ingest.command("run")
@click.argument("name")
@options.as_json
def run_source(name: str, as_json: bool) -> int:
    """Land and commit everything that source instance NAME has to offer."""
    return work("ingest:run_source", name=name, as_json=as_json)


@ingest.command()
@click.argument("names", nargs=-1)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where http_push sources listen.")
@click.option("--port", default=8085, show_default=True, help="Their port; 0 takes a free one.")
def start(names: tuple[str, ...], host: str, port: int) -> int:
    """Keep streams running until stopped: every stream of the project, or those of NAMES.

    Ctrl-C and SIGTERM drain: the batches that have begun are committed. Progress is on stderr.
    """
    return work("collect:start", names=names, host=host, port=port)


@ingest.command()
@options.as_json
def status(as_json: bool) -> int:
    """Show how every source lives and moves. Ends with 1 if one is dead, stuck, empty, refused, failed or hoarding."""
    return work("collect:status", as_json=as_json)


@ingest.command()
@click.argument("name")
@click.option("--from", "where", required=True, help="earliest, offset:0=120, time:2026-03-01T00:00:00Z, snapshot …")
@click.option("--yes", is_flag=True, help="Do it, instead of only showing the plan.")
def replay(name: str, where: str, yes: bool) -> int:
    """Read source instance NAME once more from an earlier place, or go on beyond a gap.

    Records that come again are told apart downstream, by key or as equal repeats; nothing is lost.
    """
    return work("collect:replay", name=name, where=where, is_agreed=yes)


@ingest.command()
@click.argument("names", nargs=-1)
@click.option("--minutes", default=15, show_default=True, help="How long, from now.")
@click.option("--reason", required=True, help="What is being done; shown wherever the silence is.")
def maintenance(names: tuple[str, ...], minutes: int, reason: str) -> int:
    """Declare a window in which the silence of NAMES (default all) is planned, as for a rolling restart."""
    return work("collect:maintenance", names=names, minutes=minutes, reason=reason)


@ingest.command()
def metrics() -> int:
    """Print records, errors, latencies and backlogs of every source in Prometheus' text format."""
    return work("collect:metrics")


@ingest.command("inspect")
@click.argument("batch")
@options.as_json
def inspect_batch(batch: str, as_json: bool) -> int:
    """Print what a BATCH (source/number) was landed with: objects, digests, source schema, versions, positions."""
    return work("ingest:inspect_batch", batch=batch, as_json=as_json)
