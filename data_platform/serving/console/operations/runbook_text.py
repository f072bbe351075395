"""Runbooks as pages. Only files of the platform and of domains are shown; markup in them stays text all the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

_BELOW = 2  # a page and a card have headings of their own
_LOWEST = 6
_PAGES = ("http://", "https://", "mailto:", "#", "/")


def rendered(text: str) -> Markup:
    """Markdown as HTML: headings below those of the page, no raw HTML, no pictures, links to the web and to pages."""
    reader = _reader()
    tokens = reader.parse(text)
    for token in _all(tokens):
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + _BELOW, _LOWEST)}"
    for token in tokens:
        _unlink_files(token.children or ())
    # HTML in the text is escaped by the reader, and what links may say is held below
    return Markup(reader.renderer.render(tokens, reader.options, {}))  # noqa: S704


def _all(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _all(token.children or ())


def _unlink_files(tokens: Sequence[Token]) -> None:
    """A link to a file beside this one leads nowhere from a page: its words stay."""
    is_file = False
    for token in tokens:
        if token.type == "link_open":
            is_file = not str(token.attrs.get("href", "")).startswith(_PAGES)
        if token.type in ("link_open", "link_close") and is_file:
            token.tag, token.attrs = "span", {}


@cache
def _reader() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    made.validateLink = _is_harmless  # type: ignore[method-assign]
    return made


def _is_harmless(url: str) -> bool:
    scheme, colon, _ = url.partition(":")
    return not colon or "/" in scheme or "#" in scheme or scheme.lower() in ("http", "https", "mailto")
