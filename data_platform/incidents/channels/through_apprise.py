"""Any service that apprise knows: chat, mail, pagers. Loaded with the first message, because it is large."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass, field
from importlib import import_module

from data_platform.incidents.channels.protocol import ChannelFailed, Message

TIMEOUT_SECONDS = 8


@dataclass(frozen=True, slots=True)
class ThroughApprise:
    """One address of apprise."""

    address: str = field(repr=False)

    def send(self, message: Message) -> None:
        """Hands title and text over.

        Raises:
            ChannelFailed: apprise does not know the address, or the service did not take it.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own parts, about which nobody here can do anything
            self._send(message)

    def _send(self, message: Message) -> None:
        apprise = import_module("apprise")
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # its lines hold addresses
        client = apprise.Apprise()
        if not client.add(self.address):
            raise ChannelFailed("apprise does not know this kind of address")
        kind = apprise.NotifyType.FAILURE if message.is_page else apprise.NotifyType.WARNING
        # the answer is an object that is false where a service did not take it
        if not client.notify(body=message.text, title=message.title, notify_type=kind, timeout=TIMEOUT_SECONDS):
            raise ChannelFailed("the service did not take it")
