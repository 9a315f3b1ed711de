"""An ordered record of what a cell shows, taken while it is shown.

The objects stay where they are: ``write`` of the existing streams, ``publish`` and ``clear_output`` of the existing
publisher and ``write_format_data`` of the existing display hook are wrapped for the time of the run. So output is live,
handlers that were created earlier are heard, and other capturing magics nest in both orders.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

__all__ = ["Tee", "flush_figures"]

_MISSING: Any = object()


class Tee:
    """Records while it is entered.

    Attributes:
        events: ``("stdout", text)``, ``("stderr", text)``, ``("display", data, metadata, display_id)``,
            ``("update", data, metadata, display_id)``, ``("clear", wait)``, ``("result", data, metadata)``.
        results: Values of shown expressions, in order.
    """

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.events: list[tuple[Any, ...]] = []
        self.results: list[object] = []
        self._quiet = threading.local()
        self._undo: list[Callable[[], None]] = []

    def __enter__(self) -> Self:
        shell = self.shell
        for name in ("stdout", "stderr"):
            self._wrap(getattr(sys, name), "write", self._writer(name))
        self._wrap(shell.display_pub, "publish", self._publisher)
        self._wrap(shell.display_pub, "clear_output", self._clearer)
        self._wrap(shell.displayhook, "write_format_data", self._result_writer)
        self._wrap(shell.displayhook, "fill_exec_result", self._value_keeper)
        for name in ("write_output_prompt", "finish_displayhook"):
            self._wrap(shell.displayhook, name, self._hushed)
        return self

    def __exit__(self, *_: object) -> None:
        while self._undo:
            self._undo.pop()()

    def _wrap(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        own = vars(owner).get(name, _MISSING) if hasattr(owner, "__dict__") else _MISSING
        original = getattr(owner, name)
        wrapper = make(original)
        try:
            setattr(owner, name, wrapper)
        except AttributeError:  # a stream that takes no attributes: what goes there is shown, but not recorded
            return

        def undo() -> None:
            if getattr(owner, name, None) is not wrapper:  # somebody wrapped it later and did not unwrap: leave that
                return
            if own is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, own)

        self._undo.append(undo)

    @contextmanager
    def _hush(self) -> Iterator[None]:
        """Streams are not recorded: in terminals, displays and results are written to stdout."""
        depth = getattr(self._quiet, "depth", 0)
        self._quiet.depth = depth + 1
        try:
            yield
        finally:
            self._quiet.depth = depth

    def _record(self, *event: Any) -> None:
        if not getattr(self._quiet, "depth", 0) and not _goes_to_widget():
            self.events.append(event)

    def _writer(self, name: str) -> Callable[[Any], Any]:
        def make(original: Any) -> Any:
            def write(text: Any, *args: Any, **kwargs: Any) -> Any:
                result = original(text, *args, **kwargs)
                if isinstance(text, str) and text:
                    self._record(name, text)
                return result

            return write

        return make

    def _publisher(self, original: Any) -> Any:
        def publish(data: Any, metadata: Any = None, *args: Any, **kwargs: Any) -> Any:
            transient = kwargs.get("transient") or {}
            kind = "update" if kwargs.get("update") else "display"
            self._record(kind, dict(data), dict(metadata or {}), transient.get("display_id"))
            with self._hush():
                return original(data, metadata, *args, **kwargs)

        return publish

    def _clearer(self, original: Any) -> Any:
        def clear_output(wait: bool = False) -> Any:
            self._record("clear", bool(wait))
            with self._hush():
                return original(wait)

        return clear_output

    def _result_writer(self, original: Any) -> Any:
        def write_format_data(data: Any, metadata: Any = None) -> Any:
            self._record("result", dict(data), dict(metadata or {}))
            with self._hush():
                return original(data, metadata)

        return write_format_data

    def _value_keeper(self, original: Any) -> Any:
        def fill_exec_result(value: Any) -> Any:
            self.results.append(value)
            return original(value)

        return fill_exec_result

    def _hushed(self, original: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._hush():
                return original(*args, **kwargs)

        return call


def flush_figures() -> None:
    """Show the open figures of matplotlib's inline backend now: after the cell it would be too late to record them."""
    inline = sys.modules.get("matplotlib_inline.backend_inline")
    matplotlib = sys.modules.get("matplotlib")
    if inline is None or matplotlib is None or "matplotlib.pyplot" not in sys.modules:
        return
    if "inline" in str(matplotlib.get_backend()):
        inline.flush_figures()


def _goes_to_widget() -> bool:
    """Whether an ``Output`` widget collects what is shown now."""
    module = sys.modules.get("ipywidgets.widgets.widget_output")
    if module is None:
        return False
    widgets = list(getattr(sys.modules["ipywidgets.widgets.widget"], "_instances", {}).values())
    return any(isinstance(widget, module.Output) and widget.msg_id for widget in widgets)
