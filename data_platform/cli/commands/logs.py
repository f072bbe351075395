"""`data-platform logs`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.command()
@click.argument("run_id", metavar="[RUN_ID]", default="")
@click.option("--trace", "trace_id", default="", metavar="TRACE_ID", help="Only lines of a trace.")
@click.option(
    "--since", default="", metavar="TIME", help="Only later lines: a time (ISO 8601), or `90m`, `6h`, `2d` ago."
)
@click.option(
    "--level",
    type=click.Choice(("debug", "info", "warning", "error", "critical")),
    default="debug",
    help="Only lines of this level or a graver one.",
)
@click.option("--limit", type=click.IntRange(min=1), default=1_000, help="The last so many lines.")
@options.as_json
def logs(run_id: str, trace_id: str, since: str, level: str, limit: int, as_json: bool) -> int:
    """Print what the platform wrote about RUN_ID, or about everything, in the order of time.

    The files are `<home>/logs/<day>/<run id>.jsonl`, one JSON object a line.
    """
    return work("logs:logs", run_id=run_id, trace_id=trace_id, since=since, level=level, limit=limit, as_json=as_json)
