"""What a Spot keeps and what it is doing: looked at and deleted, never computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beautyspot import _checks
from beautyspot._engine.engine import Engine
from beautyspot._engine.payloads import restore
from beautyspot.codecs import Codec
from beautyspot.db import TaskDB
from beautyspot.entry import EntryInfo, Query
from beautyspot.errors import ConfigurationError
from beautyspot.limits.limiter import Limiter, LimiterState
from beautyspot.storage import Storage

__all__ = ["Contents"]

PAGE = 1000  # entries handled at a time when many are deleted


class Contents:
    """The part of `beautyspot.Spot` that runs no function of the user's."""

    db: TaskDB
    storage: Storage
    codec: Codec
    engine: Engine
    _limiter: Limiter

    def entry(self, key: str) -> EntryInfo | None:
        """Return what is recorded about one entry.

        Args:
            key: The whole key.

        Returns:
            The entry without its payload, or None if there is none.

        Raises:
            StoreError: The database cannot be read.
        """
        _checks.chosen("key", key)
        found = self.db.scan(Query(key_prefix=key, limit=1))
        return found[0] if found and found[0].cache_key == key else None

    def load(self, key: str, known: Mapping[str, type] | None = None) -> Any:
        """Return the stored value of a key.

        Args:
            key: The whole key.
            known: Classes that it may hold, by qualified name, besides the registered ones.

        Raises:
            KeyError: Nothing is stored under the key.
            StoreError: The bytes are missing or damaged.
            CodecError: The bytes cannot be decoded in this program.
        """
        _checks.chosen("key", key)
        row = self.db.get(key)
        if row is None:
            raise KeyError(key)
        return restore(row, codec=self.codec, storage=self.storage, known=known or {}).value

    def invalidate(self, *, key: str | None = None, function: str | None = None, tag: str | None = None) -> int:
        """Delete entries and return how many there were. Their blobs stay until the storage is swept.

        Calls of this Spot that are under way are not interrupted, but their results are not stored.

        Args:
            key: One key.
            function: All entries of a function or cell label.
            tag: All entries with a tag.

        Raises:
            ConfigurationError: Nothing was chosen, or not by its name.
        """
        for option, value in (("key", key), ("function", function), ("tag", tag)):
            _checks.chosen(option, value)
        if key is not None:
            return self.engine.delete([key])
        if function is None and tag is None:
            raise ConfigurationError("invalidate what? Give key=, function= or tag=")
        number = 0
        self.engine.drop(
            lambda flight: (function is None or flight.name == function) and (tag is None or tag in flight.tags)
        )
        while True:
            page = self.db.scan(Query(function=function, tag=tag, limit=PAGE))
            deleted = self.db.delete([entry.cache_key for entry in page])
            number += deleted
            if not deleted:
                return number

    def limiter_state(self) -> list[LimiterState]:
        """Return the state of this Spot's rate limits."""
        return [self._limiter.state()]

    def running(self) -> list[dict[str, Any]]:
        """Return the calls that run now in this process: name, key and start (UTC seconds since the epoch)."""
        flights = self.engine.flights.running()
        return [{"name": f.name, "key": f.key, "started_at": f.started_at} for f in flights]

    def live(self) -> dict[str, Any]:
        """Return this process's counters since start; cheap enough to ask five times a second.

        ``version`` grows with every event, so that an observer can tell whether anything happened.
        """
        recorder = self.engine.recorder
        recorder.fold()
        functions = {
            name: [t.hits, t.misses, t.failures, t.saved, t.ran] for name, t in list(recorder.since_start.items())
        }
        columns = list(zip(*functions.values(), strict=True)) or [(0,)] * 5
        hits, misses, failures, saved, ran = (sum(column) for column in columns)
        running = self.running()
        return {
            "hits": hits,
            "misses": misses,
            "failures": failures,
            "saved": saved,
            "ran": ran,
            "functions": functions,
            "running": running,
            "limits": self.limiter_state(),
            "version": recorder.version,
        }
