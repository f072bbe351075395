"""`contracts lint FILE`: whether one file is a document of the standard, and whether a dataset of the platform."""

from __future__ import annotations

from pathlib import Path

from data_platform.cli.output import counted, print_json, say, stdout
from data_platform.contracts.odcs import published_faults, read_contract
from data_platform.contracts.odcs_standard import standard_faults
from data_platform.contracts.places import shown_path
from data_platform.contracts.yaml_lines import parse_yaml


def lint_document(path: Path, *, as_json: bool) -> int:
    """Prints what the standard refuses, and as notes what the platform would not drive; 1 where it refuses."""
    document = parse_yaml(path.read_bytes())
    shown = shown_path(path)
    faults = sorted({*standard_faults(document, shown), *published_faults(document, shown)})
    notes = () if faults else read_contract(path).faults
    verdict = "no ODCS document" if faults else "ODCS document, but no dataset of the platform" if notes else "dataset"
    if as_json:
        print_json({"verdict": verdict, "faults": faults, "notes": notes})
        return 1 if faults else 0
    for fault in faults:
        stdout().print(str(fault), markup=False, soft_wrap=True)
    for note in notes:
        stdout().print(f"note: {note}", markup=False, soft_wrap=True)
    say(f"{shown}: {verdict}" + (f", {counted(len(faults), 'fault')}" if faults else ""))
    return 1 if faults else 0
