"""What a full disk is to the loop: trouble that may pass. Whatever was not written whole was never named by anything,
so the same call goes on when there is space again.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from data_platform.errors import RetryableError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_SAID = ("no space left on device", "disk quota exceeded", "os error 28")  # by engines that have their own errors


@contextmanager
def told_when_full(what: str) -> Iterator[None]:
    """Turns whatever a full disk makes the block raise into one error that says so.

    Raises:
        RetryableError: no space was left; the message names the file where it is known.
    """
    try:
        yield
    except Exception as error:
        place = _full_place(error)
        if place is None:
            raise
        raise RetryableError(
            f"{what}: no space is left on the disk{place}; nothing is lost, free some and it goes on where it stopped"
        ) from error


def _full_place(error: BaseException | None) -> str | None:
    """` (<file>)`, or nothing where the file is not known; None where the disk is not full."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in _FULL:
            return f" ({error.filename})" if error.filename else ""
        if any(words in str(error).lower() for words in _SAID):
            return ""
        error = error.__cause__ or error.__context__
    return None
