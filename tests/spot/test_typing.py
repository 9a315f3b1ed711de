"""What a type checker sees: decorators keep signatures, wrong options are errors."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import beautyspot as bs

spot = bs.Spot("typed", db="memory://")

@spot.mark
def area(width: float, height: float = 1.0) -> float:
    return width * height

@spot.mark(ttl="1d", ignore=["verbose"])
async def load(name: str, verbose: bool = False) -> bytes:
    return name.encode()

@spot.limiter(cost=2)
@spot.mark
def call(text: str) -> str:
    return text

class Model:
    @spot.mark
    def predict(self, n: int) -> int:
        return n

reveal_type(area(2.0))
reveal_type(area.key(2.0))
reveal_type(call.is_cached("a"))
reveal_type(Model().predict(1))
reveal_type(spot.run(len, "abc"))

async def main() -> None:
    reveal_type(await load("a"))
    await load(5)

area("wide")
spot.mark(tll="1d")
"""


def test_types(tmp_path):
    """Revealed types, and one error for each of the three wrong calls."""
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--cache-dir", "/dev/null", "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    revealed = [line.partition('"')[2].rstrip('"') for line in done.stdout.splitlines() if "Revealed type" in line]
    assert [kind.replace("builtins.", "") for kind in revealed] == ["float", "str", "bool", "int", "int", "bytes"]
    errors = [line for line in done.stdout.splitlines() if "error:" in line]
    assert len(errors) == 3, done.stdout
    assert [("arg-type" in line or "call-overload" in line) for line in errors] == [True] * 3
