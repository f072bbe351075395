"""The whole house: what the skins hold while they work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from data_platform.clock import Clock, SystemClock
from data_platform.contracts.domains import Project
from data_platform.contracts.sound import SoundReader
from data_platform.observability.logs.line import LineWriter
from data_platform.observability.logs.writing import writing
from data_platform.settings import Settings
from data_platform.wiring.machine import code_version
from data_platform.wiring.operations import Operations

# What is held while the project is read anew: files, connections and what goes on in them, and what is no project's.
_LASTING = frozenset(
    {
        *("settings", "clock", "reader", "routes", "own_project", "credentials", "store", "lake", "engine"),
        *("metastore", "leases", "heads", "tracer", "meter", "breakers", "people", "intake", "delivery", "place"),
    }
)


class Platform(Operations):
    """Everything the skins need, made when it is first asked for. One per process; close it at the end."""

    def refresh(self) -> bool:
        """Where there is a `reader`: reads the project again if its files changed, and lets everything be made anew
        that was made of it; whether that was so.
        """
        if self.reader is None:
            return False
        is_changed = self.reader.look()
        # a second time at the next call: another thread may just have finished something made of what was known before
        if is_changed or self.__dict__.pop("_is_settling", False):
            for name in set(self.__dict__) - _LASTING:
                self.__dict__.pop(name, None)
        if is_changed:
            self.__dict__["_is_settling"] = True
        return is_changed

    def close(self) -> None:
        """Releases files and connections."""
        for name in ("engine", "delivery", "meter", "tracer", "metastore"):
            if name in self.__dict__:
                self.__dict__[name].close()


@contextmanager
def open_platform(
    settings: Settings,
    clock: Clock | None = None,
    *,
    project: Project | None = None,
    reader: SoundReader | None = None,
) -> Iterator[Platform]:
    """The platform that the settings describe, closed at the end of the block.

    Args:
        settings: where everything is.
        clock: the time that everything is stamped with; the machine's by default.
        project: what was read from the settings' domains before; otherwise they are read when first asked for.
        reader: of somebody who only watches and shows: what it knows is the project, faults or not.
    """
    platform = Platform(settings, clock or SystemClock(), reader)
    if project is not None:
        platform.__dict__["project"] = project  # where `once` keeps it
    with writing(settings.home, LineWriter(code_version=code_version(), secrets=_secrets(settings))):
        try:
            yield platform
        finally:
            platform.close()


def _secrets(settings: Settings) -> tuple[str, ...]:
    """What no line of a log may hold."""
    known = (settings.s3.secret_access_key, settings.s3.session_token)
    return tuple(secret.get_secret_value() for secret in known if secret is not None)
