"""`data-platform sample`."""

from __future__ import annotations

from pathlib import Path

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.command()
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for the files.")
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="1 gives about 980 orders and 12,000 web events in 14 days.",
)
@click.option("--seed", default=7, show_default=True, help="Equal arguments give equal files.")
@click.option("--days", type=click.IntRange(min=1), default=14, show_default=True, help="Trading days.")
@click.option(
    "--dirt",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Multiplies the number of every defect; 0 writes clean files.",
)
@click.option("--yes", is_flag=True, help="Write into a folder that holds files already.")
@options.as_json
def sample(out: Path, scale: float, seed: int, days: int, dirt: float, yes: bool, as_json: bool) -> int:
    """Write the sample shop's files and say how many rows of each defect were planted."""
    return work("sample:sample", out=out, size=(scale, days), seed=seed, dirt=dirt, yes=yes, as_json=as_json)
