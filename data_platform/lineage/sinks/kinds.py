"""The kinds of sinks. A new kind is one file, one line here and one run of the standard suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple, cast

from data_platform.errors import ConfigurationError
from data_platform.lineage.sinks.protocol import Sink, SinkPlace


class _Kind(NamedTuple):
    module: str
    name: str


# by the word, or by the scheme of the address, that stands in DATA_PLATFORM_LINEAGE
_KINDS = {
    "catalog": _Kind("catalog", "CatalogSink"),
    "file": _Kind("file", "FileSink"),
    "http": _Kind("http", "HttpSink"),
    "https": _Kind("http", "HttpSink"),
    "none": _Kind("none", "NoSink"),
}


def open_sinks(words: Sequence[str], options: Mapping[str, Mapping[str, Any]], place: SinkPlace) -> tuple[Sink, ...]:
    """The sinks that the settings name. Nothing is opened or connected to before the first event.

    Args:
        words: each a kind (`catalog`, `none`) or an address (`http://…`, `file:///…`).
        options: by word, what is to be said about a sink beyond its address.
        place: what sinks may need.

    Raises:
        ConfigurationError: a kind or option is unknown, or two words name one place.
    """
    unused = sorted(set(options) - set(words))
    if unused:
        raise ConfigurationError(
            f"DATA_PLATFORM_LINEAGE_OPTIONS speaks of {', '.join(unused)}, which DATA_PLATFORM_LINEAGE does not name"
        )
    sinks = [_open(word, options.get(word, {}), place) for word in words]
    names = [sink.name for sink in sinks]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigurationError(f"DATA_PLATFORM_LINEAGE names {', '.join(twice)} twice; name each sink once")
    return tuple(sinks)


def _open(word: str, options: Mapping[str, Any], place: SinkPlace) -> Sink:
    scheme = word.partition(":")[0].lower()
    kind = _KINDS.get(scheme)
    if kind is None:
        raise ConfigurationError(
            f"DATA_PLATFORM_LINEAGE: {scheme!r} is no kind of lineage sink; "
            "write catalog, none, http://host:port, https://host or file:///path, several separated by commas"
        )
    module = import_module(f"data_platform.lineage.sinks.{kind.module}")
    return cast(Sink, getattr(module, kind.name)(word, options, place))
