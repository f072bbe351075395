"""`data-platform serve`."""

from __future__ import annotations

import click

from data_platform.cli.loading import work


@click.command()
@click.option("--port", default=8090, show_default=True, help="Where it listens, on loopback; 0 takes a free one.")
def serve(port: int) -> int:
    """Open the console and the HTTP API of the catalog until stopped."""
    return work("serve:serve_platform", port=port)
