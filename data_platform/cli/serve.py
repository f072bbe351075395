"""Carries out `data-platform serve`."""

from __future__ import annotations

from data_platform.cli.environment import watching_here
from data_platform.cli.lineage import send_a_little
from data_platform.cli.lookout import looking_out
from data_platform.cli.output import say
from data_platform.observability.prometheus.metrics import Metrics
from data_platform.serving.app import platform_app
from data_platform.serving.server import serve
from data_platform.termination import held_back
from data_platform.wiring.platform import Platform


def serve_platform(port: int) -> int:
    """Serves until Ctrl-C or SIGTERM, then answers what has begun and ends."""
    told_to_end = held_back()
    with watching_here() as platform, looking_out(platform):
        send_a_little(platform)
        _read_ahead(platform)
        server = serve(platform_app(platform), port=port)
        say(f"console  http://127.0.0.1:{server.port}/")
        say(f"API      http://127.0.0.1:{server.port}/api/v1/openapi.json")
        say("Ctrl-C ends it")
        told_to_end()
        server.stop()
    return 0


def _read_ahead(platform: Platform) -> Metrics:
    """Reads the project and who reads whom before anybody is answered: else the first page would wait for it."""
    return platform.metrics
