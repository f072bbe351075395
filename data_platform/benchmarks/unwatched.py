"""A platform without meter, traces and logs: what the watched one is measured against. No other use is meant.

Usage: python -m data_platform.benchmarks.unwatched    (as `platform_run`; settings from the environment)
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from data_platform.benchmarks.platform_run import run
from data_platform.settings import load_settings
from data_platform.wiring.platform import Platform, open_platform


class _NoMeter:
    @contextmanager
    def run(self, *_: object) -> Iterator[None]:
        yield

    @contextmanager
    def work(self, *_: object) -> Iterator[None]:
        yield

    def close(self) -> None:
        """Nothing is held."""


class _NoSpan:
    traceparent = ""

    def _nothing(self, *_: object, **__: object) -> None:
        """Nobody reads it."""

    set = follow = drop = _nothing


class _NoTracer:
    sinks = ()

    @contextmanager
    def span(self, *_: object, **__: object) -> Iterator[_NoSpan]:
        yield _NoSpan()

    def close(self) -> None:
        """Nothing is held."""


def unwatched(platform: Platform) -> Platform:
    """The platform, before anything of it was used, with parts in the places of meter and tracer that do nothing."""
    platform.__dict__.update(meter=_NoMeter(), tracer=_NoTracer())  # where `once` keeps them
    return platform


@contextmanager
def unlogged() -> Iterator[None]:
    """No record of a log is made in the block."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


if __name__ == "__main__":
    with open_platform(load_settings()) as opened, unlogged():
        run(unwatched(opened))
