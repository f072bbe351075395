"""The entry of `data-platform` (and `dp`): the list of nouns, and how errors become messages and exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import click

from data_platform.cli.loading import LazyGroup
from data_platform.errors import PlatformError
from data_platform.governance.error_text import told

PROGRAM = "data-platform"
_COMMANDS = "data_platform.cli.commands"
_NOUNS = {
    "demo": (f"{_COMMANDS}.demo:demo", "Take sample_data the whole way, from files to the served layer."),
    "run": (f"{_COMMANDS}.run:run", "Ingest, then materialize what is stale."),
    "status": (f"{_COMMANDS}.status:status", "Every dataset: rows, checks, ledger, freshness."),
    "serve": (f"{_COMMANDS}.serve:serve", "Open the console and the HTTP API of the catalog."),
    "sli": (f"{_COMMANDS}.sli:sli", "Indicators: what is measured, how, and what it says."),
    "slo": (f"{_COMMANDS}.slo:slo", "Objectives: what is promised, how it stands, rules for Prometheus."),
    "deploy-gate": (f"{_COMMANDS}.slo:deploy_gate", "Ask whether error budgets allow a change now."),
    "metrics": (f"{_COMMANDS}.slo:metrics", "Print every metric of the platform for Prometheus."),
    "dashboards": (f"{_COMMANDS}.slo:dashboards", "Write dashboards for Grafana."),
    "catalog": (f"{_COMMANDS}.catalog:catalog", "Search and show datasets, their lineage, impact and history."),
    "trace": (f"{_COMMANDS}.trace:trace", "The chain from source batch to served table, by any id in it."),
    "logs": (f"{_COMMANDS}.logs:logs", "What the platform wrote about a run, or of late."),
    "contracts": (f"{_COMMANDS}.contracts:contracts", "Lint, show and prove contracts."),
    "ingest": (f"{_COMMANDS}.ingest:ingest", "List source instances, or run one."),
    "lineage": (f"{_COMMANDS}.lineage:lineage", "See where lineage events are sent, and send them."),
    "rejected": (f"{_COMMANDS}.rejected:rejected", "Look at files and records that could not be read."),
    "quarantine": (f"{_COMMANDS}.quarantine:quarantine", "Look at rows held back by a rule, and release them."),
    "late": (f"{_COMMANDS}.late:late", "Look at rows that came too late, and admit them."),
    "query": (f"{_COMMANDS}.query:query", "Read any layer with one SELECT; leaves an audit line."),
    "warehouse": (f"{_COMMANDS}.warehouse:warehouse", "The served layer as one DuckDB file."),
    "costs": (f"{_COMMANDS}.costs:costs", "What runs and stored tables cost, and who is charged."),
    "doctor": (f"{_COMMANDS}.doctor:doctor", "Examine home, store, tables and metastore; --repair mends."),
    "incident": (f"{_COMMANDS}.incident:incident", "What is wrong, who has it, and how it ended."),
    "watch": (f"{_COMMANDS}.watch:watch", "Watch everything and tell those on call."),
    "runbook": (f"{_COMMANDS}.watch:runbook", "What to do about each alert."),
    "breaker": (f"{_COMMANDS}.watch:breaker", "Circuit breakers: see and reset them."),
    "check": (f"{_COMMANDS}.check:check", "Ask whether a dataset is ready for production."),
    "gameday": (f"{_COMMANDS}.gameday:gameday", "Inject a failure into a scratch project, put on record what happens."),
    "recover": (f"{_COMMANDS}.recover:recover", "Take a table with a damaged head back, and derive it again."),
    "rebuild": (f"{_COMMANDS}.rebuild:rebuild", "Derive everything from landing again and compare."),
    "sample": (f"{_COMMANDS}.sample:sample", "Write sample files at any size."),
    "init": (f"{_COMMANDS}.init:init", "Write a project of a team's own."),
    "bench": ("data_platform.benchmarks.command:bench", "Measure the platform against a plain DuckDB script."),
}


@click.group(
    PROGRAM,
    cls=LazyGroup,
    places=_NOUNS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name=PROGRAM, prog_name=PROGRAM)
@click.option("--debug", is_flag=True, help="Show the whole traceback of an error, which may quote data.")
def root(debug: bool) -> None:
    """A data platform on Dagster: a dataset is a contract; the platform does the rest.

    Exit codes: 0 done, 1 a check or gate said no, 2 used wrongly, 3 could not run.
    """


def main() -> None:
    """The console script."""
    code = run(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is closed. Tearing the interpreter down would only let DuckDB's binding call its own module's objects
    # leaked, forty lines long, after Dagster ran in the process.
    os._exit(code)


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code."""
    typed = [argument for argument in arguments if argument != "--debug"]
    is_debugging = len(typed) < len(arguments)
    try:
        return int(root.main(typed, prog_name=PROGRAM, standalone_mode=False) or 0)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except PlatformError as error:
        return _told(error, str(error), error.exit_code, is_debugging)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; everything that was published stays, run again to go on", err=True)
        return 3
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output went away, as `head` does
        return 0
    except Exception as error:  # noqa: BLE001  the outermost edge: nothing may leave but a message and a code
        hint = "this is not an expected fault; run again with --debug and report what it shows"
        return _told(error, f"{told(error)}\n{hint}", 3, is_debugging)


def _told(error: Exception, message: str, code: int, is_debugging: bool) -> int:
    if is_debugging:
        traceback.print_exception(error)
    else:
        click.secho("error: ", fg="red", bold=True, nl=False, err=True)
        click.echo(message, err=True)
    return code
