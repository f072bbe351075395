"""A part that is made when it is first asked for, once, whichever thread asks first."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import Any, Self, TypeVar, overload

Part = TypeVar("Part")
_LOCK = threading.RLock()  # one for all: parts are made of parts


class once(cached_property[Part]):  # noqa: N801 - a decorator, named as the one it is made of
    """`cached_property` for several threads: since Python 3.12 that one may make a thing twice."""

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> Part: ...

    def __get__(self, instance: object | None, owner: type[Any] | None = None) -> Any:
        """The part; once it is made, the instance's own attribute answers instead."""
        with _LOCK:
            return super().__get__(instance, owner)
