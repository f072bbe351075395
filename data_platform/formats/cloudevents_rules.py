"""The rules of a CloudEvent (CloudEvents 1.0.2, "Context Attributes", and its JSON event format), for whoever takes one
in and whoever reads it again. The types of attributes are in `cloudevents_types`; no fault repeats a value.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any

from data_platform.formats.cloudevents_types import (
    media_type_fault,
    string_fault,
    timestamp_fault,
    uri_fault,
    uri_reference_fault,
)

DATA, BINARY = "data", "data_base64"
_REQUIRED = ("id", "source", "specversion", "type")
_NAME = re.compile(r"[a-z0-9]+")
_INTEGERS = range(-(1 << 31), 1 << 31)


def event_fault(event: Mapping[str, Any]) -> str:
    """What is wrong with the attributes and data of an event, empty if nothing. Null means unset, but for data."""
    for name in _REQUIRED:
        if event.get(name) is None:
            return f"{name} is missing"
    for name, value in event.items():
        check = _CHECKS.get(name)
        if check is None:
            if name != DATA and (fault := _extension_fault(name, value)):
                return fault
        elif type(value) is not str:
            if value is not None:
                return f"{name} is not a string"
        elif not value:
            return f"{name} is empty"
        elif fault := check(value):
            return f"{name} {fault}"
    if event["specversion"] != "1.0":
        return "specversion is not 1.0"
    if DATA in event and event.get(BINARY) is not None:
        return "data and data_base64 are both given"
    return ""


def shown(name: str) -> str:
    """A name as it may stand in an answer: senders choose extension names, so nothing odd is sent back."""
    return name if name.isascii() and name.isprintable() and len(name) <= 40 else "an extension attribute"


def _extension_fault(name: str, value: object) -> str:
    if _NAME.fullmatch(name) is None:
        return f"{shown(name)} is no attribute name; names consist of a-z and 0-9"
    if type(value) is str:
        fault = string_fault(value)
        return f"{shown(name)} {fault}" if fault else ""
    if value is None or type(value) is bool or (type(value) is int and value in _INTEGERS):
        return ""
    return f"{shown(name)} is neither a string, a boolean nor an integer of 32 bits"


def _base64_fault(value: str) -> str:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return "is not Base64 (RFC 4648)"
    return ""


_CHECKS: dict[str, Callable[[str], str]] = {
    "id": string_fault,
    "source": uri_reference_fault,
    "specversion": string_fault,
    "type": string_fault,
    "datacontenttype": media_type_fault,
    "dataschema": uri_fault,
    "subject": string_fault,
    "time": timestamp_fault,
    BINARY: _base64_fault,
}
