"""`data-platform gameday`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.command()
@click.argument("name", type=click.Choice(["F1", "F7"], case_sensitive=False))
@options.as_json
def gameday(name: str, as_json: bool) -> int:
    """Inject a failure into a scratch project and put on record what the platform does about it.

    F1: a schema change upstream, then a deploy with a bug. F7: three connectors that fail in silence (three minutes).
    The record is written to gamedays/ in the home; ends with 1 if anything expected was not seen.
    """
    return work("gameday:gameday", name=name.upper(), as_json=as_json)
