"""What a store needs to let us in, in the spellings of delta-rs and s3fs. Reading it from settings is in `wiring`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# delta-rs repeats on its own, with growing random pauses: for as long as `s3_files` does.
_PATIENCE = {"max_retries": "10", "retry_timeout": "90s", "connect_timeout": "5s", "timeout": "30s"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCredentials:
    """Access to one object store; all None for a local folder or for the environment's own chain on S3.

    Attributes:
        endpoint_url: of an S3-compatible server; None for AWS.
        allow_http: whether plain HTTP to the endpoint is permitted.
    """

    endpoint_url: str | None = None
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    allow_http: bool = False

    def delta_options(self) -> dict[str, str]:
        """Storage options for delta-rs; commits use S3's conditional put."""
        named = {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.session_token,
        }
        options = {key: value for key, value in named.items() if value is not None}
        options["AWS_CONDITIONAL_PUT"] = "etag"
        options |= _PATIENCE
        if self.allow_http:
            options["AWS_ALLOW_HTTP"] = "true"
        return options

    def s3fs_options(self) -> dict[str, Any]:
        """Keyword arguments for `s3fs.S3FileSystem`."""
        named = {
            "endpoint_url": self.endpoint_url,
            "key": self.access_key_id,
            "secret": self.secret_access_key,
            "token": self.session_token,
            "client_kwargs": {"region_name": self.region} if self.region else None,
        }
        return {key: value for key, value in named.items() if value is not None}
