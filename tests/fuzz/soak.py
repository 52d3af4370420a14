"""usage: soak.py [--seconds N] [--seed N] [--seeds FOLDER]: validate changed files until something breaks.

Where atheris is installed (Linux), new paths through the code guide the changes. An input that breaks something is
kept in the working folder, whose name is printed first. Exit 1 when one did.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

try:
    import atheris  # type: ignore[import-untyped, unused-ignore]  # there is none for every platform
except ImportError:
    atheris = None

if atheris:
    with atheris.instrument_imports(include=["sluice.spec"]):
        import fuzzing
else:
    import fuzzing


def main() -> int:
    """Fuzz as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=1800)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=Path, help="a folder with more YAML files to begin with")
    call = parser.parse_args()
    more = sorted(call.seeds.rglob("*.y*ml")) if call.seeds else []
    begin = [*fuzzing.seeds(), *(b"\0" + path.read_bytes() for path in more if path.is_file())]
    folder = Path(tempfile.mkdtemp(prefix="sluice-fuzz-"))
    sys.stdout.write(f"{len(begin)} files to begin with; what breaks is kept in {folder}\n")
    sys.stdout.flush()
    return guided(call, begin, folder) if atheris else unguided(call, begin, folder)


def guided(call: argparse.Namespace, begin: list[bytes], folder: Path) -> int:
    """Fuzz with atheris, which ends the process itself, with an error's status where an input broke something."""
    (folder / "inputs").mkdir()
    for number, data in enumerate(begin):
        (folder / "inputs" / f"{number:04}").write_bytes(data)

    def change(data: bytes, size: int, seed: int) -> bytes:
        random = Random(seed)
        made = fuzzing.changed(data, begin, random) if random.random() < 0.7 else atheris.Mutate(data, size)
        return bytes(made)[:size]

    options = [f"-max_total_time={call.seconds}", f"-seed={call.seed}", f"-artifact_prefix={folder}/broken-"]
    limits = ["-timeout=10", "-rss_limit_mb=1024", "-max_len=20000", "-print_final_stats=1", "-verbosity=0"]
    argv = [sys.argv[0], str(folder / "inputs"), *options, *limits]
    atheris.Setup(argv, lambda data: fuzzing.check(data, folder), custom_mutator=change)
    atheris.Fuzz()
    return 0


def unguided(call: argparse.Namespace, begin: list[bytes], folder: Path) -> int:
    """Fuzz by chance, from one input to the next, and go on after a failure."""
    random = Random(call.seed)
    end = time.monotonic() + call.seconds
    tried = broken = 0
    while time.monotonic() < end:
        data = fuzzing.changed(random.choice(begin), begin, random)
        started = time.monotonic()
        try:
            fuzzing.check(data, folder)
            assert time.monotonic() - started < 10, "validating one file took more than 10 s"
        except Exception:
            broken += 1
            (folder / f"broken-{broken:03}").write_bytes(data)
            traceback.print_exc()
        tried += 1
    sys.stdout.write(f"{tried} inputs, {broken} broke something\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
