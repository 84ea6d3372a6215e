"""``python -m fuzz --minutes 10``: every test of any answer, name or value that an adapter has, with one seed after the other.

Minutes are of the processor: a busy machine tries as much as an idle one. A seed that breaks something is told, and plays the same again.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent
EXAMPLES = 100


def rooms() -> list[Path]:
    """The tests of this room, and those of adapters and of what they share that draw what they try."""
    found = [*(TESTS / "fuzz").glob("test_*.py")]
    for room in ("destinations", "sources", "http", "naming", "oauth", "s3"):
        found += [path for path in (TESTS / "archiver" / room).rglob("test_*.py") if "from hypothesis import" in path.read_text()]
    return sorted(found)


def spent() -> float:
    """Seconds of the processor that everything begun here has used so far."""
    times = os.times()
    return times.children_user + times.children_system


def main() -> int:
    """Plays until the minutes are used up, or something breaks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of the processor")
    parser.add_argument("--seed", type=int, help="only this one")
    arguments = parser.parse_args()
    environment = {**os.environ, "ARCHIVER_FUZZ_EXAMPLES": str(EXAMPLES)}
    rounds = 0
    while True:
        seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(2**32)
        own = [f"--hypothesis-seed={seed}", "--timeout=1800"]
        command = [sys.executable, "-m", "pytest", *own, *map(str, rooms())]
        ended = subprocess.run(command, check=False, cwd=TESTS.parent, env=environment)
        rounds += 1
        if ended.returncode < 0:
            print(f"somebody ended it at seed {seed}")
            return 1
        if ended.returncode:
            print(f"seed {seed} broke something: make fuzz SEED={seed}")
            return 1
        print(f"seed {seed}: nothing broke; {spent() / 60:.1f} minutes of the processor in {rounds} rounds", flush=True)
        if arguments.seed is not None or spent() >= arguments.minutes * 60:
            return 0


if __name__ == "__main__":
    sys.exit(main())
