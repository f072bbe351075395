"""What the project's own files say: faults that keep a dataset or a domain from being read as it stands there now."""

from __future__ import annotations

from collections.abc import Iterator

from data_platform.errors import Fault
from data_platform.incidents.model import FILES, Alert, Symptom
from data_platform.incidents.rules.facts import Facts

ALERTS = (Alert.METADATA_GAP,)
_MOST = 20


def symptoms(facts: Facts) -> Iterator[Symptom]:
    """One for each dataset, or domain, with faulty files, however many faults they have."""
    for part in facts.outside.faulty():
        faults = [_in_a_line(fault) for fault in part.faults]
        yield facts.ticket(
            Alert.METADATA_GAP,
            f"{FILES}{part.name}",
            since=facts.now,
            ready_at=None,  # an editor saves in steps: what is mended at once is nobody's ticket
            dataset=str(part.dataset or ""),
            domain=part.domain,
            evidence={"error": faults[0], "count": len(faults), "faults": faults[:_MOST], "files": part.files[:_MOST]},
        )


def _in_a_line(fault: Fault) -> str:
    place = f"{fault.path}:{fault.line}" if fault.line else fault.path
    return f"{place}: {fault.message} (fix: {fault.fix})"
