"""What the text of a cell does that a cache cannot follow: dynamic names, magics, programs, global settings.

A hazard is either an *effect* (something outside the namespace changes; ``--allow-effects`` accepts it) or a *blind
spot* (the analysis cannot tell what is read; only naming the reads helps).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["TEXT_READERS", "Hazard", "Hazards", "find_hazards", "identifiers"]

_BLIND = {
    "eval": "eval() may read any name",
    "exec": "exec() may read and bind any name",
    "globals": "globals() gives access to every name",
    "locals": "locals() gives access to every name",
    "__import__": "__import__() loads code that is not known beforehand",
}
_NAME_READS = "name what it reads with --reads"
_ASKS = {"input": "it asks for input", "getpass": "it asks for input", "breakpoint": "it stops in the debugger"}
_SETTINGS = {
    "set_option": "it changes options of pandas",
    "set_printoptions": "it changes how arrays are printed",
    "seterr": "it changes how NumPy handles errors",
    "simplefilter": "it changes the warning filters",
    "filterwarnings": "it changes the warning filters",
    "basicConfig": "it configures logging",
    "chdir": "it changes the working directory",
    "putenv": "it changes an environment variable",
    "setlocale": "it changes the locale",
    "set_theme": "it changes the style of plots",
    "setrecursionlimit": "it changes the recursion limit",
}
_PLOTTING = {("rcParams", "update"), ("style", "use"), ("matplotlib", "use"), ("mpl", "use"), ("plt", "switch_backend")}
_PROCESSES = {("os", "system"), ("os", "popen"), ("subprocess", "run"), ("subprocess", "Popen"), ("subprocess", "call"),
              ("subprocess", "check_call"), ("subprocess", "check_output")}  # fmt: skip
TEXT_READERS = frozenset({"query", "eval", "sql", "execute"})


@dataclass(frozen=True, slots=True)
class Hazard:
    """One reason not to store.

    Attributes:
        text: The reason, to follow "not cached ·".
        remedy: What to do.
        effect: Whether ``--allow-effects`` accepts it; otherwise ``--reads`` does.
        root: The name it hangs on: if the namespace holds something else under it, there is no hazard.
    """

    text: str
    remedy: str
    effect: bool
    root: str = ""


@dataclass(slots=True)
class Hazards:
    """What `find_hazards` found.

    Attributes:
        found: The hazards in order of appearance.
        words: Names inside texts that libraries look up in the namespace (``df.query("a > @limit")``, SQL).
        texts: Names whose values may be, or hold, such texts.
        paths: String constants, any of which may name a file.
    """

    found: list[Hazard] = field(default_factory=list)
    words: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)


def find_hazards(tree: ast.Module) -> Hazards:
    """Search the statements of a cell.

    Example:
        >>> [hazard.text for hazard in find_hazards(ast.parse("x = eval('1')")).found]
        ['eval() may read any name']
    """
    result = Hazards()
    called = {id(node.func.value.func) for node in ast.walk(tree) if magic_call(node) is not None}  # type: ignore[attr-defined]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            result.found.extend(_of_call(node))
            _texts_of_call(node, result)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and 0 < len(node.value) < 1000:
            result.paths.add(node.value)
        elif isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, (ast.Store, ast.Del)):
            result.found.extend(_of_target(node))
        elif isinstance(node, ast.Name) and node.id == "get_ipython" and id(node) not in called:
            result.found.append(Hazard("get_ipython() gives access to every name", _NAME_READS, effect=False))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            result.found.extend(_of_import(node))
        if isinstance(node, ast.Attribute) and _chain(node)[:2] == ("sys", "modules"):
            result.found.append(Hazard("sys.modules gives access to every name", _NAME_READS, effect=False))
    return result


def _of_import(node: ast.Import | ast.ImportFrom) -> Iterator[Hazard]:
    if "__main__" in (getattr(node, "module", ""), *(alias.name for alias in node.names)):
        yield Hazard("the module __main__ gives access to every name", _NAME_READS, effect=False)
    if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
        text = f"from {node.module} import * binds names that are not known beforehand"
        yield Hazard(text, "import the names", effect=False)


def magic_call(node: ast.AST) -> tuple[str, list[ast.expr]] | None:
    """The method and arguments of ``get_ipython().method(...)``."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Call)
        and isinstance(node.func.value.func, ast.Name)
        and node.func.value.func.id == "get_ipython"
    ):
        return node.func.attr, node.args
    return None


def _of_call(node: ast.Call) -> Iterator[Hazard]:
    magic = magic_call(node)
    if magic is not None:
        yield from _of_magic(*magic)
        return
    chain = _chain(node.func)
    name = chain[-1] if chain else ""
    if len(chain) == 1:
        yield from _of_builtin(name, node)
    if name == "import_module":
        text = "import_module() loads code that is not known beforehand"
        yield Hazard(text, "use an import statement", effect=False, root=chain[0])
    elif name in _SETTINGS:
        yield Hazard(_SETTINGS[name], "move it to its own cell", effect=True, root=chain[0])
    elif chain[-2:] in _PROCESSES:
        yield Hazard("it runs a program", "--allow-effects if running it once is enough", effect=True, root=chain[0])
    elif chain[:2] == ("os", "environ") and name in {"update", "setdefault", "pop"}:
        yield Hazard("it changes an environment variable", "move it to its own cell", effect=True)
    elif chain[:2] == ("sys", "path"):
        yield Hazard("it changes sys.path", "move it to its own cell", effect=True)
    elif chain[-2:] in _PLOTTING:
        yield Hazard("it changes the style of plots", "move it to its own cell", effect=True)


def _of_builtin(name: str, node: ast.Call) -> Iterator[Hazard]:
    if name in _BLIND:
        yield Hazard(_BLIND[name], _NAME_READS, effect=False, root=name)
    elif name in {"vars", "dir"} and not node.args:
        yield Hazard(f"{name}() looks at every name", _NAME_READS, effect=False, root=name)
    elif name in _ASKS:
        yield Hazard(_ASKS[name], "ask in a cell of its own", effect=True, root=name)


def _of_target(node: ast.Attribute | ast.Subscript) -> Iterator[Hazard]:
    chain = _chain(node.value) if isinstance(node, ast.Subscript) else _chain(node)
    if chain[:2] == ("os", "environ"):
        yield Hazard("it changes an environment variable", "move it to its own cell", effect=True)
    elif "rcParams" in chain:
        yield Hazard("it changes the style of plots", "move it to its own cell", effect=True)
    elif chain[:2] == ("pd", "options") or chain[:2] == ("pandas", "options"):
        yield Hazard("it changes options of pandas", "move it to its own cell", effect=True)


def _of_magic(method: str, args: list[ast.expr]) -> Iterator[Hazard]:
    name = str(args[0].value) if args and isinstance(args[0], ast.Constant) else "?"
    if method in {"system", "getoutput", "getoutput_raw"}:
        yield Hazard(f"it runs !{name.split()[0] if name.split() else ''}",
                     "--allow-effects if running it once is enough", effect=True)  # fmt: skip
    elif method in {"run_line_magic", "run_cell_magic"}:
        if name == "spot":
            yield Hazard("%spot is used inside", "one %%spot for one cell", effect=False)
        else:
            mark = "%%" if method == "run_cell_magic" else "%"
            yield Hazard(f"{mark}{name} may change more than variables",
                         "move it to its own cell, or --allow-effects", effect=True)  # fmt: skip
    elif method in {"show_usage", "pinfo", "pinfo2"}:
        yield Hazard("it shows help", "move it to its own cell", effect=True)
    else:
        yield Hazard(f"get_ipython().{method}() may change more than variables", "move it to its own cell", effect=True)


def _texts_of_call(node: ast.Call, result: Hazards) -> None:
    """``df.query``, ``pd.eval``, ``duckdb.sql``: names stand in a text, and the library looks into the namespace."""
    if not (isinstance(node.func, ast.Attribute) and node.func.attr in TEXT_READERS):
        return
    for part in (*node.args, *(keyword.value for keyword in node.keywords)):
        for inner in ast.walk(part):
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                result.words.update(identifiers(inner.value))
            elif isinstance(inner, ast.Name):
                result.texts.add(inner.id)


def identifiers(text: str) -> Iterator[str]:
    """Yield the identifiers inside a text."""
    word = ""
    for char in text + " ":
        if (word + char).isidentifier():
            word += char
        else:
            if word:
                yield word
            word = char if char.isidentifier() else ""


def _chain(node: ast.AST) -> tuple[str, ...]:
    steps: list[str] = []
    while isinstance(node, ast.Attribute):
        steps.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return tuple(reversed(steps))
    return (node.id, *reversed(steps))
