"""Text as words to search by: lower case, without accents, `orderId` and `order_id` both as `order id`."""

from __future__ import annotations

import re
import unicodedata

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W_]+")
_MOST_WORDS = 20_000  # a document of PostgreSQL's has at most 1 MB
_LONGEST = 60


def words(text: str) -> list[str]:
    """The words of a text in order; each is letters and digits only."""
    if not text.isascii():
        folded = unicodedata.normalize("NFKD", text)
        text = "".join(c for c in folded if not unicodedata.combining(c))
    return [word[:_LONGEST] for word in _WORD.findall(_HUMP.sub(" ", text).lower())]


def words_of(text: str) -> str:
    """The same as text, one space between two words."""
    return " ".join(words(text)[:_MOST_WORDS])
