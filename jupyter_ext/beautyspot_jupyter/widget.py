"""The dashboard below a cell: a live widget, and next to it an HTML snapshot for readers without a kernel.

The front end hides the snapshot while it is live. An export (nbconvert, papermill, a page that shows notebooks) has no
scripts and no kernel, and shows the snapshot in the state that the last cell left it in.
"""

from __future__ import annotations

import sys
from html import escape
from typing import TYPE_CHECKING, Any

from beautyspot._optional import require
from beautyspot.errors import MissingExtraError
from beautyspot.report import spot_html, spot_text

if TYPE_CHECKING:
    from beautyspot.report import LiveSpot

__all__ = ["show_dashboard"]


def show_dashboard(spot: LiveSpot) -> Any:
    """Show the dashboard of a Spot below the running cell.

    Args:
        spot: What to watch. The dashboard does not keep it alive.

    Returns:
        The widget. None where no widget can be shown: then the present state was shown as text or HTML.

    Example:
        >>> import beautyspot as bs
        >>> show_dashboard(bs.Spot("example", db="memory://")) is None  # a terminal gets text
        ◆ example  ...
        True
    """
    shell = _shell()
    kernel = shell is not None and hasattr(shell, "kernel")
    if not kernel and "marimo" not in sys.modules:
        print(spot_text(spot))  # noqa: T201  (a terminal: text is the dashboard)
        return None
    try:
        require("anywidget", feature="the live dashboard", extra="jupyter")
    except MissingExtraError as error:
        from IPython.display import display

        hint = f"<p>{escape(str(error))}</p>"
        display({"text/html": spot_html(spot) + hint, "text/plain": f"{spot_text(spot)}\n\n{error}"}, raw=True)  # type: ignore[no-untyped-call]
        return None
    from beautyspot_jupyter.live import Dashboard

    dashboard = Dashboard(spot)
    if kernel:
        dashboard.show()
    return dashboard


def _shell() -> Any:
    """Return the running IPython shell, without importing IPython where it is not in use."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None
