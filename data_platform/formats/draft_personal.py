"""Whether a column seems to hold personal data, by its name and by what validators say of a sample. A hint for a
person; of the values nothing is kept.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import phonenumbers
from stdnum import iban, luhn
from stdnum.de import idnr
from stdnum.us import ssn

_SHARE = 0.6  # of the sampled values that a validator has to accept
_FEWEST = 3  # of fewer values all have to be accepted, by a validator that hardly errs on one
_NAMES: tuple[tuple[str, str, str], ...] = (
    (r"e?_?mail", "e-mail address", "confidential"),
    (r"phone|mobile|msisdn|fax|tel(efon|ephone)?", "phone number", "confidential"),
    (r"(first|last|full|sur|given|family|middle|maiden|contact|customer|person|holder)_?name", "name", "confidential"),
    (r"birth|dob|geburt", "date of birth", "confidential"),
    (r"street|address|addr|zip|postal|postcode|plz", "address", "confidential"),
    (r"iban|account_?(no|number)|bic", "bank account", "restricted"),
    (r"card_?(no|number)|pan|cvv|cvc", "payment card", "restricted"),
    (r"ssn|social_?security|tax_?(id|no)|passport|national_?id|personnel", "national identifier", "restricted"),
    (r"ip(_?address|v4|v6)?", "network address", "confidential"),
    (r"gender|religion|ethnic|health|diagnos|disab", "special category", "restricted"),
    (r"password|passwd|secret|token", "credential", "restricted"),
    (r"lat(itude)?|lon(gitude)?|geo", "location", "confidential"),
    (r"(customer|user|client|member|person|patient|employee)_?(id|no|number)", "person's identifier", "internal"),
)
_CARD = re.compile(r"[2-6][0-9]{12,18}")  # ISO/IEC 7812: 2 to 6 are payment and travel cards; 1 begins times in ms
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}")


@dataclass(frozen=True, slots=True)
class PersonalHint:
    """What a column seems to hold, how it should be classified, and what made it seem so."""

    what: str
    classification: str
    because: str


def personal_hint(name: str, sample: Sequence[str]) -> PersonalHint | None:
    """The hint for a column; None where nothing points to a person.

    Args:
        name: the column's name, in any case and spelling.
        sample: some of its distinct values as text.
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("-", "_").replace(" ", "_")
    for pattern, what, classification in _NAMES:
        if re.search(rf"(?:^|_)(?:{pattern})(?:_|$|s$)", words):
            return PersonalHint(what, classification, "its name")
    is_small = len(sample) < _FEWEST
    for what, classification, is_one in _VALIDATORS if sample else ():
        if is_small and is_one not in _SURE:
            continue
        if sum(is_one(value) for value in sample) >= (1 if is_small else _SHARE) * len(sample):
            return PersonalHint(what, classification, "its values")
    return None


def _is_email(value: str) -> bool:
    return bool(_EMAIL.fullmatch(value))


def _is_iban(value: str) -> bool:
    return bool(iban.is_valid(value))


def _is_phone(value: str) -> bool:
    if not value.startswith("+"):
        return False
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(value))
    except phonenumbers.NumberParseException:
        return False


def _is_card(value: str) -> bool:
    digits = re.sub(r"[ -]", "", value)
    return bool(_CARD.fullmatch(digits)) and bool(luhn.is_valid(digits))


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def _is_national(value: str) -> bool:
    return (bool(re.fullmatch(r"\d{3}-\d{2}-\d{4}", value)) and bool(ssn.is_valid(value))) or bool(idnr.is_valid(value))


_VALIDATORS: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
    ("e-mail address", "confidential", _is_email),
    ("phone number", "confidential", _is_phone),
    ("bank account", "restricted", _is_iban),
    ("payment card", "restricted", _is_card),
    ("network address", "confidential", _is_address),
    ("national identifier", "restricted", _is_national),
)
_SURE = (_is_email, _is_phone, _is_iban, _is_card)
