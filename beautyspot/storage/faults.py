"""What to say when a storage client fails: its reason in one line, what to check, and no credentials."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["explain", "is_unreached", "secrets_of", "without_credentials"]

_LONGEST_REASON = 300
_SHORTEST_SECRET = 4  # shorter ones would blot out ordinary words
_USER_INFO = re.compile(r"://[^/@]*@")
_QUERY = re.compile(r"\?[^:]*")
_SECRET_NAME = re.compile(r"key|secret|token|pass|user|sas|credential|signature|connection_string", re.IGNORECASE)
_DENIED = re.compile(
    r"credential|forbidden|denied|unauthori[sz]ed|signature|access key|\b40[13]\b|token", re.IGNORECASE
)
_UNREACHED = re.compile(r"connect|timed? ?out|resolve|unreachable|network|name or service", re.IGNORECASE)
_FULL = re.compile(r"no space|quota|disk full", re.IGNORECASE)


def without_credentials(url: str) -> str:
    """Return a URL without user name, password and query.

    Example:
        >>> without_credentials("sftp://me:secret@host/cache?token=x")
        'sftp://host/cache'
    """
    return _QUERY.sub("", _USER_INFO.sub("://", url))


def secrets_of(url: str, options: Mapping[str, Any]) -> list[str]:
    """Return the texts that must not show in a message, the longest first."""
    found = [part for info in _USER_INFO.findall(url) for part in info[3:-1].split(":")]
    found += _secret_values(options, secret=False)
    return sorted({text for text in found if len(text) >= _SHORTEST_SECRET}, key=len, reverse=True)


def is_unreached(error: BaseException) -> bool:
    """Return whether a client library gave up waiting for the network, so that asking again would take as long."""
    if isinstance(error, FileNotFoundError | PermissionError):
        return False
    return (
        isinstance(error, ConnectionError | TimeoutError)
        or _UNREACHED.search(f"{type(error).__name__}: {error}") is not None
    )


def explain(error: BaseException, secrets: list[str]) -> str:
    """Return what a client library's error says and what to check, as the end of a sentence."""
    lines = str(error).strip().splitlines() or [""]
    reason = f"{type(error).__name__}: {lines[0]}" if lines[0] else type(error).__name__
    for secret in secrets:
        reason = reason.replace(secret, "***")
    return f"{without_credentials(reason)[:_LONGEST_REASON]}: {_remedy(error, reason)}"


def _remedy(error: BaseException, reason: str) -> str:
    known = (
        (FileNotFoundError, None, "check that the bucket or container exists (beautyspot creates none)"),
        (PermissionError, _DENIED, "check the credentials in the options and what they may do there"),
        ((ConnectionError, TimeoutError), _UNREACHED, "check the network and the endpoint in the options"),
        ((), _FULL, "make room there, or store elsewhere"),
        (ImportError, None, "install what it names"),
        ((ValueError, TypeError), None, "check the URL and the options"),
    )
    for kinds, words, remedy in known:
        if isinstance(error, kinds) or (words is not None and words.search(reason)):
            return remedy
    return "check the credentials, the bucket and the network"


def _secret_values(value: object, *, secret: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _secret_values(part, secret=secret or _SECRET_NAME.search(str(name)) is not None)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _secret_values(part, secret=secret)
    elif isinstance(value, str) and secret:
        yield value
