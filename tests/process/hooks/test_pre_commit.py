"""The hook, run by the real pre-commit in a real git repository: what changed, what depends on it, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
BLUE = """name: blue
endpoint_name: library
model: {path: ../../weights, name: shelf, type: custom_model}
environment: {name: reading, image: "python:3.11", conda_file: conda.yaml}
code_configuration: {code: ../../src, scoring_script: score.py}
instance_type: Standard_DS3_v2
instance_count: 1
"""
FILES = {
    "Pulumi.yaml": "name: library\nruntime: python\nmain: infra\n",
    "endpoints/library/endpoint.yaml": "name: library\nauth_mode: key\n",
    "endpoints/library/blue.yaml": BLUE,
    "endpoints/library/conda.yaml": "dependencies: [python=3.11, pip, {pip: [azureml-inference-server-http]}]\n",
    "endpoints/zoo/endpoint.yaml": "name: zoo\nauth_mode: key\n",
    "src/score.py": "def init() -> None: ...\n\n\ndef run(data: str) -> str:\n    return data\n",
    "weights/w.bin": "x",
    "charts/templates/service.yaml": "apiVersion: v1\nkind: {{ .Values.kind }}\n",
    ".github/workflows/ci.yaml": "on: push\njobs: {}\n",
    "README.md": "# Library\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with a project in it, all committed, and the hook installed as users install it.

    Only the language differs: `system` takes the `sluice` of these tests in place of one from a package index.
    """
    root = tmp_path / "repository"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    config = {"repos": [{"repo": "local", "hooks": [hook | {"language": "system"}]}]}
    (root / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    git(root, "init", "--quiet", "--initial-branch", "main")
    git(root, "add", "--all")
    assert git(root, "commit", "--quiet", "--message", "all").returncode == 0
    assert run(root, str(pre_commit()), "install").returncode == 0
    return root


def pre_commit() -> Path:
    found = shutil.which("pre-commit", path=os.pathsep.join([str(BIN), os.environ.get("PATH", "")]))
    assert found, "pre-commit is missing: make setup"
    return Path(found)


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.pathsep.join([str(BIN), str(pre_commit().parent), os.environ["PATH"]]),
        "HOME": str(root.parent),
        "PRE_COMMIT_HOME": str(root.parent / "pre-commit"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "PRE_COMMIT_COLOR": "never",
    }
    return subprocess.run(
        command, cwd=root, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    person = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")
    return run(root, "git", *person, *arguments)


def changed(root: Path, name: str, text: str) -> subprocess.CompletedProcess[str]:
    """Commit another content of a file."""
    (root / name).write_text(text)
    git(root, "add", name)
    return git(root, "commit", "--message", "change")


def commits(root: Path) -> int:
    return len(git(root, "log", "--oneline").stdout.splitlines())


def test_a_mistake_is_not_committed_and_its_correction_is(repository: Path) -> None:
    done = changed(repository, "endpoints/library/endpoint.yaml", "name: library\nauth_mod: key\n")
    assert done.returncode == 1
    assert "endpoints/library/endpoint.yaml:2:1: error[unknown-key] auth_mod: unknown key" in done.stderr
    assert commits(repository) == 1

    done = changed(repository, "endpoints/library/endpoint.yaml", "name: library\nauth_mode: aml_token\n")
    assert done.returncode == 0, done.stderr
    assert commits(repository) == 2


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("src/score.py", "def run(:\n", "endpoints/library/blue.yaml:5:55: error[scoring-script]"),
        (
            "endpoints/library/conda.yaml",
            "dependencies: [\n",
            "endpoints/library/conda.yaml:1:15: error[yaml-unclosed]",
        ),
        (
            "endpoints/library/endpoint.yaml",
            "name: libraries\nauth_mode: key\n",
            "endpoints/library/blue.yaml:2:1: error[endpoint]",
        ),
    ],
)
def test_what_depends_on_a_change_is_checked_too(repository: Path, name: str, text: str, told: str) -> None:
    done = changed(repository, name, text)
    assert done.returncode == 1
    assert told in done.stderr
    assert commits(repository) == 1


def test_what_was_wrong_before_elsewhere_does_not_stop_a_commit(repository: Path) -> None:
    (repository / "endpoints/zoo/endpoint.yaml").write_text("name: zoo\nauth_mode: nonsense\n")
    git(repository, "add", "--all")
    git(repository, "commit", "--no-verify", "--message", "broken")

    done = changed(repository, "endpoints/library/blue.yaml", BLUE.replace("instance_count: 1", "instance_count: 2"))
    assert done.returncode == 0, done.stderr
    done = changed(repository, "endpoints/zoo/endpoint.yaml", "name: zoo\nauth_mode: nonsens\n")
    assert done.returncode == 1


@pytest.mark.parametrize("name", ["README.md", "charts/templates/service.yaml", ".github/workflows/ci.yaml"])
def test_files_that_are_no_specifications_pass_in_silence(repository: Path, name: str) -> None:
    done = changed(repository, name, FILES[name] + "# more\n")
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr


def test_a_whole_repository_in_one_call(repository: Path) -> None:
    done = run(repository, str(pre_commit()), "run", "--all-files", "--verbose")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing wrong in 3 files" in done.stdout
