"""Blobs in a Google Cloud Storage bucket."""

from __future__ import annotations

from beautyspot.storage.cloud import BucketStorage

__all__ = ["GCSStorage"]


class GCSStorage(BucketStorage):
    """A prefix of a Google Cloud Storage bucket; the bucket must exist.

    Args:
        url: ``"gs://bucket/prefix"`` or ``"gcs://bucket/prefix"``. Without a prefix blobs go below ``blobs/``.
        options: Arguments of ``gcsfs.GCSFileSystem``: ``token``, ``project``, ``endpoint_url``, ... Without a token
            the default credentials of the machine are used.

    Raises:
        ConfigurationError: The URL is not one of Google Cloud Storage.

    Example:
        >>> GCSStorage("gcs://my-bucket/cache").label
        'gcs://my-bucket/cache'
    """

    _schemes = ("gs", "gcs")
