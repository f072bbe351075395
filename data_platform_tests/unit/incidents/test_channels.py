"""What a channel that is open says of itself."""

from __future__ import annotations

import pytest

from data_platform.incidents.channels.kinds import open_channel
from data_platform.incidents.routing import Channel


@pytest.mark.parametrize(
    "said",
    [{"webhook": "https://hooks.example/T0/s3cret", "secret": "s3cret"}, {"apprise": "slack://T0/B0/s3cret"}],
)
def test_no_address_and_no_secret_is_in_what_a_channel_says_of_itself(said: dict[str, str]) -> None:
    channel = Channel.model_validate(said)
    assert "s3cret" not in repr(channel) + repr(open_channel(channel))
