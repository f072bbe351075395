"""What every kind of sink can do and is given. Which kinds there are is in `kinds`; who calls them is `delivery`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from data_platform.clock import Clock
from data_platform.errors import ConfigurationError
from data_platform.metastore.outbox import OutboxEntry

_ConfigT = TypeVar("_ConfigT", bound=BaseModel)

Take = Callable[[Sequence[str]], Sequence[str]]
"""Takes events, each a JSON text, into the embedded catalog, each once; why it refuses each, empty where it takes."""


class Sink(Protocol):
    """A place that takes events in the order of the outbox."""

    @property
    def name(self) -> str:
        """What its place in the queue is remembered by; free of secrets."""
        ...

    def send(self, events: Sequence[OutboxEntry], *, within_seconds: float) -> int:
        """Hands events over, and returns how many of the leading ones were taken for good: at least one.

        Raises:
            SinkUnavailable: none was taken, as far as is known; the same call may succeed later.
            SinkRefused: the first event will never be taken.
        """
        ...

    def close(self) -> None:
        """Releases what it holds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkPlace:
    """What a sink may need of the platform around it."""

    clock: Clock
    take: Take


def read_config(model: type[_ConfigT], sink: str, options: Mapping[str, Any]) -> _ConfigT:
    """The options of a sink, read into the model of its kind.

    Raises:
        ConfigurationError: naming every option that is unknown or wrong. Values are not repeated: one may be a secret.
    """
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'options'}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"the lineage sink {sink} (DATA_PLATFORM_LINEAGE_OPTIONS): {wrong}") from None
