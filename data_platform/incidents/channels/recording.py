"""A channel that keeps what it is given, for tests and rehearsals."""

from __future__ import annotations

from dataclasses import dataclass, field

from data_platform.incidents.channels.protocol import ChannelFailed, Message


@dataclass(slots=True)
class Recording:
    """Takes everything, or nothing while `is_down`."""

    messages: list[Message] = field(default_factory=list)
    is_down: bool = False

    def send(self, message: Message) -> None:
        """Keeps the message.

        Raises:
            ChannelFailed: it is down.
        """
        if self.is_down:
            raise ChannelFailed("down")
        self.messages.append(message)
