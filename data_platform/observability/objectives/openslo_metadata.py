"""OpenSLO's rules for the head of every document: name, labels, annotations."""

from __future__ import annotations

import re

from data_platform.contracts.places import Place

# RFC 1123 is what every implementation must take; the specification's own examples use upper case as well.
_NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9._]{0,251}[A-Za-z0-9])?")
_PART = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_DNS = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")


def check_text(place: Place, key: str, *, is_required: bool = False, most: int | None = None) -> None:
    """A value that is text, if it is there."""
    value = place.get(key)
    if value is None and not is_required:
        return
    if not isinstance(value, str) or not value:
        place.missing(key, f"{key} is not text", f"add {key} as text")
    elif most is not None and len(value) > most:
        place.into(key).fault(f"{key} has {len(value)} characters", f"shorten it to {most}")


def check_metadata(place: Place) -> None:
    """The name, and the shape of labels and annotations."""
    if not isinstance(place.value, dict):
        place.fault("there is no metadata with a name", "add metadata: {name: …}")
        return
    place.refuse_unknown(("name", "displayName", "labels", "annotations"), "metadata")
    name = place.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        place.missing("name", f"{name!r} cannot be a name", "use letters, digits, - . and _, none of these at an end")
    check_text(place, "displayName")
    _check_labels(place.into("labels"))
    _check_annotations(place.into("annotations"))


def _check_labels(place: Place) -> None:
    for key, value in _pairs(place, "labels"):
        if not _PART.fullmatch(key):
            value.fault(f"{key!r} cannot be a label's key", "use up to 63 letters, digits, -, _ and .")
        listed = value.value if isinstance(value.value, list) else [value.value]
        if not listed or not all(isinstance(one, str) for one in listed):
            value.fault(f"label {key!r} is neither text nor a list of texts", "put quotes around it")


def _check_annotations(place: Place) -> None:
    for key, value in _pairs(place, "annotations"):
        prefix, slash, name = key.rpartition("/")
        if not _PART.fullmatch(name) or (slash and not (len(prefix) <= 253 and _DNS.fullmatch(prefix))):
            value.fault(f"{key!r} cannot be an annotation's key", "write a name of up to 63 characters, or domain/name")
        if not isinstance(value.value, str):
            value.fault(f"annotation {key!r} is not text", "put quotes around it")


def _pairs(place: Place, what: str) -> list[tuple[str, Place]]:
    if place.value is None:
        return []
    if not isinstance(place.value, dict):
        place.fault(f"{what} are not a mapping", "write key: value pairs")
        return []
    return [(key, place.into(key)) for key in place.value]
