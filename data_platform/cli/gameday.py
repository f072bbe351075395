"""The work of `gameday`."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module

from data_platform.cli.environment import settings_here
from data_platform.cli.gamedays.evidence import Entry, Evidence
from data_platform.cli.output import print_json, print_table, say, working

_SEEN = {None: "", True: "yes", False: "NO"}


def gameday(*, name: str, as_json: bool) -> int:
    """Plays one, writes its record, and prints it; 1 if something expected was not seen."""
    folder = settings_here().home / "gamedays"
    play: Callable[[], Evidence] = import_module(f"data_platform.cli.gamedays.{name.lower()}").play
    with working(f"playing {name} in a scratch project"):
        evidence = play()
    path = evidence.write(folder)
    if as_json:
        print_json(json.loads(path.read_text(encoding="utf-8")))
    else:
        print_table(f"{name}: {evidence.title}", ["time", "stage", "what", "seen", "facts"], _rows(evidence))
        say(f"the record: {path} (and .md)")
    return 0 if evidence.is_met else 1


def _rows(evidence: Evidence) -> list[tuple[object, ...]]:
    return [(f"{e.at:%H:%M:%S}", str(e.stage), e.what, _SEEN[e.is_met], _facts(e)) for e in evidence.entries]


def _facts(entry: Entry) -> str:
    return "; ".join(f"{name} {value}" for name, value in entry.facts.items())
