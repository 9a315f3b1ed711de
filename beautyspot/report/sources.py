"""Where a dashboard reads: a database file, a Spot of this process, or one of several."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from beautyspot.db.base import TaskDB
from beautyspot.errors import StoreError
from beautyspot.report.models import Overview
from beautyspot.report.queries import LiveSpot, overview
from beautyspot.storage.base import Storage

if TYPE_CHECKING:
    from beautyspot.codecs import Codec

__all__ = ["Selection", "Source", "SpotSource"]


class Source:
    """Where a view reads: a database file here; `SpotSource` adds the live Spot.

    Args:
        db: The database.
        storage: Blob storage, or None if it is not known.
        codec: Decodes contents.
        edit: Whether the front end may pin and delete entries.
    """

    def __init__(self, db: TaskDB, storage: Storage | None, codec: Codec, *, edit: bool = False) -> None:
        self.db, self.storage, self.codec, self.edit = db, storage, codec, edit

    @property
    def title(self) -> str:
        """What to call it: the name of the file."""
        return PurePath(self.db.label).name or self.db.label

    def overview(self) -> Overview:
        """Read everything, the database included.

        Raises:
            StoreError: The database cannot be read, or its file is gone.
        """
        path = getattr(self.db, "path", None)
        if path is not None and not Path(path).exists():
            raise StoreError(f"{path} is gone: it was moved or deleted. What is shown is from before.")
        view = overview(self.db, title=self.title)
        return dataclasses.replace(view, storage=self.storage.label if self.storage is not None else "")

    def live(self) -> Mapping[str, Any] | None:
        """Return the live counters, cheap enough to ask five times a second; None if there are none."""
        return None

    def known(self) -> Mapping[str, type]:
        """Return user classes that contents may be made of, by qualified name: none for a file."""
        return {}

    def delete(self, key: str) -> int:
        """Delete an entry."""
        return self.db.delete([key])


class SpotSource(Source):
    """A Spot of this process."""

    def __init__(self, spot: LiveSpot, *, edit: bool = True) -> None:
        super().__init__(spot.db, spot.storage, spot.codec, edit=edit)
        self.spot = spot

    @property
    def title(self) -> str:
        """What to call it: the name of the Spot."""
        return self.spot.name

    def overview(self) -> Overview:
        """Read everything, the database included."""
        return overview(self.spot)

    def live(self) -> Mapping[str, Any] | None:
        """Return the live counters."""
        return self.spot.live()

    def delete(self, key: str) -> int:
        """Delete an entry, and what is on its way under its key."""
        deleted: int = self.spot.engine.delete([key])
        return deleted

    def known(self) -> Mapping[str, type]:
        """Return the classes that the notebook or script defines itself."""
        found = list(vars(sys.modules["__main__"]).values())
        return {kind.__qualname__: kind for kind in found if isinstance(kind, type) and kind.__module__ == "__main__"}


class Selection:
    """Several sources, one of which a front end looks at.

    Args:
        sources: At least one.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources, self.chosen = tuple(sources), 0

    def current(self) -> Source:
        """Return the one that is looked at."""
        return self.sources[self.chosen]

    def titles(self) -> list[str]:
        """Return what to call each: its title, or its whole label where two have the same title."""
        titles = [source.title for source in self.sources]
        return [
            title if titles.count(title) == 1 else source.db.label
            for title, source in zip(titles, self.sources, strict=True)
        ]

    def choose(self, index: int) -> None:
        """Look at another one.

        Raises:
            IndexError: There is no such one.
        """
        if not 0 <= index < len(self.sources):
            raise IndexError(index)
        self.chosen = index
