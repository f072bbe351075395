"""`data-platform contracts`."""

from __future__ import annotations

from pathlib import Path

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.group()
def contracts() -> None:
    """Lint, show, prove, compare and draft contracts. Only `infer` reads data; none needs a network."""


@contracts.command()
@click.argument("path", required=False, type=click.Path(path_type=Path, exists=True))
@options.as_json
def lint(path: Path | None, as_json: bool) -> int:
    """Report every fault of every contract, query and connector file: file, line, what is wrong, how to mend it.

    PATH is a folder of domains; without it, those of the project. Of a single file it is told whether it is a document
    of the Open Data Contract Standard, and what of it the platform does not drive.
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


@contracts.command()
@click.argument("base")
@click.argument("head", required=False)
@options.as_json
@click.option("--markdown", "as_markdown", is_flag=True, help="Markdown, as a comment on a pull request.")
@click.option("--record", "is_recorded", is_flag=True, help="Keep the verdicts in the metastore; for the deploy.")
def diff(base: str, head: str | None, as_json: bool, as_markdown: bool, is_recorded: bool) -> int:
    """Compare the contracts of BASE with those of HEAD: each change with its verdict and everyone downstream.

    BASE and HEAD are folders of domains, contract files or git references (`origin/main`); without HEAD, the working
    tree. Exit code 1 where a breaking change has neither a major version nor a waiver.
    """
    return work(
        "contract_diff:diff", base=base, head=head, as_json=as_json, as_markdown=as_markdown, is_recorded=is_recorded
    )


@contracts.command()
@click.argument("source")
@click.option("--dataset", help="The dataset that the draft is for, <layer>.<domain>.<dataset>.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write a new file instead of stdout.")
def infer(source: str, dataset: str | None, out: Path | None) -> int:
    """Draft a contract from SOURCE: a CSV, NDJSON or Parquet file, a folder, or a table of the store.

    A folder holds Parquet files or a Delta table.

    The draft holds types, nullability, a key, lists of values, ranges and hints of personal data; a person names the
    owner and looks over the rest.
    """
    return work("infer:infer", source=source, dataset=dataset, out=out)
