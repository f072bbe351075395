"""Carries out `data-platform serve`."""

from __future__ import annotations

import signal

from data_platform.cli.environment import platform_here
from data_platform.cli.lineage import send_a_little
from data_platform.cli.output import say
from data_platform.incidents.watch import Watchman
from data_platform.serving.app import platform_app
from data_platform.serving.server import serve


def serve_platform(port: int) -> int:
    """Serves until Ctrl-C or SIGTERM, then answers what has begun and ends."""
    ends = (signal.SIGTERM, signal.SIGINT)
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # threads inherit it, so that only the wait below sees a signal
    with platform_here() as platform, Watchman(platform.watch):
        send_a_little(platform)
        server = serve(platform_app(platform), port=port)
        say(f"console  http://127.0.0.1:{server.port}/")
        say(f"API      http://127.0.0.1:{server.port}/api/v1/openapi.json")
        say("Ctrl-C ends it")
        signal.sigwait(ends)
        server.stop()
    return 0
