"""Images with prompt flow's packages: the documented Dockerfile with pip, against ours, on one BuildKit and one base.

    python bench/images.py [--rounds 2]

Goals: cold at most 2/5 with bytecode and 1/5 without, one requirement added at most 1/10, nothing at all for a change
of the flow's code or for none, an image that is no larger. `cold` begins with an empty BuildKit; `added` adds one
small package to the requirements. Both install from the same index; each is pushed as it would be: ours packs
layers quickly for the registry on loopback. The base is made of this machine's own Debian
packages. Needs root and what `sluice doctor --install images` installs.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from measuring import Series, interleaved, machine, parser, seconds, show, show_json, wait_for_quiet
from workbench import scratch

from sluice.engine.images import ImageServices, machine_services
from sluice.images.builder import QUICK_LAYERS
from sluice.images.context import sealed, stage
from sluice.images.lock import LockRequest, read_lock
from sluice.images.locking import resolve
from sluice.images.plan import Details, Form, Wish, package_plan, tool_files
from sluice.images.uv import Run, uv_for
from sluice.plan.servers import ServerKind
from sluice.targets.local.serving.images import requirements

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from image_projects import in_registry, reason_to_skip, rootfs, tools_path

ADDED = "rank-bm25==0.2.2"
PIP, OURS, PLAIN = "pip, as documented", "sluice", "sluice, no bytecode"
STEPS = ("cold", "unchanged", "code changed", "requirement added")
GOALS = {(OURS, "cold"): 2 / 5, (PLAIN, "cold"): 1 / 5, (OURS, "requirement added"): 1 / 10}
BASE_PACKAGES = ("dash", "coreutils", "findutils", "grep", "sed", "tar", "python3", "python3-pip", "ca-certificates")
DOCUMENTED = "FROM {base}\nCOPY ./requirements.txt .\nRUN pip install -r requirements.txt\n"


@dataclass(frozen=True)
class Built:
    """One build: how long it took, and of that its export."""

    seconds: float
    export: float
    digest: str


@dataclass(frozen=True)
class Bench:
    """A BuildKit, its registry, and the image to build on."""

    root: Path
    services: ImageServices
    base: str

    def build(self, name: str, context: Path, dockerfile: Path, layers: str = "") -> Built:
        """Build and push; the time is that of the build alone. `layers` says how they are packed."""
        about = self.root / "metadata.json"
        image = f"{self.services.local_registry().address}/bench/{name}:1"
        output = ",".join(["type=image", f"name={image}", "push=true", *([layers] if layers else [])])
        folders = ("--local", f"context={context}", "--local", f"dockerfile={dockerfile}")
        command = ["build", "--frontend", "dockerfile.v0", "--progress", "plain", *folders]
        said: list[str] = []
        took = seconds(lambda: said.append(self.ask(*command, "--output", output, "--metadata-file", str(about))))
        digest = json.loads(about.read_text())["containerimage.digest"]
        return Built(took, _export_seconds(said[0]), f"{image}@{digest}")

    def empty(self) -> None:
        """Empty BuildKit's cache."""
        self.ask("prune", "--all")

    def ask(self, *arguments: str) -> str:
        """Call `buildctl`; what it says on standard error is its progress."""
        command = [*self.services.builder.buildctl(), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr[-3000:])
        return done.stderr


def _export_seconds(progress: str) -> float:
    """Return how long BuildKit exported layers and pushed them."""
    step = re.search(r"^#(\d+) exporting to image$", progress, re.MULTILINE)
    done = re.search(rf"^#{step[1]} DONE (\d+\.\d+)s$", progress, re.MULTILINE) if step else None
    return float(done[1]) if done else 0.0


@dataclass(frozen=True)
class Documented:
    """The document's way: a folder with requirements and a Dockerfile, pip. The flow's code is no part of it."""

    bench: Bench
    wanted: tuple[str, ...]

    def run(self) -> dict[str, Built]:
        """Take all steps in a row."""
        folder = self.bench.root / "documented"
        folder.mkdir(exist_ok=True)
        (folder / "Dockerfile").write_text(DOCUMENTED.format(base=self.bench.base))
        self._put(folder, self.wanted, "code = 1")
        self.bench.empty()
        found = {"cold": self._build(folder), "unchanged": self._build(folder)}
        self._put(folder, self.wanted, "code = 2")
        found["code changed"] = self._build(folder)
        self._put(folder, (*self.wanted, ADDED), "code = 2")
        return found | {"requirement added": self._build(folder)}

    def _put(self, folder: Path, wanted: tuple[str, ...], code: str) -> None:
        (folder / "requirements.txt").write_text("\n".join(wanted) + "\n")
        (folder / "flow.py").write_text(code + "\n")

    def _build(self, folder: Path) -> Built:
        return self.bench.build("documented", folder, folder)


@dataclass(frozen=True)
class Ours:
    """Requirements, a lock, a Dockerfile of ours; the flow's code is no part of the image."""

    bench: Bench
    wanted: tuple[str, ...]
    bytecode: bool

    def run(self) -> dict[str, Built]:
        """Take all steps in a row. Where the context is the same, `sluice up` builds nothing: so neither is here."""
        before, after = self._staged(self.wanted), self._staged((*self.wanted, ADDED))
        self.bench.empty()
        cold = self.bench.build("ours", before / "context", before, QUICK_LAYERS)
        nothing = replace(cold, seconds=0.0, export=0.0)
        added = self.bench.build("ours", after / "context", after, QUICK_LAYERS)
        return {"cold": cold, "unchanged": nothing, "code changed": nothing, "requirement added": added}

    def _staged(self, wanted: tuple[str, ...]) -> Path:
        """Lock and stage, which is not measured: a lock is made once and committed."""
        lock = read_lock(resolve(LockRequest(wanted), Path("requirements.txt"), Run()))
        wish = Wish(Form.PACKAGES, self.bench.base, wanted)
        details = Details("bench/ours", bytecode=self.bytecode)
        plan, _ = package_plan(wish, lock, tool_files(uv_for(details.platforms, Run())), details)
        return stage(sealed(plan), self.bench.root / "contexts")


def main() -> None:
    """Measure and report; exit 1 where a goal is missed."""
    arguments = parser("Images: the documented Dockerfile against ours", rounds=2).parse_args()
    if reason := reason_to_skip():
        raise SystemExit(reason)
    with scratch() as root:
        os.environ["PATH"], os.environ["SLUICE_CACHE"] = tools_path(), str(root / "cache")
        services = machine_services()
        services.ensure(print, root, local=True)
        try:
            wait_for_quiet(arguments.quiet_load, arguments.wait)
            facts = machine()
            bench = Bench(root, services, _base(root, services))
            found = interleaved(_cases(bench), arguments.rounds)
            sizes = {name: _size(runs[-1]["requirement added"].digest) for name, runs in found.items()}
        finally:
            services.stop()
    _report(facts, found, sizes, as_json=arguments.json)


def _cases(bench: Bench) -> Mapping[str, Callable[[], dict[str, Built]]]:
    wanted = requirements(None, ServerKind.FLOW, ())
    compiled, plain = Ours(bench, wanted, bytecode=True), Ours(bench, wanted, bytecode=False)
    return {PIP: Documented(bench, wanted).run, OURS: compiled.run, PLAIN: plain.run}


def _base(root: Path, services: ImageServices) -> str:
    """Build and push an image with Python and pip; return its reference."""
    folder = root / "base"
    folder.mkdir()
    rootfs(folder, BASE_PACKAGES)
    bundle = Path("/etc/ssl/certs/ca-certificates.crt").read_bytes()
    (folder / "certificates").write_bytes(bundle)
    steps = "COPY certificates /etc/ssl/certs/ca-certificates.crt\nRUN rm -f /usr/lib/python3*/EXTERNALLY-MANAGED\n"
    (folder / "Dockerfile").write_text(f"FROM scratch\nADD rootfs.tar /\n{steps}")
    return Bench(root, services, "").build("base", folder, folder).digest


def _size(reference: str) -> float:
    """Return the size of an image's layers, unpacked, in MB."""
    blobs = (blob for blob in in_registry(reference).values() if blob[:2] == b"\x1f\x8b")
    return sum(len(gzip.decompress(blob)) for blob in blobs) / 1e6


def _report(
    facts: Mapping[str, object],
    found: Mapping[str, tuple[dict[str, Built], ...]],
    sizes: Mapping[str, float],
    *,
    as_json: bool,
) -> None:
    series = {
        (name, step): Series(tuple(run[step].seconds for run in runs)) for name, runs in found.items() for step in STEPS
    }
    exports = {
        (name, step): Series(tuple(run[step].export for run in runs)) for name, runs in found.items() for step in STEPS
    }
    ratios = {case: series[case].median / series[PIP, case[1]].median for case in GOALS}
    if as_json:
        cases = {f"{name}: {step}": one.plain() for (name, step), one in series.items()}
        show_json(facts, seconds=cases, megabytes=dict(sizes), ratios={f"{n}: {s}": r for (n, s), r in ratios.items()})
    else:
        rows = [(name, *(f"{series[name, step].median:.1f}" for step in STEPS), f"{sizes[name]:.0f}") for name in found]
        show("Images with prompt flow's packages, seconds", facts, ("", *STEPS, "image, MB"), rows)
        for (name, step), ratio in ratios.items():
            goal, part = GOALS[name, step], exports[name, step].median
            print(f"{name}, {step}: {ratio:.2f} of pip's (goal {goal:.2f}); {part:.1f} s of it are the export")
    missed = any(ratio > GOALS[case] for case, ratio in ratios.items()) or sizes[OURS] > sizes[PIP]
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    main()
