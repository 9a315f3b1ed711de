"""The records of one base key, and which of them counts now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from beautyspot.entry import EntryInfo, Query
from beautyspot.errors import KeyingError, StoreError
from beautyspot_jupyter import files
from beautyspot_jupyter.cell_key import BASE, record_suffix
from beautyspot_jupyter.files import Dependency
from beautyspot_jupyter.namespace import ABSENT, Chains, digest_name

__all__ = ["Found", "Surroundings", "find_record"]

_RECORDS = 50


@dataclass(slots=True)
class Surroundings:
    """What dependencies are compared with.

    Attributes:
        namespace: The variables.
        chains: Attribute chains that the cell uses.
        generators: Digests of the states of random number generators.
    """

    namespace: Mapping[str, Any]
    chains: Chains
    generators: dict[str, str]
    known: dict[tuple[str, str], str] = field(default_factory=dict)

    def state(self, dependency: Dependency) -> str:
        """The present state of what a dependency names."""
        kind, name, _ = dependency
        found = self.known.get((kind, name))
        if found is None:
            found = self.known[kind, name] = self._state(kind, name, dependency)
        return found

    def _state(self, kind: str, name: str, dependency: Dependency) -> str:
        if kind == "random":
            return self.generators.get(name, ABSENT)
        if kind == "name":
            try:
                return digest_name(name, self.chains, self.namespace) or ABSENT
            except KeyingError:
                return "refused"
        return files.state_of(dependency)

    def holds(self, dependency: Dependency) -> bool:
        """Whether a dependency holds now."""
        if dependency[0] == "folder":
            return files.holds(dependency)
        return self.state(dependency) == dependency[2]


@dataclass(slots=True)
class Found:
    """What the database has for a base key.

    Attributes:
        key: Key of the record that counts, or of the one that is about to be made.
        entry: The record that counts.
        broken: A dependency of the newest record that does not hold.
        problem: Why the database could not be asked.
    """

    key: str
    entry: EntryInfo | None = None
    broken: Dependency | None = None
    problem: StoreError | None = None


def find_record(db: Any, base: str, surroundings: Surroundings, now: float) -> Found:
    """Look for a record whose dependencies hold.

    Args:
        db: The database.
        base: First part of the key.
        surroundings: What dependencies are compared with.
        now: UTC seconds since the epoch.
    """
    try:
        entries = db.scan(Query(key_prefix=base, kind="cell", limit=_RECORDS))
    except StoreError as error:
        return Found(base + record_suffix(()), problem=error)
    broken: Dependency | None = None
    for entry in entries:
        if entry.expires_at is not None and entry.expires_at <= now:
            broken = broken or ["expired", entry.cache_key, ""]
            continue
        failed = next((d for d in dependencies_of(entry) if not surroundings.holds(d)), None)
        if failed is None:
            return Found(entry.cache_key, entry)
        broken = broken or failed
    states = {
        (d[0], d[1], surroundings.state(d)) for entry in entries for d in dependencies_of(entry) if d[0] != "folder"
    }
    taken = {entry.cache_key for entry in entries if not _is_expired(entry, now)}
    salt = 0
    while (key := base + record_suffix(states, salt)) in taken:
        salt += 1
    return Found(key, broken=broken)


def _is_expired(entry: EntryInfo, now: float) -> bool:
    return entry.expires_at is not None and entry.expires_at <= now


def dependencies_of(entry: EntryInfo) -> list[Dependency]:
    """The dependencies that a run discovered."""
    found = entry.meta.get("deps", ())
    return [[str(part) for part in dependency] for dependency in found] if isinstance(found, (list, tuple)) else []


def base_of(key: str) -> str:
    """First part of a key."""
    return key[:BASE]


def all_hold(dependencies: Iterable[Dependency], surroundings: Surroundings) -> bool:
    """Whether all dependencies hold now."""
    return all(surroundings.holds(dependency) for dependency in dependencies)
