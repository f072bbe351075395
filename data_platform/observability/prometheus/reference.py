"""The catalogue of metrics as `docs/reference/metrics.md` shows it."""

from __future__ import annotations

from data_platform.observability.prometheus.catalogue import FAMILIES


def table() -> str:
    """A table in Markdown with a line for each metric."""
    lines = ["| metric | type | unit | labels | series for each | meaning |", "|---|---|---|---|---|---|"]
    for family in sorted(FAMILIES, key=lambda one: one.name):
        labels = ", ".join(f"`{label}`" for label in family.labels) or "–"
        cells = (f"`{family.full_name}`", family.kind, family.unit or "–", labels, family.per or "–", family.help)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
