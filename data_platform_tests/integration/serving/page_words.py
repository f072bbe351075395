"""What a page says, without its markup."""

from __future__ import annotations

import html
import re

import httpx


def said(answer: httpx.Response, *, section: str = "") -> str:
    """The words of a page, or of the section with a heading of an id."""
    text = answer.text[answer.text.index("<main") :]
    if section:
        start = text.index(f'<section class="card" aria-labelledby="{section}"')
        text = text[start : text.index("</section>", start)]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def tiles(answer: httpx.Response) -> list[tuple[str, str]]:
    """Tone and words of each tile, in order."""
    found = re.findall(r'class="tile([^"]*)"[^>]*><b>(.*?)</b><span>(.*?)</span>', answer.text)
    return [(tone.strip(), f"{re.sub('<[^>]+>', '', number)} {label}") for tone, number, label in found]
