"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def as_json(command: F) -> F:
    """`--json`: one JSON document instead of tables."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, nothing else.")(command)


def yes(command: F) -> F:
    """`--yes`: do it; without it only the plan is shown."""
    return click.option("--yes", is_flag=True, help="Do it. Without it, only the plan is shown (exit code 1).")(command)


def acting(command: F) -> F:
    """`--as`: who does it; the operating system's user by default."""
    return click.option("--as", "who", metavar="NAME", help="Who you are; otherwise the name you are logged in as.")(
        command
    )
