"""Finding datasets by words: names, columns, descriptions, tags and owners, ranked by where the words stand and by how
much a dataset is used. The last word counts as begun, so that people find while they type.

`owner:`, `tag:`, `column:`, `name:` and `about:` (the description) before a word say where it must stand.
"""

from __future__ import annotations

from dataclasses import dataclass

from data_platform.catalog.cursors import cursor_of, place_in
from data_platform.catalog.words import words
from data_platform.metastore.catalog import CatalogStore
from data_platform.metastore.catalog_reads import DatasetLine
from data_platform.metastore.catalog_search import Place, Term

_FIELDS = {"owner": "owners", "tag": "tags", "column": "columns", "name": "name", "about": "description"}
_MOST_WORDS = 16
MOST_HITS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One dataset found; a higher score is better."""

    dataset: DatasetLine
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some hits, the best first; `cursor` gives the next page, None on the last one."""

    hits: tuple[Hit, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Words to datasets."""

    store: CatalogStore

    def find(self, text: str, *, limit: int = 20, cursor: str | None = None) -> Page:
        """The datasets that have every word.

        Raises:
            UnknownCursor: the cursor is none that a page gave.
        """
        terms = read_terms(text)
        after = None if cursor is None else _place(cursor)
        limit = max(1, min(limit, MOST_HITS))
        if not terms:
            return Page(hits=(), cursor=None)
        with self.store.reading() as tx:
            found = self.store.search.find(terms, limit=limit + 1, after=after, tx=tx)
            datasets = self.store.reads.datasets([one for one, _ in found], tx=tx)
        hits = tuple(Hit(dataset=datasets[one], score=score) for one, score in found[:limit])
        return Page(hits=hits, cursor=_cursor(hits[-1]) if len(found) > limit else None)


def read_terms(text: str) -> tuple[Term, ...]:
    """What was typed as terms; nothing in it can be anything but words. The last word counts as begun."""
    terms: list[Term] = []
    for part in text.split():
        head, colon, rest = part.partition(":")
        field = _FIELDS.get(head.lower()) if colon else None
        terms.extend(Term(word=word, field=field) for word in words(rest if field else part))
    terms = terms[:_MOST_WORDS]
    if not terms:
        return ()
    is_open = not text[-1:].isspace()
    last = Term(word=terms[-1].word, field=terms[-1].field, is_prefix=is_open)
    return (*terms[:-1], last)


def _cursor(hit: Hit) -> str:
    return cursor_of(hit.score, hit.dataset.namespace, hit.dataset.name)


def _place(cursor: str) -> Place:
    score, namespace, name = place_in(cursor, (float, str, str))
    return Place(score=score, namespace=namespace, name=name)
