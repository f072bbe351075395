"""Colours of the console are readable: WCAG 2.2, success criteria 1.4.3 (text) and 1.4.11 (borders of controls)."""

from __future__ import annotations

import re
from importlib import resources

import pytest

CSS = resources.files("data_platform.serving.console").joinpath("static", "console.css").read_text()
COLOURS = {name: (light, dark) for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w+), (#\w+)\)", CSS)}
ON_SURFACES = [(text, ground) for text in ("text", "quiet", "accent") for ground in ("page", "surface")]
CHIPS = [(name, f"{name}-soft") for name in ("raw", "curated", "served", "other", "warn", "bad")]
MORE = [("quiet", "sunken"), ("text", "sunken"), ("accent", "accent-soft")]


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), ON_SURFACES + CHIPS + MORE)
def test_text_stands_out_from_its_ground(text: str, ground: str, theme: int) -> None:
    assert contrast(COLOURS[text][theme], COLOURS[ground][theme]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_the_borders_of_controls_stand_out(theme: int) -> None:
    assert contrast(COLOURS["strong-line"][theme], COLOURS["surface"][theme]) >= 3
