"""How those who only watch and show read the project: its sound part, again whenever a file changed."""

from __future__ import annotations

from collections.abc import Iterator

from data_platform.connectors.kinds import connector_faults
from data_platform.contracts.domains import Project
from data_platform.contracts.last_sound import LastSound
from data_platform.contracts.parse_cache import ParseCache
from data_platform.contracts.sound import SoundReader
from data_platform.errors import Fault
from data_platform.observability.objectives.resolving import read_objectives
from data_platform.settings import Settings
from data_platform.transforms.graph import query_faults
from data_platform.transforms.input_cache import InputCache


def sound_reader(settings: Settings) -> SoundReader:
    """Reads the settings' domains; one for as long as somebody watches."""
    folder = settings.home / "cache"

    def further(project: Project) -> Iterator[Fault]:
        cache = InputCache(folder / "inputs.json")
        yield from query_faults(project, cache=cache)
        cache.save()
        yield from connector_faults(project)
        yield from read_objectives(project)[1]

    return SoundReader(
        settings.domains,
        cache=ParseCache(folder / "contracts"),
        kept=LastSound(folder / "sound.json"),
        further=further,
    )
