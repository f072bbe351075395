"""The live table of a run: one line per dataset with state and time. On stderr, only where somebody
watches.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from rich.live import Live
from rich.table import Table

from data_platform.cli.output import stderr, table_of


class Board:
    """Shows states while the block runs; `set` may be called from anywhere in it."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._states: dict[str, tuple[str, float | None, str]] = dict.fromkeys(names, ("waiting", None, ""))
        console = stderr()
        self._live = Live(console=console, refresh_per_second=8, transient=True) if console.is_terminal else None

    def __enter__(self) -> Board:
        if self._live is not None:
            self._live.start()
            self._live.update(self._table())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def set(self, name: str, state: str, seconds: float | None = None, message: str = "") -> None:
        """Notes what became of a dataset."""
        self._states[name] = (state, seconds, message)
        if self._live is not None:
            self._live.update(self._table())

    def seconds(self, name: str) -> float | None:
        """How long the dataset took last; None where nobody said."""
        return self._states.get(name, ("", None, ""))[1]

    def message(self, name: str) -> str:
        """What was said of the dataset last, whole."""
        return self._states.get(name, ("", None, ""))[2]

    def _table(self) -> Table:
        rows = [
            (name, state, "" if seconds is None else f"{seconds:.1f} s", message.partition("\n")[0])
            for name, (state, seconds, message) in self._states.items()
        ]
        return table_of("", ["dataset", "state", "time", ""], rows)
