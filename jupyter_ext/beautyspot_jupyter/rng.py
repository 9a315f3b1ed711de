"""The global random number generators: a run that advances a seeded one depends on its state and leaves another state.

A generator that nobody seeded starts from the system's entropy in every process, so its state says nothing; it is
ignored, with a notice. To know the difference, the functions that seed are wrapped when the extension is loaded.
"""

from __future__ import annotations

import functools
import importlib.machinery
import random
import sys
from collections.abc import Callable
from typing import Any

from beautyspot.keys.canonical import digest

__all__ = ["Generators"]

_WRAPPED = (("random", ("seed", "setstate")), ("numpy.random", ("seed", "set_state")))


class Generators:
    """Watches the generators of one process.

    Attributes:
        seeded: Names of generators that were seeded since the extension was loaded.
    """

    def __init__(self) -> None:
        self.seeded: set[str] = set()
        self.before_seeding: dict[str, str] = {}  # state just before the first seeding since the last `watch`
        self._undo: list[Callable[[], None]] = []
        self._finder = _Finder(self._wrap_numpy)

    def install(self, history: str = "") -> None:
        """Start watching.

        Args:
            history: Text of the cells that ran before; one that seeds counts.
        """
        self._wrap("random")
        if "numpy.random" in sys.modules:
            self._wrap("numpy.random")
        else:
            sys.meta_path.insert(0, self._finder)
        if "seed(" in history or "set_state(" in history or "setstate(" in history:
            self.seeded.update({"random", "numpy.random"})

    def uninstall(self) -> None:
        """Stop watching and put the functions back."""
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
        while self._undo:
            self._undo.pop()()

    def _wrap_numpy(self) -> None:
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
        self._wrap("numpy.random")

    def _wrap(self, name: str) -> None:
        module = sys.modules[name]
        for function_name in dict(_WRAPPED)[name]:
            original = getattr(module, function_name)

            @functools.wraps(original)
            def wrapper(*args: Any, _original: Any = original, **kwargs: Any) -> Any:
                if name not in self.before_seeding:
                    self.before_seeding[name] = digest(self.states()[name]).hex()
                result = _original(*args, **kwargs)
                explicit = bool(args and args[0] is not None) or any(value is not None for value in kwargs.values())
                (self.seeded.add if explicit else self.seeded.discard)(name)
                return result

            wrapper.__dict__["__spot_infrastructure__"] = True
            setattr(module, function_name, wrapper)
            self._undo.append(functools.partial(setattr, module, function_name, original))

    def states(self) -> dict[str, Any]:
        """The present states of the loaded generators."""
        found: dict[str, Any] = {"random": random.getstate()}
        numpy = sys.modules.get("numpy.random")
        if numpy is not None and hasattr(numpy, "get_state"):
            found["numpy.random"] = numpy.get_state(legacy=False)
        torch = sys.modules.get("torch")
        if torch is not None and hasattr(torch, "get_rng_state"):
            found["torch"] = torch.get_rng_state().numpy().copy()
        return found

    def watch(self) -> tuple[dict[str, str], frozenset[str]]:
        """Note the states before a run: digests, and which generators are seeded."""
        self.before_seeding = {}
        return self.digests(), frozenset(name for name in (*self.seeded, "torch"))

    def digests(self) -> dict[str, str]:
        """Digests of the present states."""
        return {name: digest(state).hex() for name, state in self.states().items()}

    def restore(self, states: dict[str, Any]) -> None:
        """Put generators into the state that a run left them in."""
        for name, state in states.items():
            if name == "random":
                random.setstate(state)
            elif name == "numpy.random":
                import numpy as np

                np.random.set_state(state)  # noqa: NPY002  # it is the legacy generator that is restored
            elif name == "torch":
                import torch  # type: ignore[import-not-found,unused-ignore]

                torch.set_rng_state(torch.from_numpy(state))


class _Finder:
    """Calls back as soon as ``numpy.random`` has been imported."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:  # noqa: ARG002  # the import protocol
        if name != "numpy.random":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module
        callback = self.callback

        def exec_module(module: Any) -> None:
            execute(module)
            callback()

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
