"""Loading commands by name, so that `--help` imports nothing but click: nouns when they are typed, their work when it
runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A group whose commands are `module:attribute` places with their one-line help, loaded when they are typed."""

    def __init__(self, *args: Any, places: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """The names, in the order in which they are listed."""
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's signature
        """Loads one command; None if there is none of that name."""
        if cmd_name not in self._places:
            return None
        module, attribute = self._places[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's signature
        """Lists the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._places.items()])


def work(place: str, **arguments: Any) -> int:
    """Calls `module:function` of `data_platform.cli` with the arguments that were typed.

    Returns:
        the exit code: 0 done, 1 a check or gate said no.
    """
    module, function = place.split(":")
    code: int = getattr(import_module(f"data_platform.cli.{module}"), function)(**arguments)
    return code
