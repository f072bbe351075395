"""Runs an application in a thread, on loopback unless told otherwise."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI

from data_platform.errors import ConfigurationError, FatalError

_DRAIN_SECONDS = 20
_START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ServerHandle:
    """A running server.

    Attributes:
        port: the one it listens on.
    """

    port: int
    _server: uvicorn.Server
    _thread: threading.Thread

    def stop(self) -> None:
        """Takes no more requests, answers those that have begun, and ends."""
        self._server.should_exit = True
        self._thread.join(_DRAIN_SECONDS + 5)
        if self._thread.is_alive():
            self._server.force_exit = True
            self._thread.join(_DRAIN_SECONDS)


def serve(app: FastAPI, host: str = "127.0.0.1", port: int = 0) -> ServerHandle:
    """Starts serving; port 0 takes a free one.

    Raises:
        ConfigurationError: the address cannot be taken.
        FatalError: the server did not start.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigurationError(f"cannot listen on {host} port {port}: {error.strerror}") from error
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        server_header=False,
        lifespan="on",
        ws="none",
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="http", daemon=True)
    thread.start()
    until = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > until:
            listener.close()
            raise FatalError("the HTTP server did not start; its log says why")
        time.sleep(0.005)
    return ServerHandle(listener.getsockname()[1], server, thread)
