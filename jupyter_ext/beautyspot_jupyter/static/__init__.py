"""The dashboard's front end: one ES module and its style sheet, for every host."""

from pathlib import Path

__all__ = ["CSS", "ESM"]

ESM = Path(__file__).with_name("dashboard.js").read_text(encoding="utf-8")
CSS = Path(__file__).with_name("dashboard.css").read_text(encoding="utf-8")
