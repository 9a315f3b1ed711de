"""The command ``beautyspot``: looks into a cache from a terminal, or opens its dashboard in a browser."""

from beautyspot.cli.app import main

__all__ = ["main"]
