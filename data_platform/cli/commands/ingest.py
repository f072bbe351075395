"""`data-platform ingest`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.group()
def ingest() -> None:
    """List source instances, or run one."""


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
