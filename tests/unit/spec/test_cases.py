"""Each folder of tests/cases/spec is a project; its expected.txt holds what loading it finds.

One more folder is one more test. A folder with stacks/prod is loaded with that stack.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.spec.load import load_specs, shown
from sluice.spec.models import SpecSet

CASES = Path(__file__).parents[2] / "cases" / "spec"
NAMES = sorted(path.name for path in CASES.iterdir())


def load_case(name: str) -> SpecSet:
    root = CASES / name
    return load_specs(root, stack="prod" if (root / "stacks" / "prod").is_dir() else None)


@pytest.mark.parametrize("name", NAMES)
def test_findings(name: str) -> None:
    found = "".join(f"{finding.severity} {shown(finding)}\n" for finding in load_case(name).diagnostics)

    assert found == (CASES / name / "expected.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_is_shown(name: str) -> None:
    findings = load_case(name).diagnostics

    assert "not-to-be-shown" not in "".join(shown(finding) for finding in findings)
    assert "not-to-be-shown" not in repr(load_case(name))
