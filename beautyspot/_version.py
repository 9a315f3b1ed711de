"""The one place that states the version."""

__version__ = "3.0.0"
