"""Real servers for tests, started on free loopback ports; a test that lacks its server is skipped with the reason."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from data_platform.lakehouse.credentials import StoreCredentials

S3_BUCKET = "lake-bucket"


@contextmanager
def s3_server() -> Iterator[StoreCredentials]:
    """An S3 server (moto, which enforces If-None-Match) with the bucket `S3_BUCKET`.

    All servers of one process share what the bucket holds, so every test writes under a prefix of its own.
    """
    moto = pytest.importorskip("moto.server", reason="needs moto[server]: pip install 'data-platform[dev]'")
    boto3 = pytest.importorskip("boto3", reason="needs boto3, which moto brings")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        credentials = StoreCredentials(
            endpoint_url=f"http://{host}:{port}",
            region="us-east-1",
            access_key_id="test",
            secret_access_key="test",
            allow_http=True,
        )
        client = boto3.client(
            "s3",
            endpoint_url=credentials.endpoint_url,
            region_name=credentials.region,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
        )
        client.create_bucket(Bucket=S3_BUCKET)
        client.close()
        yield credentials
    finally:
        server.stop()
