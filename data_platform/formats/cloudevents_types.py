"""The types of CloudEvents attributes (CloudEvents 1.0.2, "Type System"), as checks of their canonical strings.

A check returns what is wrong with a value, empty if nothing; it never repeats the value.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import TypeAlias

Check: TypeAlias = Callable[[str], str]

_REMEMBERED_CHARACTERS = 256
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAY_MINUTES = 24 * 60

# Control characters, noncharacters and unpaired surrogates.
_BAD_CHARACTER = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF))
    + "]"
)

# RFC 3986, Appendix A.
_PCHAR = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})"
_SEGMENT_WITHOUT_COLON = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=@]|%[0-9A-Fa-f]{2})++"
_AUTHORITY = (
    r"(?:(?:[A-Za-z0-9\-._~!$&'()*+,;=:]|%[0-9A-Fa-f]{2})*@)?"
    r"(?:\[(?P<literal>[^\[\]]++)\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*+)"
    r"(?::[0-9]*+)?"
)
_ABEMPTY = rf"(?:/{_PCHAR}*+)*+"
_QUERY = rf"(?:\?(?:{_PCHAR}|[/?])*+)?"
_ABSOLUTE_PATH = rf"/(?:{_PCHAR}++{_ABEMPTY})?"
_URI = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.\-]*+:(?://{_AUTHORITY}{_ABEMPTY}|{_ABSOLUTE_PATH}|{_PCHAR}++{_ABEMPTY}|){_QUERY}"
)
_RELATIVE = re.compile(rf"(?://{_AUTHORITY}{_ABEMPTY}|{_ABSOLUTE_PATH}|{_SEGMENT_WITHOUT_COLON}{_ABEMPTY}|){_QUERY}")
_FRAGMENT = re.compile(rf"(?:{_PCHAR}|[/?])*+")
_FUTURE_ADDRESS = re.compile(r"[vV][0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+")

# RFC 3339, section 5.6; letters may be small, a space for the T is no part of the grammar.
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)

# RFC 2045, section 5.1.
_WORD = r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]++"
_QUOTED = r"\"(?:[^\"\\]|\\.)*+\""
_PARAMETER = rf"[ \t]*+;[ \t]*+{_WORD}=(?:{_WORD}|{_QUOTED})"
_MEDIA_TYPE = re.compile(rf"(?P<type>{_WORD})/(?P<subtype>{_WORD})(?P<parameters>(?:{_PARAMETER})*+)[ \t]*+")
_CHARSET = re.compile(rf";[ \t]*+charset=(?:({_WORD})|\"((?:[^\"\\]|\\.)*+)\")", re.IGNORECASE)


def _remembered(check: Check) -> Check:
    """Sources, types and media types repeat; long values are not kept, so that a sender cannot fill the memory."""
    known = lru_cache(maxsize=1024)(check)
    return lambda value: known(value) if len(value) <= _REMEMBERED_CHARACTERS else check(value)


def string_fault(value: str) -> str:
    """String: no control characters, noncharacters or unpaired surrogates."""
    if value.isascii() and value.isprintable():
        return ""
    return "holds a character that CloudEvents forbids" if _BAD_CHARACTER.search(value) else ""


@_remembered
def uri_reference_fault(value: str) -> str:
    """URI-reference: RFC 3986, section 4.1."""
    address, sharp, fragment = value.partition("#")
    match = _URI.fullmatch(address) or _RELATIVE.fullmatch(address)
    if match is None or not _is_address(match["literal"]) or (sharp and _FRAGMENT.fullmatch(fragment) is None):
        return "is not a URI reference (RFC 3986)"
    return ""


@_remembered
def uri_fault(value: str) -> str:
    """URI: an absolute URI, which has no fragment (RFC 3986, section 4.3)."""
    match = _URI.fullmatch(value)
    return "" if match is not None and _is_address(match["literal"]) else "is not an absolute URI (RFC 3986, 4.3)"


def timestamp_fault(value: str) -> str:
    """Timestamp: RFC 3339."""
    match = _TIMESTAMP.fullmatch(value)
    if match is None:
        return "is not a timestamp (RFC 3339)"
    sign, offset_hour, offset_minute = match.groups()
    if sign is not None and (offset_hour > "23" or offset_minute > "59"):
        return "has an offset that does not exist (RFC 3339)"
    try:
        datetime.fromisoformat(value[:19])
    except ValueError:  # which the year 0 and a leap second raise too
        offset = 0 if sign is None else int(sign + "1") * (int(offset_hour) * 60 + int(offset_minute))
        return _unusual_time_fault(value, offset)
    return ""


@_remembered
def media_type_fault(value: str) -> str:
    """A media type as RFC 2046 means it."""
    return "" if _MEDIA_TYPE.fullmatch(value) else "is not a media type (RFC 2046)"


def media_type(value: str) -> tuple[str, str]:
    """Type/subtype and charset of a media type, both in small letters; an empty charset where none is said."""
    match = _MEDIA_TYPE.fullmatch(value)
    if match is None:
        return "", ""
    charset = _CHARSET.search(match["parameters"])
    named = (charset[1] or charset[2] or "") if charset else ""
    return f"{match['type']}/{match['subtype']}".lower(), named.lower()


def is_json(essence: str) -> bool:
    """Whether a type/subtype in small letters declares JSON (JSON event format, section 3.1.1)."""
    return essence.endswith(("/json", "+json"))


def _unusual_time_fault(value: str, offset_minutes: int) -> str:
    year, month, day, hour, minute, second = (int(value[at : at + 2]) for at in (2, 5, 8, 11, 14, 17))
    year += int(value[:2]) * 100
    if not (1 <= month <= 12 and 1 <= day <= _month_days(year, month) and hour < 24 and minute < 60 and second < 61):
        return "is not a day and time that exist (RFC 3339)"
    if second == 60 and (hour * 60 + minute - offset_minutes) % _DAY_MINUTES != _DAY_MINUTES - 1:
        return "has a leap second away from the end of a day in UTC (RFC 3339)"
    return ""


def _month_days(year: int, month: int) -> int:
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 28 if month == 2 and not is_leap else _DAYS[month - 1]


def _is_address(literal: str | None) -> bool:
    """Whether what stands in brackets in a URI's host is an IPv6 or a future address."""
    if literal is None or _FUTURE_ADDRESS.fullmatch(literal):
        return True
    try:
        ipaddress.IPv6Address(literal)
    except ValueError:
        return False
    return "%" not in literal
