"""Blobs in an S3 bucket, of Amazon or of any server that speaks its protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beautyspot.errors import ConfigurationError
from beautyspot.storage.cloud import BucketStorage

__all__ = ["S3Storage"]

# What beautyspot 2.x handed to boto3.client, by the name that s3fs has for it.
_RENAMED = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "aws_session_token": "token"}
_OF_CLIENT = frozenset({"region_name", "verify", "api_version"})


class S3Storage(BucketStorage):
    """A prefix of an S3 bucket; the bucket must exist.

    Args:
        url: ``"s3://bucket/prefix"``. Without a prefix blobs go below ``blobs/``, as in beautyspot 2.x.
        options: Arguments of ``s3fs.S3FileSystem``: ``key``, ``secret``, ``endpoint_url``, ``client_kwargs``,
            ``config_kwargs``, ... The names that beautyspot 2.x gave to boto3 are understood too:
            ``aws_access_key_id``, ``aws_secret_access_key``, ``aws_session_token``, ``region_name``, ``verify``,
            ``api_version``. Without credentials, the environment and the AWS configuration files are asked.

    Raises:
        ConfigurationError: The URL is not one of S3, or an option is given twice or cannot be taken over.

    Example:
        >>> storage = S3Storage("s3://my-bucket/cache", {"endpoint_url": "https://s3.example.com"})
        >>> storage.label
        's3://my-bucket/cache'
    """

    _schemes = ("s3", "s3a")

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(url, options)
        self.options = _translated(self.options)


def _translated(options: dict[str, Any]) -> dict[str, Any]:
    if "config" in options:
        raise ConfigurationError("a botocore Config cannot be taken over: give its values as config_kwargs={...}")
    translated: dict[str, Any] = {}
    client = dict(options.get("client_kwargs") or {})
    for name, value in options.items():
        target = _RENAMED.get(name, name)
        if target in translated or (name in _OF_CLIENT and name in client):
            raise ConfigurationError(f"the S3 option {name!r} is given twice, under an old and a new name")
        if name in _OF_CLIENT:
            client[name] = value
        elif name != "client_kwargs":
            translated[target] = value
    return {**translated, "client_kwargs": client} if client else translated
