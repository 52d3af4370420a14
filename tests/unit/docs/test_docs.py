"""What the documents say is so: links lead somewhere, commands exist, examples are valid, the reference is fresh."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from documents import ROOT, anchors, blocks, commands, documents, links

from sluice.cli.app import app
from sluice.spec.files import validate_files

DOCUMENTS = documents()
NAMES = [path.relative_to(ROOT).as_posix() for path in DOCUMENTS]
each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)

FORBIDDEN = {
    "a machine's path": re.compile(r"(?<![\w.~<>-])/(root|home|work|tmp|Users|workspace|mnt)/\S"),
    "a number of an issue": re.compile(r"(?<![\w&])#\d+\b|\b(GH|PR)-?\d+\b"),
    "a package registry": re.compile(r"pypi\.org|pythonhosted|proxy\.golang|crates\.io|npmjs|artifactory|nexus", re.I),
    "how it came about": re.compile(r"\b(sub-?agents?|helper's|this session|the brief|wave [12])\b", re.I),
}
# Said of a file by itself; what it names lies in the reader's project.
ABOUT_OTHER_FILES = ("does not exist", "is not there", "no such", "can't be found")


@each_document
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    for target in links(path.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), target
        assert not anchor or anchor in anchors(found.read_text()), target


@each_document
def test_every_command_that_is_shown_exists(path: Path) -> None:
    for arguments in commands(path.read_text()):
        parse(arguments)


@pytest.mark.parametrize(
    "arguments", [["upp"], ["up", "--al-traffic", "blue"], ["traffic", "sett", "a=1"], ["keys", "regenerate", "third"]]
)
def test_a_command_that_does_not_exist_is_noticed(arguments: list[str]) -> None:
    with pytest.raises((KeyError, typer.exceptions.TyperException)):
        parse(arguments)


@each_document
def test_nothing_is_named_that_is_of_one_machine_or_one_day(path: Path) -> None:
    lines = path.read_text().splitlines()
    found = [(what, line) for what, sign in FORBIDDEN.items() for line in lines if sign.search(line)]

    assert found == []


@each_document
def test_every_example_of_a_specification_is_valid(path: Path, tmp_path: Path) -> None:
    """A block with `$schema` is a whole file; what it refers to need not be there."""
    for number, block in enumerate(blocks(path.read_text())):
        if block.language == "yaml" and block.text.startswith("$schema:"):
            file = tmp_path / f"{number}.yaml"
            file.write_text(block.text)
            findings = [one.diagnostic for result in validate_files(tmp_path, [file]) for one in result.findings]
            errors = [one for one in findings if one.severity == "error"]
            assert [one for one in errors if not any(words in one.message for words in ABOUT_OTHER_FILES)] == []


def test_the_reference_is_fresh() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "reference.py"), "--check"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_the_hook_calls_a_command_that_exists() -> None:
    for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text()):
        program, *arguments = hook["entry"].split()
        assert program == "sluice"
        parse(arguments)


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(links((folder / "README.md").read_text()))

    assert listed == {path.name for path in folder.glob("[0-9]*.md")}


def parse(arguments: list[str]) -> None:
    """Find the command and read its arguments, as a call would, without running it."""
    command: Any = typer.main.get_command(app)
    rest = list(arguments)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        command = command.commands[rest.pop(0)]
    if rest and not hasattr(command, "commands") and "--help" not in rest:
        command.make_context("sluice", rest)
