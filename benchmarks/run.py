"""Compare beautyspot with others and with the floor; write docs/benchmarks.md and the part of the README.

Run it as ``python benchmarks/run.py [--quick] [--json FILE] [--only CASE ...]``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from contestants import CONTESTANTS
from results import CASES, COUNTS, Results

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
OLD = ROOT / ".bench" / "beautyspot24"
OLD_VERSION = "2.4.1"
HERD_PROCESSES = 8
# What a program touches of the contestant before its first call; nothing is opened.
FIRST_USE = {
    "beautyspot": "beautyspot.Spot",
    "beautyspot 2.4.1": "beautyspot.Spot",
    "diskcache": "diskcache.Cache",
    "joblib": "joblib.Memory",
}


class Worker:
    """A contestant's process."""

    def __init__(self, name: str, directory: Path, scratch: Path) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), name, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(name, scratch),
        )

    def ask(self, case: str, *arguments: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            print(json.dumps({"case": case, "arguments": arguments}), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            return {"error": "its process ended"}
        line = self.process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "its process ended"}
        return answer

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def environment(name: str, scratch: Path) -> dict[str, str]:
    """Return the variables of a contestant's process.

    The old version shadows the new one by the import path. Compiled modules go where all contestants can write.
    """
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("BEAUTYSPOT_", "PYTHON"))}
    return (
        ours
        | {"PYTHONPYCACHEPREFIX": str(scratch / "compiled")}
        | ({"PYTHONPATH": str(OLD)} if name == "beautyspot 2.4.1" else {})
    )


def installed(name: str) -> str | None:
    """Return a contestant's version, or None if it is not there."""
    if name == "floor":
        return ""
    if name == "beautyspot 2.4.1":
        if not OLD.exists():
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(OLD)]
            if subprocess.run([*command, f"beautyspot=={OLD_VERSION}"], check=False).returncode:
                return None
        return ""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def measure_calls(results: Results, cases: list[str], scratch: Path) -> None:
    for case in cases:
        # One case at a time: the processes of the last one took gigabytes.
        places = {name: scratch / case / name.replace(" ", "-") for name in results.versions}
        workers = {name: Worker(name, place, scratch) for name, place in places.items()}
        names = list(workers)
        anew = case.endswith("_first")
        if anew:
            for worker in workers.values():
                worker.ask("array_result")
        for turn in range(results.rounds):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                if name in results.errors.get(case, {}):
                    continue
                if anew:
                    workers[name].close()
                    workers[name] = Worker(name, places[name], scratch)
                results.add(case, name, workers[name].ask(case))
            progress(f"{case} {turn + 1}/{results.rounds}")
        for worker in workers.values():
            worker.close()
        shutil.rmtree(scratch / case, ignore_errors=True)


def measure_imports(results: Results, cases: list[str], scratch: Path) -> None:
    for case in cases:
        for turn in range(results.rounds + 1):
            for name in results.versions:
                if name not in FIRST_USE:
                    continue
                module = FIRST_USE[name].partition(".")[0]
                use = FIRST_USE[name] if case == "import_ready" else "0"
                code = f"import time; t = time.perf_counter(); import {module}; {use}; print(time.perf_counter() - t)"
                # Not in the current directory: Python would look for the module there first.
                done = subprocess.run(
                    [sys.executable, "-c", code],
                    env=environment(name, scratch),
                    cwd=scratch,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if done.returncode:
                    results.errors.setdefault(case, {})[name] = done.stderr[-200:]
                elif turn:  # the first turn warms the files
                    results.add(case, name, {"median": float(done.stdout), "best": float(done.stdout)})
        progress(case)


def measure_herds(results: Results, cases: list[str], scratch: Path) -> None:
    for name in results.versions:
        if name == "floor" or not cases:
            continue
        directory = scratch / "herd" / name.replace(" ", "-")
        directory.mkdir(parents=True)
        if "threads" in cases:
            worker = Worker(name, directory, scratch)
            results.add("threads", name, worker.ask("threads", str(directory / "threads")))
            worker.close()
        if "processes" in cases:
            results.add("processes", name, _herd_of_processes(name, directory, scratch))
        progress(f"herd {name}")


def _herd_of_processes(name: str, directory: Path, scratch: Path) -> dict[str, Any]:
    marks = directory / "processes"
    command = [sys.executable, str(HERE / "worker.py"), name, str(directory), "herd"]
    start = time.time() + 4  # when the slowest of them is up
    crowd = [
        subprocess.Popen([*command, str(start), str(marks)], stderr=subprocess.DEVNULL, env=environment(name, scratch))
        for _ in range(HERD_PROCESSES)
    ]
    codes = [process.wait() for process in crowd]
    if any(codes):
        return {"error": "a process failed"}
    count = float(marks.stat().st_size)
    return {"median": count, "best": count}


def write_part(file: Path, text: str) -> None:
    """Replace what stands between the two marks."""
    before, mark, rest = file.read_text(encoding="utf-8").partition("<!-- benchmarks -->\n")
    _, end, after = rest.partition("<!-- end of benchmarks -->")
    file.write_text(before + mark + text + end + after, encoding="utf-8")


def progress(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [*CASES, *COUNTS]
    parser.add_argument("--quick", action="store_true", help="3 rounds instead of 9, and no large frames")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there too")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks.md", help="where the tables go")
    parser.add_argument("--only", nargs="+", choices=known, default=known, metavar="CASE", help=", ".join(known))
    options = parser.parse_args()
    cases = [case for case in options.only if not (options.quick and "frame" in case and options.only == known)]
    results = Results(rounds=3 if options.quick else 9)
    for name in CONTESTANTS:
        version = installed(name)
        if version is None:
            progress(f"{name} is not installed and is left out")
        else:
            results.versions[name] = version
    with tempfile.TemporaryDirectory(prefix="beautyspot-bench-") as scratch:
        measure_calls(results, [c for c in cases if c in CASES and not c.startswith("import")], Path(scratch))
        measure_imports(results, [case for case in cases if case.startswith("import")], Path(scratch))
        measure_herds(results, [case for case in cases if case in COUNTS], Path(scratch))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(results.as_markdown(), encoding="utf-8")
    if options.json:
        options.json.write_text(json.dumps(results.as_json(), indent=1), encoding="utf-8")
    if options.only == known and not options.quick:
        write_part(ROOT / "README.md", results.as_summary())
    print(results.as_markdown())
    for case, names in results.errors.items():
        for name, error in names.items():
            progress(f"{case}: {name}: {error}")


if __name__ == "__main__":
    main()
