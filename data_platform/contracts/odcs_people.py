"""Who owns a dataset, where its users turn, and which service levels it promises."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from data_platform.contracts.literals import UNIT_NAMES, span
from data_platform.contracts.model import Owner, ServiceLevel
from data_platform.contracts.places import Place, exact, nearest

_LENGTHS = ("latency", "frequency", "retention")
_PROSE = (
    "errorRate", "throughput", "generalAvailability", "endOfSupport", "endOfLife", "timeToDetect", "timeToNotify",
    "timeToRepair", "timeOfAvailability",
)  # fmt: skip
_OWNER_FIX = "add team: {name: <team>, members: [{username: <e-mail>, role: owner}]}"


def read_owner(place: Place) -> Owner | None:
    """The owning team; None after a fault."""
    team = place.into("team")
    if isinstance(team.value, list):
        team.fault("team is a bare list of members, so the owner has no name", _OWNER_FIX)
        return None
    name = team.text("name").strip()
    if not name:
        place.missing("team", "the dataset has no owner", _OWNER_FIX)
        return None
    members = [member for member in team.items("members") if not member.has("dateOut")]
    names = [member.text("username") or member.text("name") for member in members]
    owners = [who for member, who in zip(members, names, strict=True) if member.text("role").lower() == "owner"]
    if team.has("members") and not any(owners):
        team.into("members").fault("no present member of the team has the role owner", "give one member role: owner")
    email = next((who for who in owners if "@" in who), None)
    return Owner(team=name, email=email, members=tuple(filter(None, names)))


def read_support(place: Place) -> tuple[str, ...]:
    """The support channels, in order."""
    channels = []
    for item in place.items("support"):
        if item.text("channel"):
            channels.append(item.text("channel"))
        else:
            item.missing("channel", "a support entry has no channel", "add channel")
    return tuple(channels)


def read_service_level(place: Place) -> ServiceLevel:
    """The service levels that the platform keeps watch over; the rest of ODCS's list is prose."""
    found: dict[str, Any] = {}
    for item in place.items("slaProperties"):
        name = item.text("property")
        if name in _PROSE:
            continue
        if name not in (*_LENGTHS, "availability"):
            item.into("property").fault(
                f"unknown service level {name!r}", nearest(name, (*_LENGTHS, "availability", *_PROSE))
            )
            continue
        key = "availability_percent" if name == "availability" else name
        if key in found:
            item.into("property").fault(f"service level {name!r} stands twice", "keep one of the two")
        found[key] = _percent(item) if name == "availability" else _length(item, name)
    return ServiceLevel(**found)


def _length(item: Place, name: str) -> timedelta | None:
    count, unit = _number(item.get("value")), item.text("unit")
    length = span(count, unit) if count is not None else None
    if length is None and unit and unit not in UNIT_NAMES:
        item.into("unit").fault(f"{name} has unknown unit {unit!r}", "write one of: s, m, h, d, w, mo, y")
    elif length is None:
        item.fault(f"{name} is no length of time", "write value: 4 and unit: h")
    return length


def _percent(item: Place) -> Decimal | None:
    written = item.get("value")
    percent = _number(written.removesuffix("%").strip() if isinstance(written, str) else written)
    if percent is None or not 0 <= percent <= 100 or item.text("unit") not in ("", "percent", "%"):
        item.fault("availability is no percentage", "write value: 99.5 and unit: percent")
        return None
    return percent


def _number(value: Any) -> Decimal | None:
    if isinstance(value, str):
        try:
            number = Decimal(value)
        except InvalidOperation:
            return None
        return number if number.is_finite() else None
    return exact(value)
