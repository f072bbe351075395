"""From a channel of `routes.yaml` to a sender."""

from __future__ import annotations

from importlib import import_module

from data_platform.incidents.channels.protocol import Sender
from data_platform.incidents.routing import Channel

_PACKAGE = "data_platform.incidents.channels"


def open_channel(channel: Channel) -> Sender:
    """The sender of a channel; its module is loaded now."""
    sender: Sender
    if channel.webhook is not None:
        secret = channel.secret.get_secret_value() if channel.secret else ""
        sender = import_module(f"{_PACKAGE}.webhook").Webhook(channel.webhook.get_secret_value(), secret)
    else:
        assert channel.apprise is not None
        sender = import_module(f"{_PACKAGE}.through_apprise").ThroughApprise(channel.apprise.get_secret_value())
    return sender
