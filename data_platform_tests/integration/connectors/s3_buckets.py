"""Buckets of an S3 server as their owner sees them, apart from everything the platform uses to read them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from data_platform.lakehouse.credentials import StoreCredentials
from data_platform_tests.servers import s3_server


@dataclass
class Bucket:
    """One bucket."""

    name: str
    client: Any

    def put(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=data)

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)

    def rename(self, old: str, new: str) -> None:
        self.client.copy_object(Bucket=self.name, Key=new, CopySource={"Bucket": self.name, "Key": old})
        self.delete(old)

    def keep_versions(self) -> None:
        self.client.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        """Everything there, by key."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
        return {key: self.client.get_object(Bucket=self.name, Key=key)["Body"].read() for key in keys}


class S3Server:
    """A running server."""

    def __init__(self, credentials: StoreCredentials, client: Any) -> None:
        self.credentials = credentials
        self._client = client
        self._numbers = count()

    def bucket(self) -> Bucket:
        """A new, empty bucket."""
        name = f"drop-{next(self._numbers)}"
        self._client.create_bucket(Bucket=name)
        return Bucket(name, self._client)


@contextmanager
def s3_buckets() -> Iterator[S3Server]:
    """A server for buckets."""
    with s3_server() as credentials:
        import boto3  # moto brings it; without it the server has skipped the test

        client = boto3.client(
            "s3",
            endpoint_url=credentials.endpoint_url,
            region_name=credentials.region,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
        )
        try:
            yield S3Server(credentials, client)
        finally:
            client.close()
