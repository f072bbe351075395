"""What a contract's tier means to those who are called at night."""

from __future__ import annotations

CRITICAL = ("critical", "gold")


def is_critical(tier: str) -> bool:
    """Whether a failure of a dataset of this tier cannot wait until morning."""
    return tier in CRITICAL
