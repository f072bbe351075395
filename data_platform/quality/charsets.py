"""Characters that a charset policy refuses beyond what Unicode's general categories say. The policies themselves are
compiled in `predicates` (RE2) and `pandera_checks` (Rust), which share only this table.
"""

from __future__ import annotations

# Default_Ignorable_Code_Point outside category Cf (Unicode DerivedCoreProperties), and the Braille blank: they are
# letters, marks or symbols by category and yet nothing is seen.
UNSEEN_RANGES: tuple[tuple[int, int], ...] = (
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xE0100, 0xE01EF),
)
SCRIPTS = ("Latin", "Cyrillic", "Greek")  # the three whose letters pass for one another


def unseen_class() -> str:
    """The unseen characters as the inside of a character class, in the syntax that RE2 and Rust share."""
    return "".join(rf"\x{{{low:X}}}-\x{{{high:X}}}" for low, high in UNSEEN_RANGES)
