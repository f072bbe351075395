"""The work of `doctor`: runs the examinations, with `--repair` the repairs first, and says what to do next."""

from __future__ import annotations

from collections import Counter

from data_platform.cli.environment import settings_here
from data_platform.cli.examinations import Finding, State, examine
from data_platform.cli.liveness import examine_liveness
from data_platform.cli.output import print_json, print_table, say, working
from data_platform.cli.repairs import repair_all
from data_platform.wiring.platform import open_platform
from data_platform.wiring.reading import sound_reader


def doctor(*, repair: bool, only_alive: bool, as_json: bool) -> int:
    """Prints findings; 1 if something is wrong. `only_alive` leaves out what takes long: the stored bytes."""
    done: list[str] = []
    settings = settings_here()
    reader = None if repair else sound_reader(settings)  # what is derived again is derived from a whole project
    with open_platform(settings, reader=reader) as platform:
        if repair:
            with working("deriving records again"):
                done = repair_all(platform)
        with working("examining"):
            findings = [*([] if only_alive else examine(platform)), *examine_liveness(platform)]
    is_wrong = any(finding.state is State.WRONG for finding in findings)
    if as_json:
        print_json({"repaired": done, "findings": findings, "is_sound": not is_wrong})
        return 1 if is_wrong else 0
    for line in done:
        say(f"repaired: {line}")
    if repair and not done:
        say("nothing was lost: no record had to be derived again")
    sound = Counter(finding.area for finding in findings if finding.state is State.OK)
    print_table("", ["area", "sound"], list(sound.items()))
    wanting = [_row(finding) for finding in findings if finding.state is not State.OK]
    if wanting:
        print_table("\nfindings", ["area", "subject", "state", "what was found", "next"], wanting)
    return 1 if is_wrong else 0


def _row(finding: Finding) -> tuple[object, ...]:
    return (finding.area, finding.subject, finding.state.value, finding.detail, finding.next)
