"""The files of a flow, with additional includes in their places, against prompt flow's own `pf flow build`.

The environment is the one that the question-answering example runs in: whatever built it, it stays in the cache.
"""

from __future__ import annotations

import filecmp
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluice.plan.servers import ServerKind
from sluice.spec.content import model_content
from sluice.targets.local.environments import PythonEnvironment, Talk, ensure_environment
from sluice.targets.local.serving.images import requirements

pytestmark = pytest.mark.process

FLOW = """\
inputs:
  question: {type: string}
outputs:
  answer: {type: string, reference: "${answer.output}"}
nodes:
- {name: answer, type: python, source: {type: code, path: answer.py}, inputs: {question: "${inputs.question}"}}
"""
ANSWER = "from promptflow.core import tool\n\n\n@tool\ndef answer(question: str) -> str:\n    return question\n"
FLOW_FILES = {"flow.dag.yaml": FLOW, "answer.py": ANSWER, "requirements.txt": "idna\n"}

CASES: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "a file beside": (("../shared.py",), {"shared.py": "x"}),
    "a folder above": (("../../library",), {"../library/a.py": "a", "../library/deep/er/b.py": "b"}),
    "a file of a nested folder": (("../lib/deep/c.txt",), {"lib/deep/c.txt": "c", "lib/deep/d.txt": "d"}),
    "several, one after the other": (("../one", "../two"), {"one/a": "1", "two/a": "2"}),
    "two of one name: the later one counts": (("../x/same.py", "../y/same.py"), {"x/same.py": "1", "y/same.py": "2"}),
    "a file that the flow has: it is overwritten": (("../lib/own.py",), {"flow/own.py": "flow", "lib/own.py": "lib"}),
    "a folder that the flow has: both stay": (("../lib",), {"flow/lib/a": "1", "flow/lib/b": "1", "lib/b": "2"}),
    "hidden files": (("../lib",), {"lib/.hidden": "1", "lib/.dir/x": "2", "flow/.env.sample": "3"}),
    "caches are left out": (("../lib",), {"lib/__pycache__/a.pyc": "1", "lib/a.py": "1", "flow/__pycache__/b.pyc": ""}),
    "runs are left out": (("../lib",), {"lib/.runs/a": "1", "lib/b": "1", "flow/.runs/x/y": ""}),
    "a .gitignore counts": ((), {"flow/.gitignore": "*.log\n/data/\n!keep.log\n", "flow/a.log": "", "flow/keep.log": "",
                                 "flow/data/x": "", "flow/sub/data/y": "", "flow/sub/b.log": ""}),
    "an .amlignore counts instead": ((), {"flow/.amlignore": "*.csv\n", "flow/.gitignore": "*.log\n", "flow/a.csv": "",
                                          "flow/a.log": ""}),
    "what is ignored is ignored in includes too": (("../lib",), {"flow/.gitignore": "*.tmp\nlib/skip/\n",
                                                   "lib/x.tmp": "", "lib/skip/y": "", "lib/z": ""}),
    "an included .gitignore": (("../other/.gitignore",), {"other/.gitignore": "*.tmp\n", "flow/a.tmp": "",
                                                          "flow/b": ""}),
    "an ignore file below counts for nothing": ((), {"flow/sub/.gitignore": "*\n", "flow/sub/a": ""}),
}  # fmt: skip
# What prompt flow writes itself, and what Sluice leaves as it is: the definition, which names includes and variants.
WRITTEN = {"flow.dag.yaml", ".promptflow/flow.tools.json"}
BUILD_ALL = "from promptflow.client import PFClient\nbuild = PFClient().flows.build"


@pytest.fixture(scope="module")
def prompt_flow() -> PythonEnvironment:
    talk = Talk(lambda _: None, lambda: False)
    return ensure_environment(requirements(None, ServerKind.FLOW, ()), None, talk)[0]


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Lend a folder for prompt flow's settings: it wants one below the home folder."""
    with tempfile.TemporaryDirectory(prefix=".sluice-pf-", dir=Path.home()) as folder:
        (Path(folder) / "pf.yaml").write_text("telemetry:\n  enabled: false\ntrace:\n  destination: none\n")
        yield Path(folder)


def write_case(root: Path, includes: tuple[str, ...], files: dict[str, str]) -> Path:
    listed = "".join(f"- {include}\n" for include in includes)
    definition = FLOW + (f"additional_includes:\n{listed}" if listed else "")
    flow = {f"flow/{name}": text for name, text in FLOW_FILES.items()}
    for name, text in {**flow, "flow/flow.dag.yaml": definition, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root / "flow"


def pf(environment: PythonEnvironment, home: Path, *arguments: str) -> None:
    environ = {"HOME": os.environ["HOME"], "PATH": os.defpath, "PF_HOME_DIRECTORY": str(home)}
    done = subprocess.run(
        [str(environment.python), "-B", *arguments],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory, prompt_flow: PythonEnvironment, home: Path
) -> dict[str, tuple[Path, Path]]:
    """Build all cases in one process of prompt flow; return each flow and what was built of it."""
    found = {}
    for number, (case, content) in enumerate(CASES.items()):
        root = tmp_path_factory.mktemp(f"case-{number}")
        found[case] = (write_case(root / "project", *content), root / "built")
    calls = [(str(flow), str(output)) for flow, output in found.values()]
    pf(prompt_flow, home, "-c", f"{BUILD_ALL}\nfor flow, output in {calls!r}:\n    build(flow, output=output)")
    return found


def names_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - WRITTEN


def compare(flow: Path, built_flow: Path) -> None:
    ours = {name: path for name, path in model_content(flow, flow.parents[1]).files.items() if name not in WRITTEN}
    assert set(ours) == names_of(built_flow)
    assert [name for name, path in ours.items() if not filecmp.cmp(path, built_flow / name, shallow=False)] == []


@pytest.mark.parametrize("case", CASES)
def test_a_flow_has_the_files_that_prompt_flow_gives_it(case: str, built: dict[str, tuple[Path, Path]]) -> None:
    flow, output = built[case]
    compare(flow, output / "flow")


def test_it_is_what_the_command_does(tmp_path: Path, prompt_flow: PythonEnvironment, home: Path) -> None:
    flow = write_case(tmp_path / "project", *CASES["what is ignored is ignored in includes too"])
    command = ["-m", "promptflow._cli.pf", "flow", "build", "--source", str(flow), "--format", "docker"]
    pf(prompt_flow, home, *command, "--output", str(tmp_path / "output"))
    compare(flow, tmp_path / "output" / "flow")
