"""`data-platform contracts`."""

from __future__ import annotations

from pathlib import Path

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.group()
def contracts() -> None:
    """Lint, show and prove contracts. Reads no data and needs no network."""


@contracts.command()
@click.argument("path", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
@options.as_json
def lint(path: Path | None, as_json: bool) -> int:
    """Report every fault of every contract, query and connector file: file, line, what is wrong, how to mend it.

    PATH is a folder of domains; without it, those of the project.
    """
    return work("contracts:lint", path=path, as_json=as_json)


@contracts.command()
@click.argument("dataset")
@options.as_json
def show(dataset: str, as_json: bool) -> int:
    """Print everything that the contract of DATASET drives."""
    return work("contracts:show", dataset=dataset, as_json=as_json)


@contracts.command()
@click.argument("dataset", required=False)
@options.as_json
def prove(dataset: str | None, as_json: bool) -> int:
    """Show for every rule that it fails on a row that violates it."""
    return work("proofs:prove_rules", dataset=dataset, as_json=as_json)
