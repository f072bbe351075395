"""`data-platform catalog`."""

from __future__ import annotations

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work


@click.group()
def catalog() -> None:
    """What is known of every dataset: the platform's own, and those of others that lineage events name.

    DATASET is `<layer>.<domain>.<dataset>`, or `<namespace>/<name>` for datasets outside the platform.
    """


@catalog.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 200), help="Hits a page.")
@click.option("--cursor", help="Where the page before ended, as it said.")
@options.as_json
def search(words: tuple[str, ...], limit: int, cursor: str | None, as_json: bool) -> int:
    """Find datasets by name, column, description, tag or owner; the last word counts as begun.

    `owner:`, `tag:`, `column:`, `name:` and `about:` before a word say where it must stand.
    """
    return work("catalog:search", words=words, limit=limit, cursor=cursor, as_json=as_json)


@catalog.command()
@click.argument("dataset")
@options.as_json
def show(dataset: str, as_json: bool) -> int:
    """Show one dataset: meaning, owner, columns and where they come from, versions, runs, checks."""
    return work("catalog:show", dataset=dataset, as_json=as_json)


@catalog.command()
@click.argument("dataset", metavar="DATASET[.COLUMN]")
@click.option("--up", is_flag=True, help="Only where it comes from.")
@click.option("--down", is_flag=True, help="Only where it goes.")
@click.option("--depth", default=3, show_default=True, type=click.IntRange(1, 100), help="Steps each way.")
@options.as_json
def lineage(dataset: str, up: bool, down: bool, depth: int, as_json: bool) -> int:
    """Show where a dataset or a column comes from and goes to."""
    return work("catalog:lineage", dataset=dataset, up=up, down=down, depth=depth, as_json=as_json)


@catalog.command()
@click.argument("dataset", metavar="DATASET[.COLUMN]")
@options.as_json
def impact(dataset: str, as_json: bool) -> int:
    """List everything downstream with owners and contracts: who is hit if this changes or goes."""
    return work("catalog:impact", dataset=dataset, as_json=as_json)


@catalog.command()
@click.argument("dataset")
@options.as_json
def history(dataset: str, as_json: bool) -> int:
    """Show the schemas and contracts that a dataset had, and its versions."""
    return work("catalog:history", dataset=dataset, as_json=as_json)


@catalog.command()
@options.as_json
def coverage(as_json: bool) -> int:
    """Show how many columns of served datasets have a full path to raw, and how many tables of the store a contract.

    Ends with 1 if a column has no full path, or if of a served dataset no columns are known.
    """
    return work("catalog:coverage", as_json=as_json)


@catalog.command()
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 1_000), help="How many, the newest first."
)
@options.as_json
def refused(limit: int, as_json: bool) -> int:
    """List the texts that were sent as events and are none, with what is wrong and where; --json shows them whole."""
    return work("catalog:refused", limit=limit, as_json=as_json)


@catalog.command()
@options.as_json
def scan(as_json: bool) -> int:
    """Look what is in the store and in the served file, and compare it with contracts and ledger.

    Ends with 1 if something is unmanaged, drifted or missing and nobody has accepted it.
    """
    return work("catalog_scan:scan", as_json=as_json)


@catalog.command()
@click.option("--all", "is_all", is_flag=True, help="Also tables that are as they should be.")
@options.as_json
def findings(is_all: bool, as_json: bool) -> int:
    """List what the newest scan found, and what was decided about it."""
    return work("catalog_scan:findings", is_all=is_all, as_json=as_json)


@catalog.command()
@click.argument("table")
@click.option("--dataset", help="The dataset that it shall be, <layer>.<domain>.<dataset>.")
def adopt(table: str, dataset: str | None) -> int:
    """Draft a contract of TABLE as it is now, in the folder `drafts` of its domain, and say what comes next."""
    return work("catalog_adopt:adopt", table=table, dataset=dataset)


@catalog.command()
@click.argument("table")
@click.option("--reason", required=True, help="Why it may be so; kept with your name.")
def accept(table: str, reason: str) -> int:
    """Keep TABLE as it is now: no alarm until it changes. Versions that others wrote are read from then on."""
    return work("catalog_scan:accept", table=table, reason=reason)


@catalog.command()
@click.argument("table")
@click.option("--reason", required=True, help="Why it must not be so; kept with your name.")
@options.yes
def reject(table: str, reason: str, yes: bool) -> int:
    """Take TABLE back to what was recorded, or move it out of the way if no contract describes it. Deletes nothing."""
    return work("catalog_scan:reject", table=table, reason=reason, yes=yes)
