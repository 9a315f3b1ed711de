"""What was measured, what it is held against, and how it is shown."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from statistics import median
from typing import Any

CASES = {
    "hit": "hit, small arguments and result",
    "miss": "miss, small arguments and result, committed",
    "array_argument": "hit, 80 MB ndarray argument",
    "array_result": "hit, 80 MB ndarray result",
    "array_result_first": "hit, 80 MB ndarray result, first load in a new process",
    "array_result_read": "hit, 80 MB ndarray result, every page read",
    "numeric_frame": "hit, 200 MB numeric DataFrame result",
    "mixed_frame": "hit, 200,000-row DataFrame result with text",
    "import": "`import`",
    "import_ready": "`import` and first use of the main class",
}
SHOWN = ("hit", "miss", "array_argument", "array_result", "array_result_first", "mixed_frame", "import")
COUNTS = {
    "threads": "32 threads ask for one missing key: executions",
    "processes": "8 processes ask for one missing key: executions",
}


@dataclass(frozen=True)
class Target:
    """An upper bound for beautyspot: a ratio to `against`, or seconds, or a count."""

    case: str
    bound: float
    against: str | None = None


TARGETS = (
    Target("hit", 0.35, "diskcache"),
    Target("hit", 0.1, "beautyspot 2.4.1"),
    Target("hit", 1.4, "floor"),
    Target("miss", 0.4, "diskcache"),
    Target("array_argument", 0.2, "joblib"),
    Target("array_result", 0.2, "joblib"),
    Target("array_result_first", 0.2, "joblib"),
    Target("import", 0.05),
    Target("threads", 1),
    Target("processes", 1),
)


@dataclass
class Results:
    """Seconds a call by case and contestant, one for each round."""

    rounds: int
    medians: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    bests: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    errors: dict[str, dict[str, str]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def add(self, case: str, name: str, answer: dict[str, Any]) -> None:
        if "error" in answer:
            self.errors.setdefault(case, {})[name] = answer["error"]
            return
        self.medians.setdefault(case, {}).setdefault(name, []).append(answer["median"])
        self.bests.setdefault(case, {}).setdefault(name, []).append(answer["best"])

    def middle(self, case: str, name: str) -> float | None:
        times = self.medians.get(case, {}).get(name)
        return median(times) if times else None

    def best(self, case: str, name: str) -> float | None:
        times = self.bests.get(case, {}).get(name)
        return min(times) if times else None

    def ratio(self, case: str, against: str) -> float | None:
        """Median over the rounds of beautyspot's time by the other's time in the same round."""
        ours, theirs = (self.medians.get(case, {}).get(name, []) for name in ("beautyspot", against))
        pairs = [mine / other for mine, other in zip(ours, theirs, strict=False)]
        return median(pairs) if pairs else None

    def judged(self) -> list[dict[str, Any]]:
        """Return each target with what was found."""
        rows = []
        for target in TARGETS:
            found = (
                self.ratio(target.case, target.against) if target.against else self.middle(target.case, "beautyspot")
            )
            verdict = "not measured" if found is None else "ok" if found <= target.bound else "missed"
            rows.append(vars(target) | {"found": found, "verdict": verdict})
        return rows

    def as_json(self) -> dict[str, Any]:
        return {
            "machine": machine(),
            "versions": self.versions,
            "rounds": self.rounds,
            "seconds": {
                case: {
                    name: {"median": self.middle(case, name), "best": self.best(case, name), "rounds": times}
                    for name, times in by_name.items()
                }
                for case, by_name in self.medians.items()
            },
            "errors": self.errors,
            "targets": self.judged(),
        }

    def as_markdown(self) -> str:
        names = list(self.versions)
        lines = [
            f"# Benchmarks\n\nWritten by `python benchmarks/run.py` on {machine()['summary']}.\n",
            _METHOD.format(rounds=self.rounds),
            "## Times\n\nMedian of the rounds, with the best batch in parentheses.\n",
            _row("", *(f"{name} {self.versions[name]}".strip() for name in names)),
            _row("---", *("---:" for _ in names)),
        ]
        for case, title in (CASES | COUNTS).items():
            if case in self.medians or case in self.errors:
                lines.append(_row(title, *(self._cell(case, name) for name in names)))
        lines += [
            *self._failures(),
            "## Ratios\n\nbeautyspot's time by the other's, in the same round; the median of the rounds.\n",
            _row("", *(name for name in names if name != "beautyspot")),
            _row("---", *("---:" for name in names if name != "beautyspot")),
        ]
        for case, title in CASES.items():
            ratios = [self.ratio(case, name) for name in names if name != "beautyspot"]
            if any(ratios):
                lines.append(_row(title, *(f"{ratio:.3g}" if ratio else "—" for ratio in ratios)))
        lines += ["\n## Targets\n", _row("what", "at most", "found", ""), _row("---", "---:", "---:", "---")]
        for row in self.judged():
            title = (CASES | COUNTS)[row["case"]] + (f", by {row['against']}" if row["against"] else "")
            show = _shown(row["case"], row["against"])
            found = "—" if row["found"] is None else show(row["found"])
            lines.append(_row(title, show(row["bound"]), found, row["verdict"]))
        return "\n".join(lines) + "\n"

    def as_summary(self) -> str:
        """Return the few rows that the README shows."""
        names = [name for name in self.versions if name != "beautyspot"]
        lines = [
            _row(
                "beautyspot's time by that of",
                *(f"{name} {self.versions[name]}".strip() for name in names),
                "beautyspot",
            ),
            _row("---", *("---:" for _ in names), "---:"),
        ]
        for case in SHOWN:
            ratios = [self.ratio(case, name) for name in names]
            ours = self.middle(case, "beautyspot")
            shown = [f"{ratio:.2g}" if ratio else "—" for ratio in ratios]
            lines.append(_row(CASES[case], *shown, "—" if ours is None else in_units(ours)))
        about = (
            f"Below 1 is faster; medians of {self.rounds} rounds of one `make bench` on {machine()['summary']}. "
            "*floor* is one prepared SQLite `SELECT` and one msgpack decode, the least that a persistent hit can cost. "
            "All numbers, and how they were measured: [docs/benchmarks.md](docs/benchmarks.md)."
        )
        return "\n## Speed\n\n" + "\n".join(lines) + f"\n\n{about}\n"

    def _failures(self) -> list[str]:
        """Say of every gap in the table how it came about, by the kind of error: messages may name places."""
        lines = ["\n— : not measured.\n"]
        for case, by_name in self.errors.items():
            for name, error in by_name.items():
                if name != "floor":
                    lines.append(f"- {(CASES | COUNTS)[case]}: {name}: `{error.partition(':')[0]}`")
        return [*lines, ""]

    def _cell(self, case: str, name: str) -> str:
        middle, best = self.middle(case, name), self.best(case, name)
        if middle is None or best is None:
            return "—"
        return f"{middle:.0f}" if case in COUNTS else f"{in_units(middle)} ({in_units(best)})"


def machine() -> dict[str, Any]:
    """Return the facts of this machine that times depend on, and nothing that names it."""
    facts: dict[str, Any] = {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
        "architecture": platform.machine(),
    }
    facts["summary"] = (
        f"{facts['cpus']} CPUs ({facts['architecture']}), {facts['system']}, "
        f"{platform.python_implementation()} {facts['python']}"
    )
    return facts


def in_units(value: float) -> str:
    """Write seconds in the unit that fits."""
    for factor, unit in ((1e6, "µs"), (1e3, "ms")):
        if value * factor < 1000:
            return f"{value * factor:.3g} {unit}"
    return f"{value:.3g} s"


def _shown(case: str, against: str | None) -> Any:
    if against or case in COUNTS:
        return lambda number: f"{number:.3g}"
    return in_units


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


_METHOD = """\
Every contestant runs in a process of its own, on a directory of its own, in its documented default configuration, and
caches the same functions with the same arguments; the bodies do next to nothing. Contestants take turns in {rounds}
rounds, so that noise of the machine hits all of them alike. *floor* is no cache: one prepared SQLite `SELECT` by
primary key and one msgpack decode of the same result, the least that a persistent hit can cost.

Small calls go through 100 different keys in turn. A large result is loaded again and again in one process, once more
with every page read, and, in a row of its own, once in each of several new processes: there beautyspot compares every
byte with the digest that it was stored under, which diskcache and joblib do not do, and which beautyspot itself does
not repeat while the file stays the same. A call that should have been a hit and was run again fails the case
(`NotServed`). Files are in the page cache of the system.

Imports are timed inside fresh interpreters with warm files. Executions of a missing key are counted, not timed.
"""
