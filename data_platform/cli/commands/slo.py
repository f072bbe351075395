"""`data-platform slo`, `deploy-gate`, `metrics` and `dashboards`."""

from __future__ import annotations

from pathlib import Path

import click

from data_platform.cli.commands import options
from data_platform.cli.loading import work

_out = click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="A folder; stdout without it.")


@click.group()
def slo() -> None:
    """What is promised of every dataset, and how it stands.

    Objectives follow from contracts (slaProperties) and connectors; OpenSLO documents in
    domains/<domain>/objectives/*.openslo.yaml add to them or take their place.
    """


@slo.command("list")
@click.option(
    "--state",
    type=click.Choice(["met", "burning", "spent", "unknown"]),
    help="Only those in it; what is spent and burns is in both.",
)
@click.option("--domain", help="Only those of a domain.")
@options.as_json
def list_objectives(state: str | None, domain: str | None, as_json: bool) -> int:
    """List objectives: target, state, budget left, burn."""
    return work("slo:list_objectives", state=state, domain=domain, as_json=as_json)


@slo.command()
@click.argument("objective")
@options.as_json
def show(objective: str, as_json: bool) -> int:
    """Show one objective: what it promises, where that is written, how it stands, its last days."""
    return work("slo:show", name=objective, as_json=as_json)


@slo.command()
@click.argument("objectives", nargs=-1)
@_out
def export(objectives: tuple[str, ...], out: Path | None) -> int:
    """Write objectives as OpenSLO documents, one file each; all of them if none is named."""
    return work("slo:export", names=objectives, out=out)


@slo.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
def lint(files: tuple[Path, ...]) -> int:
    """Check every objective of the project, or FILES against OpenSLO v1 alone. Ends with 1 if one has a fault."""
    return work("slo:lint", files=files)


@slo.command()
@click.argument("dataset", required=False)
@options.as_json
def suggest(dataset: str | None, as_json: bool) -> int:
    """Suggest targets from 30 days of history and from how critical a dataset and its readers are."""
    return work("slo:suggest", dataset=dataset, as_json=as_json)


@slo.command()
@_out
@click.option("--runbooks", help="Where runbooks are to be found, for the alerts; the console by default.")
def rules(out: Path | None, runbooks: str | None) -> int:
    """Write recording and alerting rules for Prometheus."""
    return work("slo:rules", out=out, runbooks=runbooks)


@slo.command()
@options.as_json
def evaluate(as_json: bool) -> int:
    """Count what was measured since the last evaluation and judge every objective, as the watch does."""
    return work("slo:evaluate", as_json=as_json)


@click.command("deploy-gate")
@click.argument("datasets", nargs=-1)
@click.option("--override", metavar="TICKET", help="Let it through all the same; kept with your name.")
@click.option("--strict", is_flag=True, help="Also refuse where nothing is known.")
@options.as_json
def deploy_gate(datasets: tuple[str, ...], override: str | None, strict: bool, as_json: bool) -> int:
    """Ask whether DATASETS (all without any) may be changed now.

    Ends with 1 if their error budget, or that of anything that reads them, goes more than twice as fast as promised, or
    if nothing is left of it.
    """
    return work("deploy_gate:ask_gate", datasets=datasets, override=override, is_strict=strict, as_json=as_json)


@click.command()
@click.option("--openmetrics", is_flag=True, help="In OpenMetrics, with exemplars.")
def metrics(openmetrics: bool) -> int:
    """Print every metric of the platform, as `serve` shows them at /metrics."""
    return work("slo:metrics", is_open=openmetrics)


@click.group()
def dashboards() -> None:
    """Dashboards for Grafana."""


@dashboards.command()
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="A folder.")
def build(out: Path) -> int:
    """Write the executive, the on-call and the debug dashboard as JSON."""
    return work("slo:dashboards", out=out)
