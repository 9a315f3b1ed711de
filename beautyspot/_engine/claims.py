"""The cross-process lease of one call, from before it is asked for until it is given back."""

from __future__ import annotations

from beautyspot.db.base import Lease, TaskDB

__all__ = ["Claim"]


class Claim:
    """Holds a lease so that it is given back whatever ends the call, and in whatever thread it was taken.

    A cancelled task does not stop the thread that asks a remote database for a lease: what that thread gets after
    `release` goes back at once.
    """

    __slots__ = ("_lease", "_over")

    def __init__(self) -> None:
        self._lease: Lease | None = None
        self._over = False

    def take(self, db: TaskDB, key: str) -> bool:
        """Ask for the lease of `key`; return whether it was granted.

        Raises:
            StoreError: The database is out of reach.
        """
        self._lease = lease = db.lease(key)
        if self._over:
            self.release()
        return lease is not None

    def release(self) -> None:
        """Give back what was taken. A second call does nothing.

        Raises:
            StoreError: The database is out of reach.
        """
        self._over = True
        lease = self._lease
        if lease is not None:
            lease.release()
            self._lease = None
