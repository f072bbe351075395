"""The `platform.*` custom properties: which may stand where, and their values by name. What they mean is read in
`odcs_platform`, `odcs_columns` and `odcs_quality`.
"""

from __future__ import annotations

from data_platform.contracts.places import Place, nearest

PREFIX = "platform."
DATASET_KEYS = (
    "format", "materialization", "watermark", "allowed_lateness", "event_time_range", "dedupe_key", "sequence",
    "deletes", "delivery", "delivery_date_pattern", "schema_change", "tier", "cost_tags", "nondeterminism",
    "deprecation",
)  # fmt: skip
COLUMN_KEYS = ("aliases", "charset", "reference_severity", "scale_check")
REFERENCE_KEYS = ("reference_severity",)
QUALITY_KEYS = ("scope", "tolerance")


def custom_values(place: Place, known: tuple[str, ...]) -> dict[str, Place]:
    """The values of the `platform.*` properties at `place`, by name without the prefix.

    Properties of other prefixes belong to other tools and are left alone.
    """
    found: dict[str, Place] = {}
    for entry in place.items("customProperties"):
        name = entry.text("property")
        if not name:
            entry.missing("property", "a custom property has no name", "add property")
        if not name.startswith(PREFIX):
            continue
        short = name.removeprefix(PREFIX)
        if short not in known:
            fix = nearest(name, [PREFIX + key for key in known]) if known else "remove it"
            entry.into("property").fault(f"unknown custom property {name!r}", fix)
        elif short in found:
            entry.into("property").fault(f"custom property {name!r} stands twice", "keep one of the two")
        elif not entry.has("value"):
            entry.missing("value", f"custom property {name!r} has no value", "add value, or remove the property")
        else:
            found[short] = entry.into("value")
    return found


def refuse_platform_keys(place: Place) -> None:
    """Faults `platform.*` properties where none is read, at `place` and everywhere below."""
    stack = [place]
    while stack:
        here = stack.pop()
        if isinstance(here.value, dict):
            if "customProperties" in here.value:
                custom_values(here, ())
            stack.extend(here.into(key) for key in here.value)
        elif isinstance(here.value, list):
            stack.extend(here.into(index) for index in range(len(here.value)))
