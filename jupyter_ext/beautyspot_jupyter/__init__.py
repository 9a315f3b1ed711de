"""The notebook side of beautyspot: cell caching (``%%spot``), line magics (``%spot``), the inline dashboard.

Reading order: `magics` and `options` (what was asked), `cells` with `names`, `hazards` and `definitions` (what the text
says), `namespace`, `reach`, `files`, `asked`, `rng` and `settings` (what the run depends on and changes), `execute` and
`capture` (how it runs), `cell_call` (look-up, run, record), `graph`, `holders`, `cell_result` and `outputs` (what is
stored), `replay` (the way back), `badge` and `reasons` (what the user is told).
"""

from __future__ import annotations

from typing import Any

__all__ = ["load_ipython_extension", "unload_ipython_extension"]

_ATTRIBUTE = "_beautyspot_notebook"


def load_ipython_extension(shell: Any) -> None:
    """Install the magics (``%load_ext beautyspot``). A second call does nothing.

    Args:
        shell: The running ``InteractiveShell``.
    """
    if getattr(shell, _ATTRIBUTE, None) is not None:
        return
    from beautyspot_jupyter.extension import Notebook

    notebook = Notebook(shell)
    setattr(shell, _ATTRIBUTE, notebook)
    notebook.install()


def unload_ipython_extension(shell: Any) -> None:
    """Remove everything that `load_ipython_extension` installed (``%unload_ext beautyspot``)."""
    notebook = getattr(shell, _ATTRIBUTE, None)
    if notebook is not None:
        delattr(shell, _ATTRIBUTE)
        notebook.uninstall()
