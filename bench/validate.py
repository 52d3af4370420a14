"""What `sluice validate` costs, against azure-ai-ml loading the same files in the same run.

    python bench/validate.py [--rounds 9] [--files 1000] [--json]

azure-ai-ml is installed into a virtual environment of its own in Sluice's cache, at the first run. Both have compiled
bytecode. Cold: one deployment file, a whole process from start to end, wall-clock seconds. Many: one process over all
files; azure-ai-ml is timed from its first file on, Sluice from the start of its process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from measuring import Series, interleaved, machine, parser, seconds, show, show_json, wait_for_quiet
from workbench import scratch

from sluice.cache import cache_folder

PEER = "azure-ai-ml==1.35.2"
GOALS = {"cold": 15.0, "many": 20.0}
BIN = Path(sys.executable).parent
COLD = ("python alone", "sluice validate", "azure-ai-ml")
FEW = 100

LOADER = """
import json, logging, sys, time, warnings
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
import azure.ai.ml as ml
files = [(getattr(ml, "load_" + kind), path) for kind, path in json.load(open(sys.argv[1]))]
began = time.perf_counter()
for load, path in files:
    load(path)
print(time.perf_counter() - began)
"""

CODE = "def init() -> None: ...\n\n\ndef run(data: str) -> str:\n    return data\n"
SPECS = {
    "online_deployment": """$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: blue-{n}
endpoint_name: library-{n}
model: azureml:shelf-{n}:1
environment: azureml:reading:3
code_configuration:
  code: ../src
  scoring_script: score.py
instance_type: Standard_DS3_v2
instance_count: 3
environment_variables:
  LOG_LEVEL: info
  SHELF: "{n}"
request_settings:
  request_timeout_ms: 90000
  max_concurrent_requests_per_instance: 1
liveness_probe:
  initial_delay: 30
  period: 10
  failure_threshold: 30
readiness_probe:
  initial_delay: 30
  period: 10
tags:
  team: books
""",
    "online_endpoint": """$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
name: library-{n}
description: Questions about shelf {n}.
auth_mode: key
identity:
  type: system_assigned
traffic:
  blue-{n}: 90
  green-{n}: 10
tags:
  team: books
""",
    "model": """$schema: https://azuremlschemas.azureedge.net/latest/model.schema.json
name: shelf-{n}
version: 1
type: custom_model
path: ../weights
properties:
  shelf: "{n}"
""",
    "environment": """$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json
name: reading-{n}
version: 3
image: mcr.microsoft.com/azureml/minimal-ubuntu22.04-py311-cpu-inference:latest
conda_file: ../conda.yaml
""",
}
# Of ten files, as projects have them: deployments are the most, and the longest.
MIX = ("online_deployment",) * 5 + ("online_endpoint",) * 2 + ("model",) * 2 + ("environment",)


@dataclass(frozen=True)
class Files:
    """The files to validate: kind and path of each, all below `folder`."""

    folder: Path
    listed: tuple[tuple[str, str], ...]

    @property
    def one(self) -> str:
        """A deployment's file."""
        return self.listed[0][1]

    def listing(self) -> str:
        """Return the path of a file that names them for the loader."""
        path = self.folder / "files.json"
        path.write_text(json.dumps(self.listed))
        return str(path)


def main() -> None:
    """Measure and report."""
    made = parser(__doc__.splitlines()[0], rounds=9)
    made.add_argument("--files", type=int, default=1000, help="in the call with many (default: 1000)")
    options = made.parse_args()
    peer = peer_python()
    with scratch() as folder:
        few, many = write(folder / "few", FEW), write(folder / "many", options.files)
        cold = _cold(many.one, peer, folder)
        batch = {"sluice validate": lambda: seconds(lambda: ours(many)), "azure-ai-ml": lambda: theirs(many, peer)}
        for warm in (*cold.values(), lambda: ours(few)):
            warm()
        wait_for_quiet(options.quiet_load, options.wait)
        facts = machine()
        found = {name: Series(values) for name, values in interleaved(cold, options.rounds).items()}
        rates = {
            name: rate(values, options.files) for name, values in interleaved(batch, options.rounds // 2 + 1).items()
        }
        memory = {f"{len(files.listed)} files": peak_memory(files) for files in (few, many)}
    ratios = {
        "cold": found["azure-ai-ml"].median / found["sluice validate"].median,
        "many": rates["sluice validate"].median / rates["azure-ai-ml"].median,
    }
    if options.json:
        plain = {name: series.plain() for name, series in found.items()}
        of_many = {name: series.plain() for name, series in rates.items()}
        show_json(facts, cold=plain, files_per_second=of_many, peak_memory_mb=memory, ratios=ratios, goals=GOALS)
    else:
        _show(facts, found, rates, memory, ratios)


def peer_python() -> Path:
    """Return the Python of the environment that azure-ai-ml is installed in; the first run makes it."""
    folder = cache_folder() / "bench" / PEER
    python = folder / "bin" / "python"
    if not (folder / "whole").exists():
        uv = str(BIN / "uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), PEER]
        subprocess.run(install, check=True)
        (folder / "whole").touch()
    return python


def write(folder: Path, count: int) -> Files:
    """Write so many specifications and what they name."""
    specs = folder / "specs"
    for made in (specs, folder / "src", folder / "weights"):
        made.mkdir(parents=True)
    (folder / "src" / "score.py").write_text(CODE)
    (folder / "weights" / "w.bin").write_text("x")
    (folder / "conda.yaml").write_text("dependencies: [python=3.11, pip, {pip: [azureml-inference-server-http]}]\n")
    listed = []
    for number in range(count):
        kind = MIX[number % len(MIX)]
        path = specs / f"{kind}-{number}.yaml"
        path.write_text(SPECS[kind].replace("{n}", str(number)))
        listed.append((kind, str(path)))
    return Files(folder, tuple(listed))


def _cold(file: str, peer: Path, folder: Path) -> Mapping[str, Callable[[], float]]:
    commands = {
        "python alone": (sys.executable, "-c", "pass"),
        "sluice validate": (str(BIN / "sluice"), "validate", file),
        "azure-ai-ml": (str(peer), "-c", f"from azure.ai.ml import load_online_deployment as l; l({file!r})"),
    }
    return {name: lambda command=command: seconds(lambda: run(command, folder)) for name, command in commands.items()}


def run(command: Sequence[str], folder: Path) -> str:
    """Run a command to its end, which has to be a good one."""
    done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout


def ours(files: Files) -> None:
    """Validate all files in one call."""
    run((str(BIN / "sluice"), "validate", "--json", str(files.folder / "specs")), files.folder)


def theirs(files: Files, peer: Path) -> float:
    """Load all files in one process; the seconds without its start."""
    return float(run((str(peer), "-c", LOADER, files.listing()), files.folder))


def rate(values: Sequence[float], count: int) -> Series:
    """Return files a second."""
    return Series(tuple(count / value for value in values))


def peak_memory(files: Files) -> float:
    """Return the most memory that validating all files took, in MB."""
    null = os.open(os.devnull, os.O_WRONLY)
    command = (str(BIN / "sluice"), "validate", "--json", str(files.folder / "specs"))
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
    os.close(null)
    _, _, usage = os.wait4(pid, 0)
    return usage.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _show(
    facts: Mapping[str, object],
    found: Mapping[str, Series],
    rates: Mapping[str, Series],
    memory: Mapping[str, float],
    ratios: Mapping[str, float],
) -> None:
    head = ("", "median", "min", "max")
    show("Cold, one deployment file (seconds)", facts, head, [found[name].row(name, ".3f") for name in COLD])
    show("Many files in one call (files a second)", facts, head, [s.row(name, ".0f") for name, s in rates.items()])
    print("Peak memory: " + ", ".join(f"{name} {mb:.1f} MB" for name, mb in memory.items()))
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.1f} x as fast as azure-ai-ml (goal: at least {GOALS[name]:.0f})")


if __name__ == "__main__":
    main()
